"""Says how much of one request stands unchanged in the next, up to the question: what a server's prefix cache can use."""

import json

from tests.model_server.seen import Seen

_BEGIN = b'"messages"'


def shared(first: Seen, second: Seen) -> float:
    """The share (0 to 1) of the second request's bytes, from its messages to its question, that the first begins with too."""
    one, other = _before_question(first), _before_question(second)
    alike = next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    return alike / len(other)


def _before_question(seen: Seen) -> bytes:
    assert seen.chat is not None
    body = seen.body
    places = [
        body.rfind(json.dumps(seen.chat.question, ensure_ascii=ascii_only)[:-1].encode())
        for ascii_only in (True, False)
    ]
    begin, end = body.find(_BEGIN), max(places)
    assert 0 <= begin < end, "the question was not found in the request"
    return body[begin:end]
