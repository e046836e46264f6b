"""Turns `prompt` and `prompt_v2` into the client's words and the pictures they point at (contract 10)."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from kinoscribe.contract.errors import ParameterInvalid, ParameterNotProvided, TokenLimitExceeded
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import BASE64_IMAGE_BYTES, LONGEST_PROMPT, MB, MEDIA_SOURCES, RULES
from kinoscribe.contract.shown import show
from kinoscribe.contract.sources import Base64Source, Source, decode_base64, decoded_size, read_source

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PLACEHOLDER = re.compile(r"<@([^<>\s]+)>")
_LONGEST_TOKEN = 100
_KINDS = ("url", "asset_id", "base64_string")


@dataclass(frozen=True, slots=True)
class MediaSource:
    """A reference picture that the words point at with `<@name>`."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class PromptV2:
    input_text: str
    media_sources: tuple[MediaSource, ...] = ()


def read_prompt(
    fields: Fields, model_name: str, count_tokens: Callable[[str], int], *, allow_http_images: bool
) -> str | PromptV2:
    """Whichever of `prompt` and `prompt_v2` was sent. Raises when it is neither, both, or breaks section 10."""
    if fields.has("prompt"):
        prompt = fields.needed_text("prompt")
        _check_length(prompt, fields.at("prompt"), RULES[model_name].prompt_tokens, count_tokens)
        if fields.has("prompt_v2"):
            raise ParameterInvalid(
                p=fields.at("prompt_v2"), reason="Only one of prompt and prompt_v2 is accepted."
            )
        return prompt
    given = fields.inner("prompt_v2")
    if given is None:
        raise ParameterNotProvided(p=fields.at("prompt"))
    if not RULES[model_name].windows:
        raise ParameterInvalid(
            p=fields.at("prompt_v2"), reason=f"It is not accepted with model_name {model_name}."
        )
    prompt_v2 = _read_prompt_v2(given, count_tokens, allow_http_images=allow_http_images)
    _refuse_pictures(prompt_v2, given)
    return prompt_v2


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


def _refuse_pictures(prompt: PromptV2, given: Fields) -> None:
    """The engines here see no reference pictures: a well-formed one is refused rather than left out of sight."""
    if prompt.media_sources:
        raise ParameterInvalid(
            p=given.at("media_sources"), reason="Reference images are not supported by this server yet."
        )


def read_media_sources(fields: Fields, *, allow_http: bool) -> tuple[MediaSource, ...]:
    """The `media_sources` of an object. Raises what section 10.3 says of their shape."""
    given = fields.inners("media_sources") or []
    if len(given) > MEDIA_SOURCES:
        raise ParameterInvalid(
            p=fields.at("media_sources"),
            reason=f"{len(given)} were given; at most {MEDIA_SOURCES} are accepted.",
        )
    sources: list[MediaSource] = []
    for one in given:
        source = _read_media_source(one, allow_http=allow_http)
        if source.name in {earlier.name for earlier in sources}:
            raise ParameterInvalid(
                p=one.at("name"), reason=f"{show(source.name)} names more than one source."
            )
        sources.append(source)
    return tuple(sources)


def _read_media_source(fields: Fields, *, allow_http: bool) -> MediaSource:
    name = fields.needed_text("name")
    if not _NAME.fullmatch(name):
        reason = f"{show(name)} was given; 1 to 64 letters, digits, - and _ are accepted."
        raise ParameterInvalid(p=fields.at("name"), reason=reason)
    fields.required("media_type")
    fields.choice("media_type", ("image",))
    present = [kind for kind in _KINDS if fields.has(kind)]
    if len(present) != 1:
        given = " and ".join(present) or "none"
        reason = f"Exactly one of {', '.join(_KINDS)} is accepted; {given} was given."
        raise ParameterInvalid(p=fields.path, reason=reason)
    source = read_source(fields, present[0], ("http", "https") if allow_http else ("https",))
    if isinstance(source, Base64Source):
        _check_picture(source.text, fields.at(present[0]))
    return MediaSource(name, source)


def _check_picture(text: str, path: str) -> None:
    if decoded_size(text, BASE64_IMAGE_BYTES) > BASE64_IMAGE_BYTES:
        reason = f"The image is too large; at most {BASE64_IMAGE_BYTES // MB} MB are accepted."
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
