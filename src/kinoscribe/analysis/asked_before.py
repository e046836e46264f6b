"""Gives the answer that was given before, where the same account asks the same exactly and chance has no part in it."""

import json
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict

from kinoscribe.analysis import happenings
from kinoscribe.analysis.job import Job
from kinoscribe.analysis.said import parts
from kinoscribe.analysis.scene import Scene, scene_of
from kinoscribe.analysis.tools import Tools
from kinoscribe.contract.events import Ended, Event, TextPart
from kinoscribe.notes import Notes
from kinoscribe.storage.cache_folder import CacheKey

Say = Callable[[Job, Notes, Tools], Generator[Event, None, Ended]]

KIND = "answers"
# Raise this when the analysis itself changes so that the same question gets another answer.
_VERSION = "1"


def once(job: Job, notes: Notes, tools: Tools, say: Say) -> Generator[Event, None, Ended]:
    """What `say` says, or what it said the last time. Only complete answers at temperature 0 are kept.

    An engine that looks at no pictures of the video answers so fast that nothing is kept of it.
    """
    scene = scene_of(job, notes, tools)
    if scene is None or job.request.temperature != 0.0:
        return (yield from say(job, notes, tools))
    key = _key(scene)
    kept = tools.cache.get(KIND, key)
    if kept is not None:
        return (yield from _again(job, kept))
    texts: list[str] = []
    with closing(say(job, notes, tools)) as said:
        while True:
            try:
                event = next(said)
            except StopIteration as stop:
                ended: Ended = stop.value
                break
            if isinstance(event, TextPart):
                texts.append(event.text)
            yield event
    if ended.finish_reason == "stop" and ended.warning is None:
        body = {"text": "".join(texts), "usage": asdict(ended.usage)}
        tools.cache.put(KIND, key, json.dumps(body).encode())
    return ended


def _again(job: Job, kept: bytes) -> Generator[Event, None, Ended]:
    body = json.loads(kept)
    job.ledger.answer_kept = True
    job.spent.input_tokens = body["usage"]["input_tokens"]
    yield from parts(body["text"])
    job.spent.output_tokens = body["usage"]["output_tokens"]
    return Ended(job.generation_id, "stop", job.spent.usage())


def _key(scene: Scene) -> CacheKey:
    """All that the answer depends on."""
    request, looked = scene.job.request, scene.job.looked
    return scene.key(
        _VERSION,
        happenings.VERSION,
        request.model_name,
        request.rules,
        request.analysis_mode,
        f"{looked.start!r} {looked.end!r} {request.max_tokens}",
        request.words,
        request.prompt_text,
        json.dumps(request.json_schema),
        repr(request.segmentation),
        repr(request.images),
        json.dumps([(one.name, one.content) for one in scene.job.pictures]),
    )
