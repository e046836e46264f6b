"""Turns weights that are missing at the first analysis into fetched ones, asking first where somebody can answer."""

import sys

import typer

from kinoscribe.cli.exits import FAILED, NOT_READY, Exit
from kinoscribe.cli.models import fetch_with_bars
from kinoscribe.engines.models_file import kinds_used
from kinoscribe.settings import Settings
from kinoscribe.weights.check import Weights
from kinoscribe.weights.registry import SETS, needed


def wanted_weights(settings: Settings) -> tuple[str, ...]:
    """The sets that the chosen engines and their collectors use. Raises `EnginesInvalid`."""
    embedded = "embedded" in kinds_used(settings)
    return needed(settings.active_collectors, speech_model=settings.speech_model, minilm=embedded)


def bring_weights(settings: Settings, *, without_asking: bool) -> None:
    """Fetches what is missing. Raises `Exit` when that is not wished, nobody can be asked, or it fails."""
    missing = Weights(settings.weights_dir).missing(wanted_weights(settings))
    if not missing:
        return
    size = sum(package.bytes for name in missing for package in SETS[name].packages)
    told = f"Kinoscribe lacks weights: {', '.join(missing)} ({size / 1e6:.0f} MB to fetch, once)."
    if not without_asking:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise Exit(NOT_READY, f"{told} Run `kinoscribe models get`, or add --get-models.")
        if not typer.confirm(f"{told} Fetch them now?", default=True, err=True):
            raise Exit(NOT_READY, "Nothing was fetched. `kinoscribe models get` does it later.")
    if not fetch_with_bars(settings.weights_dir, list(missing)):
        raise Exit(FAILED)
