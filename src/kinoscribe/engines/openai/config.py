"""What an operator says of the model servers behind one engine."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from kinoscribe.engines.engine import Sight
from kinoscribe.engines.openai.profiles import PROFILES, Profile, ProfileName

# What the clock before a picture and the marks around it take.
_TOKENS_AROUND = 12


@dataclass(frozen=True, slots=True)
class Waits:
    """Bounds in seconds: for a connection, the first token, silence afterwards, one request, and for busy servers."""

    connect: float = 5.0
    first_token: float = 300.0
    idle: float = 60.0
    total: float = 3600.0
    busy: float = 20.0


@dataclass(frozen=True, slots=True)
class OpenAIConfig:
    """`urls` end where `/chat/completions` is added, as in `http://127.0.0.1:8000/v1`.

    `context_tokens`, `most_pictures` and `at_once` of None are the profile's. A picture takes `tokens_a_picture`, or
    without it a token for every square of `picture_square` pixels. `thinks`: the model begins with thoughts that
    nothing opens and `</think>` ends. `numbered`: each picture has its time painted in. `sequence`: pictures go as
    one JPEG sequence, where the profile can. `extra` goes into every request as it is. `weights` is what the server
    says that it has loaded under the model's name.
    """

    urls: tuple[str, ...]
    model: str
    api_key: str | None = field(default=None, repr=False)
    profile: ProfileName = "generic"
    name: str = "openai"
    context_tokens: int | None = None
    most_pictures: int | None = None
    max_side: int = 768
    picture_square: int = 28
    tokens_a_picture: int | None = None
    sees: bool = True
    numbered: bool = False
    sequence: bool = False
    thinks: bool = False
    at_once: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    waits: Waits = field(default_factory=Waits)
    max_bytes: int = 256 * 1024 * 1024

    @property
    def row(self) -> Profile:
        return PROFILES[self.profile]

    @property
    def ways(self) -> str:
        """A short word for what answers depend on beside the model's name and the words; empty for nothing special."""
        told = [self.weights.rpartition("/")[2], self.sequence, self.thinks, dict(self.extra)]
        if not any(told):
            return ""
        whole = json.dumps(told, sort_keys=True, default=str)
        return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:8]

    @property
    def context(self) -> int:
        """The tokens that a request and its answer may have together."""
        return self.context_tokens or self.row.context_tokens

    @property
    def sight(self) -> Sight:
        """A model that sees nothing still wants the evidence of a window as text."""
        return Sight(
            most=(self.most_pictures or self.row.pictures) if self.sees else 0,
            max_side=self.max_side,
            tokens=self.picture_tokens,
            numbered=self.numbered,
            at_once=self.at_once or self.row.at_once,
        )

    def picture_tokens(self, width: int, height: int) -> int:
        """What a picture takes of the context, with its clock."""
        if self.tokens_a_picture is not None:
            return self.tokens_a_picture + _TOKENS_AROUND
        return ceil(width / self.picture_square) * ceil(height / self.picture_square) + _TOKENS_AROUND
