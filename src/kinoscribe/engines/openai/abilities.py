"""Says what a model server was found to be able to do, and fits an engine's configuration to it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import floor, sqrt
from typing import Any

from kinoscribe.contract.times import rfc3339
from kinoscribe.engines.openai.config import OpenAIConfig
from kinoscribe.engines.openai.profiles import ProfileName

# A picture that costs fewer tokens than this was taken, and not looked at.
LEAST_PICTURE = 8
# Two sizes of a picture whose costs differ by less are taken to cost the same: the server scales all to one size.
_SAME = 1.15


@dataclass(frozen=True, slots=True)
class PictureCost:
    """What one picture of this size took of the context, in tokens."""

    width: int
    height: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is known of the server of `url`. None stands for what could not be told.

    `sees`: pictures cost what pictures cost. `most_pictures`: in one request, where a bound was met. `constrained`: an
    answer under a JSON schema keeps to it. `usage_streamed`: a streamed answer ends with its token counts.
    """

    url: str
    profile: ProfileName = "generic"
    server: str = ""
    model: str = ""
    weights: str = ""
    context_tokens: int | None = None
    sees: bool | None = None
    pictures: tuple[PictureCost, ...] = ()
    most_pictures: int | None = None
    constrained: bool | None = None
    usage_streamed: bool | None = None
    looked_at: datetime | None = None
    remarks: tuple[str, ...] = ()

    @property
    def square(self) -> int | None:
        """The side of the square of pixels that a token stands for, in the picture that is most costly for its size."""
        large = [cost for cost in self.pictures if cost.tokens >= LEAST_PICTURE]
        if not large or self.picture_tokens is not None:
            return None
        rate = max(cost.tokens / (cost.width * cost.height) for cost in large[-2:])
        return max(1, floor(sqrt(1 / rate)))

    @property
    def picture_tokens(self) -> int | None:
        """What a picture of any size costs, where the size makes no difference."""
        costs = [cost.tokens for cost in self.pictures if cost.tokens >= LEAST_PICTURE]
        if len(costs) < 2 or max(costs) > _SAME * min(costs):
            return None
        return max(costs)

    def about(self) -> Mapping[str, Any]:
        """For receipts and `/models`: nothing in it says where the server stands."""
        return {
            "server": self.server or None,
            "profile": self.profile,
            "weights": self.weights or None,
            "context_tokens": self.context_tokens,
            "sees_pictures": self.sees,
            "picture_tokens": {f"{cost.width}x{cost.height}": cost.tokens for cost in self.pictures},
            "most_pictures": self.most_pictures,
            "json_schema_holds": self.constrained,
            "usage_streamed": self.usage_streamed,
            "looked_at": None if self.looked_at is None else rfc3339(self.looked_at),
        }


def fitted(config: OpenAIConfig, found: Abilities, *, pinned: bool) -> OpenAIConfig:
    """The configuration with what was found, where the operator said nothing else.

    `pinned`: the operator named the profile, and it stays.
    """
    pictures: dict[str, Any] = {}
    if config.tokens_a_picture is None:
        pictures = {
            "tokens_a_picture": found.picture_tokens,
            "picture_square": found.square or config.picture_square,
        }
    context = _least(config.context_tokens, found.context_tokens)
    return replace(
        config,
        model=config.model or found.model,
        weights=found.weights,
        profile=config.profile if pinned else found.profile,
        context_tokens=context,
        most_pictures=_least(config.most_pictures, found.most_pictures),
        sees=config.sees and found.sees is not False,
        **pictures,
    )


def _least(*numbers: int | None) -> int | None:
    told = [number for number in numbers if number is not None]
    return min(told) if told else None
