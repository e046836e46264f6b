"""What the composer needs of a sentence encoder, so that it also works with none."""

from typing import Protocol


class Likeness(Protocol):
    """Compares one text with others by meaning."""

    def likeness(self, text: str, others: list[str]) -> list[float]:
        """The cosine (-1..1) of one text with each of the others."""
        ...
