"""Counts the tokens that a request would cost: words by their length, pictures by their size."""

import re
import struct

from tests.model_server.chat import Chat, ImageContent, TextContent

PATCH = 28
"""A picture costs one token for each square of so many pixels, as with the Qwen family."""
_WORD = re.compile(r"\s*[^\s]{1,8}|\s+$")


def pieces_of(text: str) -> list[str]:
    """`text` in tokens: words of at most eight letters with the space before them."""
    return _WORD.findall(text)


def text_tokens(text: str) -> int:
    return (len(text.encode()) + 3) // 4


def picture_tokens(content: bytes) -> int:
    width, height = picture_size(content)
    return max(1, -(-width // PATCH) * -(-height // PATCH)) + 2


def prompt_tokens(chat: Chat) -> int:
    """All parts and four tokens around each message."""
    total = 4 * len(chat.body.messages)
    for part in chat.parts:
        match part:
            case TextContent():
                total += text_tokens(part.text)
            case ImageContent():
                total += picture_tokens(part.picture)
            case _:
                total += 1000
    return total


def picture_size(content: bytes) -> tuple[int, int]:
    """Width and height as the file's own header tells them; 1 by 1 of a kind that is neither JPEG nor PNG."""
    if content.startswith(b"\x89PNG"):
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    place = 2
    while content.startswith(b"\xff\xd8") and place + 9 < len(content):
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 2 + length
    return 1, 1
