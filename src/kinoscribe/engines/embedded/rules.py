"""The tables of patterns that say what a text asks for, read once from `rules.toml`."""

import re
import tomllib
from importlib.resources import files

_VIDEO = (
    r"(?:the |this |that |your )?(?:whole |entire )?(?:video|clip|film|footage|recording|movie|file|it)\b"
)
_TABLES = tomllib.loads(
    files("kinoscribe.engines.embedded").joinpath("rules.toml").read_text(encoding="utf-8")
)


class Rules:
    """One table. Its names are tried in the order of the file."""

    def __init__(self, table: str) -> None:
        self._rules = tuple(
            (name, re.compile("|".join(alternatives).replace("{video}", _VIDEO)))
            for name, alternatives in _TABLES[table].items()
        )

    def first(self, text: str) -> str:
        """The name of the first rule that fits a lower-case text; empty when none does."""
        return next((name for name, pattern in self._rules if pattern.search(text)), "")

    def fits(self, name: str, text: str) -> bool:
        """Whether one rule fits a lower-case text."""
        return any(pattern.search(text) is not None for key, pattern in self._rules if key == name)
