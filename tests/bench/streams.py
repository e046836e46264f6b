"""Reads many streamed answers at once and notes when their text comes, at little cost of its own."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Heard:
    """Seconds after asking at which the first and the last text came, and when the answer was whole."""

    first: float
    last: float
    whole: float
    body: bytes


@dataclass(frozen=True)
class Question:
    """One request to be streamed. `mark` stands in every event that has text."""

    url: str
    body: dict[str, Any] | bytes
    mark: bytes
    key: str = ""


def ours(url: str, key: str, body: dict[str, Any]) -> Question:
    return Question(f"{url}/v1.3/analyze", body, b'"text_generation"', key)


def direct(url: str, body: bytes) -> Question:
    return Question(f"{url}/chat/completions", body, b'"delta":{"content":"', "")


def hear(questions: list[Question]) -> list[Heard]:
    """Asks them all at once and waits for all ends. Anything but a whole answer of status 200 is an assertion error."""
    return asyncio.run(_all(questions))


async def _all(questions: list[Question]) -> list[Heard]:
    return list(await asyncio.gather(*(_one(question) for question in questions)))


async def _one(question: Question) -> Heard:
    address = urlsplit(question.url)
    body = question.body if isinstance(question.body, bytes) else json.dumps(question.body).encode()
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: bench\r\nx-api-key: {question.key}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    began = time.perf_counter()
    writer.write(head.encode() + body)
    await writer.drain()
    parts, first, last = [], None, began
    while part := await reader.read(65536):
        parts.append(part)
        if question.mark in part:
            last = time.perf_counter()
            first = first or last
    whole = time.perf_counter()
    writer.close()
    got = b"".join(parts)
    assert got.startswith(b"HTTP/1.1 200"), got[:2000]
    assert first is not None, got[:2000]
    return Heard(first - began, last - began, whole - began, got)
