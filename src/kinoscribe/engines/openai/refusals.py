"""Turns a model server's refusal into what can be done about it. Its words are read, never passed on."""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from kinoscribe import clock

Kind = Literal["context", "pictures", "key", "model", "request", "busy", "broken"]

_LONGEST_READ = 20_000
_LARGEST = 100_000_000
_BUSY = {429, 503, 529}
_TOO_LARGE = 413
_CONTEXT = re.compile(
    r"context[ _](?:length|size|window)|max(?:imum)?[ _]model[ _]len|maximum context|exceed_context|"
    r"(?:prompt|input) is too long|too many (?:input )?tokens|longer than the (?:model|maximum)",
    re.IGNORECASE,
)
# Ollama lists all that a model lacks, one below the other.
_PICTURES = re.compile(
    r"at most (?P<most>\d{1,6}) images?|(?P<one>only supports a single image)|"
    r"(?:images?(?: input)?|vision) (?:is|are) not supported|not a multimodal|"
    r"(?:does not|doesn't|not) support (?:(?:completion|thinking|tools|insert)[n\s]+){0,3}"
    r"(?:image|vision|multimodal)|image_url['\"`]? is (?:only|not) |"
    r"no (?:image|vision) support|no endpoints found that support image|required for image input|too many images",
    re.IGNORECASE,
)
# The fields of a request that some models of hosted servers do not take, by the words that say so.
_UNWANTED = (
    (re.compile(r"\buse ['\"`]?max_completion_tokens", re.IGNORECASE), "max_tokens"),
    (
        re.compile(
            r"['\"`]temperature['\"`] (?:does not support|is not supported|is deprecated)|"
            r"unsupported (?:parameter|value): ['\"`]?temperature",
            re.IGNORECASE,
        ),
        "temperature",
    ),
)
_MOST_TOKENS = re.compile(
    r"(?:context (?:length|size|window)|model length)(?: is| of| only|[: (])*(\d{2,9})|['\"]n_ctx['\"]:\s*(\d{2,9})|"
    r"\d tokens? > (\d{2,9})|max_model_len=(\d{2,9})",
    re.IGNORECASE,
)
_PROMPT_TOKENS = re.compile(
    r"(\d{1,9}) in the messages|(\d{1,9}) (?:input tokens|tokens from the input)|"
    r"(?:input|prompt|request)(?: is too long:| length)? ?\(?(?:length )?(\d{1,9})|resulted in (\d{1,9}) tokens|"
    r"['\"]n_prompt_tokens['\"]:\s*(\d{1,9})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """`most` is the context or the number of pictures the server takes, `prompt` the tokens of what was sent.

    `retry_after` is in seconds. `unwanted` is the field of a request that the server does not take.
    """

    kind: Kind
    status: int
    most: int | None = None
    prompt: int | None = None
    retry_after: float | None = None
    unwanted: str | None = None

    def __str__(self) -> str:
        """A part of a sentence about the server."""
        match self.kind:
            case "busy":
                wait = (
                    "" if self.retry_after is None else f", and asks to come back in {self.retry_after:.0f} s"
                )
                return f"was busy, with status {self.status}{wait}"
            case "context":
                counted = "" if self.prompt is None else f", {self.prompt} tokens as it counts"
                return f"found it too long{counted}" + (
                    "" if self.most is None else f": it takes {self.most}"
                )
            case "pictures":
                return f"takes {self.most} pictures at most" if self.most else "refused the pictures"
            case "key":
                return "refused the API key that this server was given"
            case "model":
                return "does not know the model, or not the address"
            case "request" if self.unwanted:
                return f"takes no {self.unwanted}"
            case "request":
                return f"did not take the request, with status {self.status}"
            case "broken":
                return f"answered with status {self.status}"


def read_refusal(status: int, body: bytes, retry_after: str | None) -> Refusal:
    words = body[:_LONGEST_READ].decode("utf-8", "replace").replace("\\", "")
    if status in _BUSY:
        return Refusal("busy", status, retry_after=read_wait(retry_after))
    pictures = _PICTURES.search(words)
    if pictures is not None:
        if pictures["one"]:
            return Refusal("pictures", status, most=1)
        some = "too many" in pictures[0].lower()  # it takes fewer, and does not say how many
        return Refusal("pictures", status, most=None if some else _number(pictures["most"]) or 0)
    unwanted = next((field for told, field in _UNWANTED if told.search(words)), None)
    if status in (400, 422) and unwanted is not None:
        return Refusal("request", status, unwanted=unwanted)
    if status == _TOO_LARGE or _CONTEXT.search(words):
        return Refusal(
            "context", status, most=_first(_MOST_TOKENS, words), prompt=_first(_PROMPT_TOKENS, words)
        )
    if status in (401, 403):
        return Refusal("key", status)
    if status == 404:
        return Refusal("model", status)
    return Refusal("broken" if status >= 500 or status in (408, 425) else "request", status)


def read_wait(text: str | None) -> float | None:
    """The seconds that a `Retry-After` names, as a number or as a date."""
    if not text or len(text) > 60:
        return None
    if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text.strip()):
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a number too large for a year or an hour
        return None
    if then.tzinfo is None:
        return None
    return max(0.0, (then - clock.now()).total_seconds())


def _first(pattern: re.Pattern[str], words: str) -> int | None:
    found = pattern.search(words)
    return None if found is None else _number(next((group for group in found.groups() if group), None))


def _number(text: str | None) -> int | None:
    return int(text) if text and 0 < int(text) < _LARGEST else None
