"""Turns `prompt`, `prompt_v2` and `image` into the client's words and the pictures they point at (contract 10)."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from kinoscribe.contract.errors import ParameterInvalid, ParameterNotProvided, TokenLimitExceeded
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import (
    BASE64_IMAGE_BYTES,
    IMAGE_BYTES,
    IMAGES,
    LONGEST_PROMPT,
    MB,
    MEDIA_SOURCES,
    RULES,
)
from kinoscribe.contract.shown import show
from kinoscribe.contract.sources import Base64Source, Source, decode_base64, decoded_size, read_source

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IMAGE_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_PLACEHOLDER = re.compile(r"<@([^<>\s]+)>")
_LONGEST_TOKEN = 100
_KINDS = ("url", "asset_id", "base64_string")


@dataclass(frozen=True, slots=True)
class MediaSource:
    """A picture that the words point at with `<@name>`."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class PromptV2:
    input_text: str
    media_sources: tuple[MediaSource, ...] = ()


def read_prompt(
    fields: Fields,
    model_name: str,
    count_tokens: Callable[[str], int],
    images: tuple[MediaSource, ...] = (),
    *,
    allow_http_images: bool,
) -> str | PromptV2:
    """Whichever of `prompt` and `prompt_v2` was sent. Raises when it is neither, both, or breaks section 10.

    `images` are what a question without a video is about; only `prompt` may ask it.
    """
    if fields.has("prompt"):
        prompt = fields.needed_text("prompt")
        _check_length(prompt, fields.at("prompt"), RULES[model_name].prompt_tokens, count_tokens)
        if fields.has("prompt_v2"):
            raise ParameterInvalid(
                p=fields.at("prompt_v2"), reason="Only one of prompt and prompt_v2 is accepted."
            )
        _check_mentions(prompt, images, fields.at("prompt"))
        return prompt
    given = fields.inner("prompt_v2")
    if given is None:
        raise ParameterNotProvided(p=fields.at("prompt"))
    if images:
        raise ParameterInvalid(p=fields.at("prompt_v2"), reason="It is not accepted with image; prompt is.")
    if not RULES[model_name].windows:
        raise ParameterInvalid(
            p=fields.at("prompt_v2"), reason=f"It is not accepted with model_name {model_name}."
        )
    return _read_prompt_v2(given, count_tokens, allow_http_images=allow_http_images)


def _read_prompt_v2(
    given: Fields, count_tokens: Callable[[str], int], *, allow_http_images: bool
) -> PromptV2:
    text = given.needed_text("input_text")
    _check_length(text, given.at("input_text"), None, count_tokens)
    sources = read_media_sources(given, allow_http=allow_http_images)
    names = {source.name for source in sources}
    for name in _PLACEHOLDER.findall(text):
        if name not in names:
            raise ParameterInvalid(
                p=given.at("input_text"), reason=f"{show(f'<@{name}>')} points at no name in media_sources."
            )
    return PromptV2(text, sources)


def read_media_sources(fields: Fields, *, allow_http: bool) -> tuple[MediaSource, ...]:
    """The `media_sources` of an object. Raises what section 10.3 says of their shape."""
    given = fields.inners("media_sources") or []
    if len(given) > MEDIA_SOURCES:
        raise ParameterInvalid(
            p=fields.at("media_sources"),
            reason=f"{len(given)} were given; at most {MEDIA_SOURCES} are accepted.",
        )
    return _different(given, [_read_media_source(one, allow_http=allow_http) for one in given])


def read_images(fields: Fields, *, allow_http: bool) -> tuple[MediaSource, ...]:
    """The pictures of `image`, that are asked about by themselves. Raises what section 10.2 says of their shape."""
    given = fields.inners("image") or []
    if not 1 <= len(given) <= IMAGES:
        reason = f"{len(given)} were given; 1 to {IMAGES} are accepted."
        raise ParameterInvalid(p=fields.at("image"), reason=reason)
    images: list[MediaSource] = []
    for one in given:
        name = _read_name(one, _IMAGE_NAME, "letters, digits and _")
        images.append(MediaSource(name, _read_picture(one, IMAGE_BYTES, allow_http=allow_http)))
    return _different(given, images)


def _check_mentions(prompt: str, images: tuple[MediaSource, ...], path: str) -> None:
    """Raises `ParameterInvalid` for words that point at some of the pictures only, or at none there is."""
    if not images:
        return
    names = {image.name for image in images}
    mentioned = set(_PLACEHOLDER.findall(prompt))
    for name in sorted(mentioned - names):
        raise ParameterInvalid(p=path, reason=f"{show(f'<@{name}>')} points at no name in image.")
    if mentioned and mentioned != names:
        left = sorted(names - mentioned)[0]
        raise ParameterInvalid(
            p=path,
            reason=f"It points at some images only; {show(f'<@{left}>')} is missing. Name all or none.",
        )


def _different(given: list[Fields], sources: list[MediaSource]) -> tuple[MediaSource, ...]:
    names: set[str] = set()
    for one, source in zip(given, sources, strict=True):
        if source.name in names:
            reason = f"{show(source.name)} names more than one source."
            raise ParameterInvalid(p=one.at("name"), reason=reason)
        names.add(source.name)
    return tuple(sources)


def _read_media_source(fields: Fields, *, allow_http: bool) -> MediaSource:
    name = _read_name(fields, _NAME, "letters, digits, - and _")
    fields.required("media_type")
    fields.choice("media_type", ("image",))
    return MediaSource(name, _read_picture(fields, BASE64_IMAGE_BYTES, allow_http=allow_http))


def _read_name(fields: Fields, accepted: re.Pattern[str], told: str) -> str:
    name = fields.needed_text("name")
    if not accepted.fullmatch(name):
        reason = f"{show(name)} was given; 1 to 64 {told} are accepted."
        raise ParameterInvalid(p=fields.at("name"), reason=reason)
    return name


def _read_picture(fields: Fields, most: int, *, allow_http: bool) -> Source:
    """The one source of a picture; base64 text is of at most `most` bytes and can be decoded."""
    present = [kind for kind in _KINDS if fields.has(kind)]
    if len(present) != 1:
        given = " and ".join(present) or "none"
        reason = f"Exactly one of {', '.join(_KINDS)} is accepted; {given} was given."
        raise ParameterInvalid(p=fields.path, reason=reason)
    source = read_source(fields, present[0], ("http", "https") if allow_http else ("https",))
    if isinstance(source, Base64Source):
        _check_picture(source.text, fields.at(present[0]), most)
    return source


def _check_picture(text: str, path: str, most: int) -> None:
    if decoded_size(text, most) > most:
        reason = f"The image is too large; at most {most // MB} MB are accepted."
        raise ParameterInvalid(p=path, reason=reason)
    decode_base64(text, path)


def _check_length(text: str, path: str, most: int | None, count_tokens: Callable[[str], int]) -> None:
    """Text too long for any window is refused before its tokens are counted, which takes time."""
    if most is None:
        if len(text) > LONGEST_PROMPT:
            raise TokenLimitExceeded
        return
    fits_none = len(text) > most * _LONGEST_TOKEN
    if fits_none or (tokens := count_tokens(text)) > most:
        given = f"{len(text)} characters" if fits_none else f"{tokens} tokens"
        raise ParameterInvalid(p=path, reason=f"It has {given}; at most {most} tokens are accepted.")
