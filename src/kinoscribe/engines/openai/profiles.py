"""One row for every kind of model server: what it takes beside the plain protocol, and how much of it."""

from dataclasses import dataclass
from typing import Literal

ProfileName = Literal["vllm", "sglang", "llamacpp", "ollama", "generic"]
PROFILE_NAMES: tuple[ProfileName, ...] = ("vllm", "sglang", "llamacpp", "ollama", "generic")


@dataclass(frozen=True, slots=True)
class Profile:
    """What is sent to one kind of server beside messages and, for JSON, the schema.

    `picture_id`: where a picture's own name goes, by which a server finds
    again what it has made of the picture: `uuid` beside the part, `content_hash` inside of it. `cache_salt`: keeps the
    prefix caches of accounts apart. `session`: a header by which routers send like to like. `sequence`: pictures may go
    as one JPEG sequence. `usage`: token counts are asked for. `pictures` and `context_tokens` hold where nothing better
    is known of the server. `at_once`: parts of a long video that it is asked about at the same time.
    """

    name: ProfileName
    picture_id: Literal["uuid", "content_hash"] | None = None
    cache_salt: bool = False
    session: bool = False
    sequence: bool = False
    usage: bool = True
    pictures: int = 50
    context_tokens: int = 16_384
    at_once: int = 2


# vLLM and SGLang work on many requests together. llama.cpp and Ollama answer one after the other unless they are told
# otherwise, and then share the context or the memory out among them.
# Ollama reads 4,096 tokens unless its operator says otherwise, and drops what is beyond without a word.
PROFILES: dict[ProfileName, Profile] = {
    "vllm": Profile(
        "vllm",
        picture_id="uuid",
        cache_salt=True,
        session=True,
        sequence=True,
        pictures=256,
        context_tokens=32_768,
        at_once=4,
    ),
    "sglang": Profile(
        "sglang",
        picture_id="content_hash",
        cache_salt=True,
        session=True,
        pictures=256,
        context_tokens=32_768,
        at_once=4,
    ),
    "llamacpp": Profile("llamacpp", pictures=64, context_tokens=8_192, at_once=1),
    "ollama": Profile("ollama", pictures=16, context_tokens=4_096, at_once=1),
    "generic": Profile("generic"),
}
