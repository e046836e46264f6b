"""Turns an Ask into the messages of a chat: what is shown first, the question last.

Two questions about the same part of a video give messages whose bytes are the same up to the question.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from kinoscribe.engines.engine import Ask, Frame
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.profiles import Profile
from kinoscribe.engines.openai.wording import SYSTEM, SYSTEM_STILLS, clock, opening, question, sequence_clocks

_T = TypeVar("_T")
Part = dict[str, Any]
_KINDS = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"BM", "bmp"))


def messages(
    ask: Ask, config: OpenAIConfig, schema: dict[str, Any] | None, *, named: bool = True
) -> list[dict[str, Any]]:
    """The system's and the user's message. `schema` is the plain one of `wanted_schema`.

    `named`: pictures get names of their own, where the profile has a place for them.
    """
    name = _Names(config.row if named else replace(config.row, picture_id=None), ask.salt)
    shown = list(_stills(ask, config, name) if ask.stills else _video(ask, config, name))
    asked = {"type": "text", "text": question(ask, schema)}
    return [
        {"role": "system", "content": SYSTEM_STILLS if ask.stills else SYSTEM},
        {"role": "user", "content": [*shown, asked]},
    ]


def shown_frames(ask: Ask, config: OpenAIConfig) -> tuple[Frame, ...]:
    """The frames that go out: where a server takes no more, evenly chosen ones."""
    if not config.sees or ask.stills:
        return ()
    return spread(ask.frames, max(1, config.sight.most - len(ask.images)))


def spread(items: Sequence[_T], most: int) -> tuple[_T, ...]:
    """At most so many of them, evenly over the whole; the first and the last stay."""
    if len(items) <= most:
        return tuple(items)
    if most < 2:
        return tuple(items[: max(0, most)])
    return tuple(items[round(place * (len(items) - 1) / (most - 1))] for place in range(most))


def is_sequence(ask: Ask, config: OpenAIConfig) -> bool:
    """Whether the frames go as one sequence."""
    return config.sequence and config.row.sequence and len(shown_frames(ask, config)) > 1


def _video(ask: Ask, config: OpenAIConfig, names: "_Names") -> Iterator[Part]:
    frames = shown_frames(ask, config)
    yield _text(opening(ask, numbered=config.numbered))
    if is_sequence(ask, config):
        yield _text(sequence_clocks([frame.time for frame in frames]))
        yield names.sequence(frames)
    else:
        for frame in frames:
            yield _text(clock(frame.time))
            yield names.picture(frame.jpeg)
    if config.sees:
        for name, data in ask.images:
            yield _text(f"The reference picture that words point at with <@{name}>:")
            yield names.picture(data)


def _stills(ask: Ask, config: OpenAIConfig, names: "_Names") -> Iterator[Part]:
    """The client's own pictures, and frames of their stretches where the pictures themselves are not at hand."""
    own = dict(ask.images)
    if ask.brief:
        yield _text(f"Notes that software took of the pictures:\n<notes>\n{ask.brief}\n</notes>")
    if not config.sees:
        return
    for name, start, end in ask.stills:
        inside = (frame.jpeg for frame in ask.frames if start <= frame.time < end)
        data = own.get(name) or next(inside, None)
        if data is not None:
            yield _text(f"<@{name}>:")
            yield names.picture(data)


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


@dataclass(frozen=True, slots=True)
class _Names:
    """Makes parts of pictures, with the names by which a server finds them again."""

    profile: Profile
    salt: str

    def picture(self, data: bytes) -> Part:
        image: Part = {"url": f"data:image/{_kind(data)};base64,{b64encode(data).decode('ascii')}"}
        part: Part = {"type": "image_url", "image_url": image}
        match self.profile.picture_id:
            case "content_hash":
                image["content_hash"] = self._name(data)
            case "uuid":
                part["uuid"] = self._name(data)
        return part

    def sequence(self, frames: tuple[Frame, ...]) -> Part:
        joined = ",".join(b64encode(frame.jpeg).decode("ascii") for frame in frames)
        part: Part = {"type": "video_url", "video_url": {"url": f"data:video/jpeg;base64,{joined}"}}
        if self.profile.picture_id == "uuid":
            part["uuid"] = self._name(*(b"%.1f %b" % (frame.time, frame.jpeg) for frame in frames))
        return part

    def _name(self, *data: bytes) -> str:
        """That of another account's same picture is another one."""
        digest = hashlib.sha256(self.salt.encode("utf-8") + b"\0")
        for part in data:
            digest.update(part)
        return digest.hexdigest()


def _kind(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((kind for mark, kind in _KINDS if data.startswith(mark)), "jpeg")
