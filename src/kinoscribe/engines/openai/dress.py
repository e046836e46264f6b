"""Says how much goes out beside what every model server knows, and what is left away next where one refuses it."""

from enum import Enum
from typing import Literal, Self

Shape = Literal["schema", "object", ""]


class Dress(Enum):
    """Whether the extras of the profile go out, and how the answer is held to a shape; in the order of trying.

    The extras keep accounts apart and count tokens: they are not given up because a schema is refused.
    """

    FULL = (True, "schema")
    SCHEMA = (False, "schema")
    ANY_JSON = (True, "object")
    NO_SHAPE = (True, "")
    ANY_JSON_ALONE = (False, "object")
    BARE = (False, "")

    @property
    def extras(self) -> bool:
        return bool(self.value[0])

    @property
    def shape(self) -> Shape:
        """A schema, JSON of any shape, or whatever comes."""
        return self.value[1]

    @classmethod
    def first(cls, *, extras: bool | None, schema: bool, objects: bool) -> Self:
        """The most that a server is not known to refuse. `extras` is None where nothing is known of them."""
        return cls((extras is not False, "schema" if schema else "object" if objects else ""))

    def less(self, *, extras: bool | None, objects: bool, shaped: bool) -> "Dress | None":
        """What to try after this was refused; None where nothing is left. `shaped`: a shape is wanted at all."""
        if not shaped:
            return Dress.SCHEMA if self is Dress.FULL else None
        way = list(Dress)
        later = [one for one in way[way.index(self) + 1 :] if objects or one.shape != "object"]
        likely = [one for one in later if extras is None or one.extras is extras]
        return next(iter(likely or later), None)
