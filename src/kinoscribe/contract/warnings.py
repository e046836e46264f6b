"""Words the warnings of answers that were cut and of segmentations that are incomplete (contract 4, 7.1)."""

from collections.abc import Sequence

from kinoscribe.contract.shown import harmless

_AT_MOST = (
    "output truncated: max_tokens was reached and the partial output is returned. "
    "Raise max_tokens to get a longer answer."
)
_AT_WINDOW = (
    "output truncated: input and output together reached the context limit and the partial output is returned. "
    "Shorten the input or lower max_tokens."
)

_MOST_SPANS = 20


def truncated(output_tokens: int, max_tokens: int) -> str:
    """Says which of the two limits ended the answer, and what to change."""
    return _AT_MOST if output_tokens >= max_tokens else _AT_WINDOW


def partial(ids: Sequence[str], reason: str) -> str:
    """Says which definitions of a segmentation lack segments, and why."""
    named = ", ".join(harmless(name, 80) for name in ids)
    return f"partial result: the segments of {named} are incomplete: {reason}."


def unseen(spans: Sequence[tuple[float, float]], reason: str) -> str:
    """Says which seconds of a video nobody could look at, and why."""
    told = ", ".join(f"{start:.1f} to {end:.1f}" for start, end in spans[:_MOST_SPANS])
    more = f" and {len(spans) - _MOST_SPANS} more parts" if len(spans) > _MOST_SPANS else ""
    return (
        f"output truncated: the answer tells nothing of the seconds {told}{more}, because they could not be "
        f"looked at: {harmless(reason, 200)} Ask again to have them looked at."
    )
