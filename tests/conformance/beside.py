"""A served Kinoscribe beside a scripted model server, and the coded clip that both are asked about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from tests.conformance.exact import Stream, read_stream
from tests.conformance.served import Served, serve
from tests.conformance.wire import Json, finished, upload
from tests.model_server.coded import Coded
from tests.model_server.script import Nature
from tests.model_server.server import ModelServer

CLIP = Coded(20, card=5, fps=4, size=(640, 360))
KEY = "a-key-of-the-model-server"
QUESTION = "What is to be seen, and from when to when?"
SHAPE = {
    "type": "object",
    "properties": {
        "cards": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "title": {"type": "string"},
                    "start": {"type": "number"},
                    "end": {"type": "number"},
                },
                "required": ["title", "start", "end"],
            },
        }
    },
    "required": ["cards"],
}


@dataclass(frozen=True)
class Beside:
    """A Kinoscribe, the model server behind it, and an asset of the coded clip."""

    served: Served
    server: ModelServer
    wire: httpx2.Client
    asset: str

    def body(self, prompt: str = QUESTION, **more: Any) -> Json:
        return {
            "model_name": "pegasus1.5",
            "video": {"type": "asset_id", "asset_id": self.asset},
            "prompt": prompt,
            "temperature": 0.4,
            **more,
        }

    def stream(self, body: Json) -> Stream:
        """The streamed answer; the body of one that failed on the way is cut, and of no other."""
        got, whole = b"", True
        with self.wire.stream("POST", "analyze", json={**body, "stream": True}) as response:
            try:
                for part in response.iter_raw():
                    got += part
            except httpx2.RemoteProtocolError:
                whole = False
        assert response.status_code == 200, got
        told = read_stream(got)
        assert whole == (told.end.finish_reason is not None)
        return told

    def receipt(self, generation_id: str) -> Json:
        found = self.wire.get(f"receipts/{generation_id}")
        assert found.status_code == 200, found.text
        return dict(found.json())


@contextmanager
def beside(
    data: Path, server: ModelServer, *more: ModelServer, clip: Coded = CLIP, **settings: Any
) -> Iterator[Beside]:
    """A Kinoscribe whose engine is those servers."""
    path = clip.make(data.parent / f"{data.name}.mp4")
    with (
        serve(
            data,
            engine="openai",
            engine_url=",".join(one.url for one in (server, *more)),
            engine_model="scripted-vl",
            engine_api_key=KEY,
            engine_profile=server.family,
            heartbeat_seconds=0.4,
            retry_seconds=0.2,
            task_attempts=2,
            lease_seconds=2,
            **{"collectors": "shots,looks", **settings},
        ) as served,
        served.client() as wire,
    ):
        yield Beside(served, server, wire, new_asset(wire, path))


def new_asset(wire: httpx2.Client, path: Path) -> str:
    made = upload(wire, path)
    assert made.status_code == 201, made.text
    assert finished(wire, made.json()["_id"]).status == "ready"
    return str(made.json()["_id"])


def forgotten(kept: Beside) -> Iterator[Beside]:
    """The pair with a model that has forgotten everything. No test may have asked what no server understands."""
    kept.server.forget()
    kept.server.nature = Nature(key=KEY)
    yield kept
    assert kept.server.problems() == []
