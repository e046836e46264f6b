"""Turns the query of a list into a page, and a page into the envelope around its rows (contract 1.8)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.fields import Fields
from kinoscribe.contract.limits import DEFAULT_PAGE_LIMIT, PAGE_LIMIT
from kinoscribe.contract.shown import show

# A page number of more digits is no page anybody could reach, and no database takes its offset.
_WHOLE = re.compile(r"[0-9]{1,15}")
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")


@dataclass(frozen=True, slots=True)
class Page:
    """Page `page`, counted from 1, of `limit` rows."""

    page: int = 1
    limit: int = DEFAULT_PAGE_LIMIT

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit


def read_page(query: Mapping[str, str]) -> Page:
    """The page a list request asks for. Raises `ParameterInvalid` naming `page` or `page_limit`."""
    page = _read(query, "page", 1, None)
    limit = _read(query, "page_limit", DEFAULT_PAGE_LIMIT, PAGE_LIMIT)
    return Page(page, limit)


def page_info(page: Page, total: int) -> dict[str, int]:
    """The four integers both SDKs read; `total_page` is 0 when there is nothing."""
    return {
        "limit_per_page": page.limit,
        "page": page.page,
        "total_page": -(-total // page.limit),
        "total_results": total,
    }


def read_number(fields: Fields, name: str) -> float | None:
    """A number that narrows a list. Raises `ParameterInvalid`."""
    text = fields.text(name)
    if text is None:
        return None
    if not _DECIMAL.fullmatch(text):
        raise ParameterInvalid(p=name, reason=f"{show(text)} was given; a number is accepted.")
    return float(text)


def _read(query: Mapping[str, str], name: str, default: int, most: int | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    accepted = "a whole number from 1 on" if most is None else f"a whole number from 1 to {most}"
    number = int(text) if _WHOLE.fullmatch(text) else 0
    if number < 1 or (most is not None and number > most):
        raise ParameterInvalid(p=name, reason=f"{show(text)} was given; {accepted} is accepted.")
    return number
