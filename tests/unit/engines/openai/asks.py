"""Asks of a made-up video of a minute, with pictures that no model looks at."""

from dataclasses import replace
from typing import Any

from kinoscribe.contract.video import VideoFacts
from kinoscribe.engines.engine import Ask, Finished, Frame, Piece, Text
from kinoscribe.engines.openai.config import OpenAIConfig, Waits
from kinoscribe.engines.openai.engine import OpenAIEngine
from kinoscribe.notes import Notes

FACTS = VideoFacts(
    0.0, 60.0, 640, 360, 25.0, 0, "mp4", "video/mp4", "h264", "aac", 48_000, 2, 1, 1, 1_000_000
)
WAITS = Waits(connect=5.0, first_token=20.0, idle=20.0, total=40.0, busy=5.0)
KEY = "sk-a-secret-of-the-operator"


def jpeg(seed: int, size: int = 400) -> bytes:
    return b"\xff\xd8\xff\xe0" + bytes([seed % 256]) * size


def frames(count: int, gap: float = 1.0) -> tuple[Frame, ...]:
    return tuple(Frame(place * gap, 560, 308, jpeg(place)) for place in range(count))


def ask(prompt: str = "What happens?", **changes: Any) -> Ask:
    plain = Ask(
        prompt=prompt,
        facts=FACTS,
        notes=Notes(content="0" * 64, start=0.0, end=60.0),
        start=0.0,
        end=60.0,
        model_name="pegasus1.5",
        temperature=0.2,
        max_tokens=500,
        frames=frames(4),
        brief="Speech:\n[00:00:01] Good morning.",
        content="c" * 64,
        salt="a-salt",
    )
    return replace(plain, **changes)


def config(*urls: str, **changes: Any) -> OpenAIConfig:
    plain = OpenAIConfig(urls=urls, model="tiny", api_key=KEY, profile="vllm", waits=WAITS)
    return replace(plain, **changes)


def engine(*urls: str, **changes: Any) -> OpenAIEngine:
    return OpenAIEngine(config(*urls, **changes))


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


def end_of(pieces: list[Piece]) -> Finished:
    last = pieces[-1]
    assert isinstance(last, Finished)
    return last
