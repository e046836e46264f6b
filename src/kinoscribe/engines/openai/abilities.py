"""Says what a model server was found to be able to do, and fits an engine's configuration to it."""

from collections.abc import Iterable, Mapping, Sequence
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
# By a picture of this size it is told which server takes most for one.
_USUAL = (448, 252)


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

    def same_as(self, other: "Abilities") -> bool:
        """Whether it is the same server with the same model."""
        mine = (self.url, self.profile, self.server, self.model, self.weights)
        return mine == (other.url, other.profile, other.server, other.model, other.weights)

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


def common(configs: Sequence[OpenAIConfig]) -> OpenAIConfig:
    """What a question may hold that any of the servers may be asked: as much as the least of them takes.

    Pictures are chosen where one of them looks at any: another one gets the evidence alone.
    """
    first = configs[0]
    if all(one == first for one in configs):
        return first
    seeing = [one for one in configs if one.sees] or configs
    dear = max(seeing, key=lambda one: one.picture_tokens(*_USUAL))
    return replace(
        first,
        context_tokens=min(one.context for one in configs),
        most_pictures=min(one.most_pictures or one.row.pictures for one in seeing),
        tokens_a_picture=dear.tokens_a_picture,
        picture_square=dear.picture_square,
        sees=any(one.sees for one in configs),
        weights="+".join(dict.fromkeys(one.weights for one in configs if one.weights)),
        at_once=min(one.at_once or one.row.at_once for one in configs),
    )


def about_all(each: Mapping[int, Abilities]) -> Mapping[str, Any]:
    """For receipts and `/models`: what holds for all servers, by their places in the list, and what each can."""
    found = list(each.values())
    if len(found) < 2:
        return found[0].about() if found else {}
    dear = max(found, key=lambda one: max((cost.tokens for cost in one.pictures), default=0))
    whole = {
        **dear.about(),
        "context_tokens": _least(*(one.context_tokens for one in found)),
        "sees_pictures": _any(one.sees for one in found),
        "most_pictures": _least(*(one.most_pictures for one in found)),
        "json_schema_holds": _all(one.constrained for one in found),
        "usage_streamed": _all(one.usage_streamed for one in found),
    }
    return {**whole, "servers": {str(place): one.about() for place, one in each.items()}}


def _any(known: Iterable[bool | None]) -> bool | None:
    told = list(known)
    return True if True in told else None if None in told else False


def _all(known: Iterable[bool | None]) -> bool | None:
    told = list(known)
    return False if False in told else None if None in told else True


def _least(*numbers: int | None) -> int | None:
    told = [number for number in numbers if number is not None]
    return min(told) if told else None
