"""Decides whether a video whose facts are known may be analysed as a request asks, and which part of it."""

from dataclasses import dataclass

from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.limits import LONGEST_VIDEO, Mode
from kinoscribe.contract.segments import Segmentation, check_ranges
from kinoscribe.contract.sources import VideoSource
from kinoscribe.contract.video import VideoFacts, Window, check_video, choose_window


@dataclass(frozen=True, slots=True)
class Admitted:
    """The window that is asked about, and the segmentation wanted inside it, both clamped to the video."""

    window: Window
    segmentation: Segmentation | None


def named_source(request: AnalyzeRequest) -> VideoSource:
    """The video that the request names. Raises `ParameterInvalid` for one about pictures alone."""
    if request.video is None:
        reason = "Questions about images alone are not supported by this server yet. Use video."
        raise ParameterInvalid(p="image", reason=reason)
    return request.video


def admit(
    request: AnalyzeRequest, facts: VideoFacts, source_kind: str, mode: Mode, shortest: float | None
) -> Admitted:
    """Raises the refusals of contract 3.1, 3.2 and 9.

    `shortest` is the operator's own minimum in seconds in place of the rule set's.
    """
    ranges = _ranges(request.segmentation)
    windowed = request.start_time is not None or request.end_time is not None or bool(ranges)
    longer = windowed and source_kind != "base64_string" and "hls" not in facts.container
    longer = longer and _longest(request.segmentation) <= LONGEST_VIDEO[mode]
    check_video(facts, request.rules, mode, shortest, windowed=longer)
    window = choose_window(facts, request.start_time, request.end_time, request.rules, mode, shortest)
    if request.segmentation is None:
        return Admitted(window, None)
    segmentation = check_ranges(request.segmentation, facts)
    if ranges := _ranges(segmentation):
        window = Window(min(start for start, _ in ranges), max(end for _, end in ranges))
    return Admitted(window, segmentation)


def _ranges(segmentation: Segmentation | None) -> list[tuple[float, float]]:
    """All ranges that are asked about; none where one definition asks about the whole window."""
    if segmentation is None or not all(definition.ranges for definition in segmentation.definitions):
        return []
    return [span for definition in segmentation.definitions for span in definition.ranges]


def _longest(segmentation: Segmentation | None) -> float:
    """Seconds that one definition asks about in all its ranges, at most."""
    definitions = segmentation.definitions if segmentation else ()
    return max((sum(end - start for start, end in one.ranges) for one in definitions), default=0.0)
