"""Turns the `video` of a request into one source, and base64 text into bytes (contract 3)."""

import binascii
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from kinoscribe.contract.errors import ApiError, ParameterInvalid, ParameterNotProvided, VideoFilesizeTooLarge
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import BASE64_VIDEO_BYTES, LONGEST_URL, MB, RULES
from kinoscribe.contract.shown import show
from kinoscribe.ids import is_object_id

_KEYS = ("url", "asset_id", "base64_string")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_DATA_URI = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_SPACES = str.maketrans("", "", " \t\r\n")
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class UrlSource:
    url: str
    kind: Literal["url"] = field(default="url", init=False)


@dataclass(frozen=True, slots=True)
class AssetSource:
    asset_id: str
    kind: Literal["asset_id"] = field(default="asset_id", init=False)


@dataclass(frozen=True, slots=True)
class Base64Source:
    """`text` as it was sent; `decode_base64` makes bytes of it. Its length has been checked, its letters have not."""

    text: str = field(repr=False)
    kind: Literal["base64_string"] = field(default="base64_string", init=False)


@dataclass(frozen=True, slots=True)
class VideoIdSource:
    """A video of the classic flow, `pegasus1.2` only."""

    video_id: str
    kind: Literal["video_id"] = field(default="video_id", init=False)


Source = UrlSource | AssetSource | Base64Source
VideoSource = Source | VideoIdSource


def read_video(fields: Fields, model_name: str) -> VideoSource:
    """The source that a `video` object names. Raises what section 3 says about one that does not."""
    kinds = (*_KEYS, "video_id") if RULES[model_name].video_id else _KEYS
    kind = fields.choice("type", kinds)
    present = [key for key in (*_KEYS, "video_id") if fields.has(key)]
    if kind is None:
        if not present:
            raise ParameterNotProvided(p=fields.at("type"))
        if len(present) > 1:
            raise _several(fields, present)
        kind = present[0]
        if kind not in kinds:
            raise ParameterInvalid(
                p=fields.at(kind), reason=f"It is not accepted with model_name {model_name}."
            )
    fields.required(kind)
    if present != [kind]:
        raise _several(fields, present)
    if kind == "video_id":
        return VideoIdSource(fields.needed_text(kind))
    source = read_source(fields, kind)
    if isinstance(source, Base64Source):
        _check_size(source.text, BASE64_VIDEO_BYTES)
    return source


def read_source(fields: Fields, kind: str, schemes: tuple[str, ...] = ("http", "https")) -> Source:
    """The source under the key `kind`; base64 text is neither measured nor decoded."""
    text = fields.needed_text(kind)
    match kind:
        case "url":
            return UrlSource(check_url(text, fields.at(kind), schemes))
        case "asset_id":
            return AssetSource(check_asset_id(text, fields.at(kind)))
    return Base64Source(text)


def check_url(text: str, path: str, schemes: tuple[str, ...] = ("http", "https")) -> str:
    """The URL, when it is one that could be fetched. Raises `ParameterInvalid` naming `path`."""
    reason = _fault_of_url(text, schemes)
    if reason is not None:
        raise ParameterInvalid(p=path, reason=reason)
    return text


def check_asset_id(text: str, path: str) -> str:
    """The id, when it has the form of one. Raises `ParameterInvalid` naming `path`."""
    if not is_object_id(text):
        reason = f"{show(text)} was given; 24 lower-case hexadecimal characters are accepted."
        raise ParameterInvalid(p=path, reason=reason)
    return text


def decode_base64(text: str, path: str = "video.base64_string", most: int = BASE64_VIDEO_BYTES) -> bytes:
    """The bytes `text` stands for: padded or not, either alphabet, with or without a `data:` prefix or line breaks.

    Raises `VideoFilesizeTooLarge`, or `ParameterInvalid` naming `path`.
    """
    _check_size(text, most)
    text = text[_begin(text) :]
    if any(space in text for space in " \t\r\n"):
        text = text.translate(_SPACES)
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    if not text.endswith("="):
        text += "=" * (-len(text) % 4)
    try:
        decoded = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise ParameterInvalid(p=path, reason="It cannot be decoded: it is not base64 text.") from error
    if not decoded:
        raise ParameterInvalid(p=path, reason="It is base64 text of nothing.")
    return decoded


def decoded_size(text: str, most: int) -> int:
    """The bytes that base64 `text` stands for; decodes nothing, and is exact only beyond `most`."""
    rough = len(text) * 3 // 4
    return rough if rough <= most else len(text[_begin(text) :].translate(_SPACES).rstrip("=")) * 3 // 4


def _check_size(text: str, most: int) -> None:
    size = decoded_size(text, most)
    if size > most:
        raise VideoFilesizeTooLarge(most=f"{most // MB} MB", size=f"{size / MB:.1f} MB")


def _begin(text: str) -> int:
    prefix = _DATA_URI.match(text)
    return prefix.end() if prefix else 0


def _fault_of_url(text: str, schemes: tuple[str, ...]) -> str | None:
    wanted = f"A direct {' or '.join(schemes)} link to a file is accepted."
    if len(text) > LONGEST_URL:
        return f"The URL has {len(text)} characters; at most {LONGEST_URL} are accepted."
    if _UNSAFE.search(text):
        return "The URL holds white space, a control character or a backslash."
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return f"{show(text)} is not a URL. {wanted}"
    if parts.scheme not in schemes or not host:
        return f"{show(text)} was given. {wanted}"
    return None


def _several(fields: Fields, present: list[str]) -> ApiError:
    given = " and ".join(present)
    return ParameterInvalid(p=fields.path, reason=f"{given} were given; exactly one source is accepted.")
