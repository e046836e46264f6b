"""Where the shared clips lie beside the checkout, and makers of tiny videos whose truth is known."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHARED = Path(__file__).resolve().parents[2] / "shared"
CLIPS = SHARED / "media" / "clips"
TRUTH = SHARED / "media" / "truth"
CASES = SHARED / "media" / "cases"
REAL = SHARED / "media" / "real"


@dataclass(frozen=True)
class Case:
    """One file of the shared cases: `expect` is accept, reject or either."""

    file: str
    group: str
    expect: str
    why: str
    must_not: tuple[str, ...]
    probe: dict[str, Any]

    @property
    def path(self) -> Path:
        return CASES / self.file


def cases() -> list[Case]:
    """Every shared case; empty when the shared folder is not there."""
    listing = CASES / "cases.json"
    if not listing.exists():
        return []
    return [
        Case(c["file"], c["group"], c["expect"], c["why"], tuple(c["must_not"]), c["probe"])
        for c in json.loads(listing.read_bytes())["cases"]
    ]
