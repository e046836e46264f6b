"""Measures what a bucket is asked for while ten gigabytes of parts in it become one file: it counts, and holds one part."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kinoscribe.cancel import Cancel
from kinoscribe.storage.asset_rows import AssetRows
from kinoscribe.storage.database import Database
from kinoscribe.storage.object_blobs import ObjectBlobs
from kinoscribe.storage.objects import ObjectOptions, Objects
from kinoscribe.storage.parts import PartStored

MIB = 1024 * 1024
PART = 16 * MIB
_UPLOAD = "0123456789abcdef01234567"
_KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


def in_a_bucket(folder: Path, gigabytes: int = 10) -> dict[str, Any]:
    """Seconds, the requests by method and the bytes that were put while the parts became an asset's file."""
    count = -(-gigabytes * 10**9 // PART)
    part = os.urandom(PART)
    etag = hashlib.sha256(part).hexdigest()
    parts = [PartStored(number, etag, PART) for number in range(1, count + 1)]
    with _store(part) as (endpoint, asked), closing(Database(f"sqlite:///{folder / 'rows.db'}")) as database:
        database.migrate()
        objects = Objects("s3://bucket/bench", ObjectOptions(endpoint=endpoint, region="us-east-1"))
        with closing(ObjectBlobs(folder, objects, database, 0)) as blobs:
            rows = AssetRows(database, blobs)
            asset = rows.add("a", method="multipart", filename="v.mp4", file_type="video/mp4")
            began = time.perf_counter()
            with blobs.parts.assemble(_UPLOAD, parts, Cancel()) as made:
                assert rows.arrived(asset.id, made)
            taken = time.perf_counter() - began
    return {
        "gigabytes": made.bytes / 1e9,
        "seconds": taken,
        "requests": {name: asked[name] for name in sorted(asked) if name != "bytes"},
        "put_bytes": asked["bytes"],
    }


@contextmanager
def _store(part: bytes) -> Iterator[tuple[str, Counter[str]]]:
    """The address of a bucket in which every object is `part`, and what was asked of it: methods, and bytes put."""
    asked: Counter[str] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            with lock:
                asked["GET"] += 1
            found = _RANGE.fullmatch(self.headers.get("range", ""))
            first, last = (int(found[1]), int(found[2])) if found else (0, PART - 1)
            self.send_response(206 if found else 200)
            self.send_header("Content-Length", str(last + 1 - first))
            self.send_header("Content-Range", f"bytes {first}-{last}/{PART}")
            self.send_header("ETag", '"part"')
            self.send_header("Last-Modified", "Sun, 01 Jan 2023 00:00:00 GMT")
            self.end_headers()
            self.wfile.write(memoryview(part)[first : last + 1])

        def _count(self) -> None:
            size = int(self.headers.get("content-length", 0))
            with lock:
                asked[self.command] += 1
                asked["bytes"] += size
            self.rfile.read(size)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.send_header("ETag", '"other"')
            self.end_headers()

        do_PUT = do_POST = do_DELETE = do_HEAD = _count

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with patch.dict(os.environ, _KEYS):
            yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
