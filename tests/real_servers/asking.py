"""Asks of a made-up video of a minute, with real pictures, for servers that truly decode them."""

from typing import Any

import cv2
import numpy as np
from tests.real_servers.servers import MODEL, RealServer
from tests.unit.engines.openai.asks import ask as plain_ask

from kinoscribe.cancel import Cancel
from kinoscribe.engines.engine import Ask, Finished, Frame, Text
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.engine import OpenAIEngine
from kinoscribe.engines.openai.prober import Prober

SIZE = (336, 196)


def frames(count: int) -> tuple[Frame, ...]:
    """Plain pictures of other colours, a second apart."""
    return tuple(_frame(place) for place in range(count))


def ask(prompt: str = "What happens?", **changes: Any) -> Ask:
    return plain_ask(prompt, **{"frames": frames(4), "max_tokens": 40, "temperature": 0.0, **changes})


def config(*servers: RealServer, **changes: Any) -> OpenAIConfig:
    return OpenAIConfig(urls=tuple(server.url for server in servers), **{"model": MODEL, **changes})


def engine(*servers: RealServer, **changes: Any) -> OpenAIEngine:
    """One that has looked at its servers."""
    chosen = config(*servers, **changes)
    prober = Prober(chosen)
    assert prober.look(Cancel())
    return OpenAIEngine(chosen, prober)


def answer(engine: OpenAIEngine, asked: Ask) -> tuple[list[str], Finished]:
    """The pieces of text, and the end."""
    *texts, last = engine.generate(asked, Cancel())
    assert isinstance(last, Finished)
    return [piece.text for piece in texts if isinstance(piece, Text)], last


def _frame(place: int) -> Frame:
    width, height = SIZE
    shown = np.full((height, width, 3), (place * 53 % 256, place * 97 % 256, 200), np.uint8)
    ok, data = cv2.imencode(".jpg", shown)
    assert ok
    return Frame(float(place), width, height, data.tobytes())
