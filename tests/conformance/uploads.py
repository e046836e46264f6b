"""Small words for sending files in chunks over the served wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from tests.conformance.exact_uploads import Opened, opened
from tests.conformance.wire import Json

UPLOADS = "assets/multipart-uploads"


def begin(wire: httpx2.Client, content: bytes | int, **fields: Any) -> Sending:
    """A new session for a file of that content, or only of that size."""
    size = content if isinstance(content, int) else len(content)
    body = {"filename": "clip.mp4", "type": "video", "total_size": size, **fields}
    session = opened(wire.post(UPLOADS, json=body))
    return Sending(wire, session, b"" if isinstance(content, int) else content)


@contextmanager
def nobody() -> Iterator[httpx2.Client]:
    """A client without any key."""
    with httpx2.Client(timeout=60, trust_env=False) as client:
        yield client


def put(url: str, content: bytes | Iterable[bytes], **headers: str) -> httpx2.Response:
    with nobody() as client:
        return client.put(
            url, content=content, headers={"content-type": "application/octet-stream", **headers}
        )


@dataclass
class Sending:
    """A session as its client sees it, and the file it wants to send."""

    wire: httpx2.Client
    session: Opened
    content: bytes

    @property
    def path(self) -> str:
        return f"{UPLOADS}/{self.session.upload_id}"

    def piece(self, number: int) -> bytes:
        size = self.session.chunk_size
        return self.content[(number - 1) * size : number * size]

    def url(self, number: int) -> str:
        """A fresh URL, as a client asks for one that was not among the first."""
        answer = self.wire.post(f"{self.path}/presigned-urls", json={"start": number, "count": 1})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["upload_urls"][0]["url"])

    def send(self, number: int) -> Json:
        """Sends one chunk and returns the entry that reports it."""
        answer = put(self.url(number), self.piece(number))
        assert answer.status_code == 200, answer.text
        etag = answer.headers["etag"]
        assert etag.startswith('"')
        assert etag.endswith('"')
        return self.entry(number, etag.strip('"'))

    def entry(self, number: int, proof: str, size: int | None = None) -> Json:
        size = len(self.piece(number)) if size is None else size
        return {"chunk_index": number, "proof": proof, "proof_type": "etag", "chunk_size": size}

    def report(self, *entries: Json) -> httpx2.Response:
        return self.wire.post(self.path, json={"completed_chunks": list(entries)})

    def state(self, **query: int) -> httpx2.Response:
        return self.wire.get(self.path, params=query)

    def numbers(self) -> range:
        return range(1, self.session.total_chunks + 1)


def kept_contents(data: Path) -> set[str]:
    """The names of all contents that a server keeps on its disk."""
    return {path.name for path in (data / "media").rglob("*") if path.is_file()}


def disk_bytes(folder: Path) -> int:
    """What a folder takes of the disk: holes in files take nothing."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
