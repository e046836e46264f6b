"""What an answer to one question is before it is written out."""

from dataclasses import dataclass

from kinoscribe.engines.embedded.index import Unit


@dataclass(frozen=True, slots=True)
class Finding:
    """`short` is the shortest answer (empty: none was found), `units` the evidence it rests on, best first.

    `sentence` is the answer as a sentence when it is not a quotation, or says why there is none.
    `items` are the members when the answer is a list; `polarity` is the answer to a yes-no question;
    `number` the answer to a count.
    """

    short: str
    units: tuple[Unit, ...] = ()
    sure: bool = True
    sentence: str = ""
    items: tuple[str, ...] = ()
    polarity: bool | None = None
    number: float | None = None
    start: float | None = None
    end: float | None = None
