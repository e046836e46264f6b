"""Turns the name of a model that a client sends into the engine that answers for it now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kinoscribe.contract.limits import MODELS
from kinoscribe.engines.engine import Engine, EngineState


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rule set of a model's name, and the engines that answer for it in the order they are tried."""

    rules: str
    engines: tuple[Engine, ...]


class Engines:
    """All engines of this process by the names of models; `default` is the one the operator's settings name.

    An engine may answer for many names; it is closed once.
    """

    def __init__(self, default: Engine, models: Mapping[str, Chosen] | None = None) -> None:
        standing = {name: Chosen(name, (default,)) for name in MODELS}
        self.default = default
        self.models: Mapping[str, Chosen] = {**standing, **(models or {})}

    @property
    def names(self) -> Mapping[str, str]:
        """The names clients may send, each with the name of its rule set."""
        return {name: chosen.rules for name, chosen in self.models.items()}

    def of(self, model_name: str) -> Engine:
        """The first engine of the name that is ready. Where none is, the first: its state says what it lacks."""
        chosen = self.models.get(model_name)
        if chosen is None:
            return self.default
        return next((engine for engine in chosen.engines if engine.state().ready), chosen.engines[0])

    def state(self) -> EngineState:
        """Ready when some name can be answered; else the reasons of all of them."""
        lacks = self.lacks()
        if len(lacks) < len(self.models):
            return EngineState(ready=True)
        return EngineState(ready=False, reason=" ".join(dict.fromkeys(lacks.values())))

    def lacks(self) -> Mapping[str, str]:
        """The names that nothing can answer for now, each with the reason of its first engine."""
        states = {name: self.of(name).state() for name in self.models}
        return {name: state.reason for name, state in states.items() if not state.ready}

    def close(self) -> None:
        for engine in self._all():
            engine.close()

    def _all(self) -> Iterator[Engine]:
        seen = {id(self.default): self.default}
        for chosen in self.models.values():
            seen.update({id(engine): engine for engine in chosen.engines})
        yield from seen.values()
