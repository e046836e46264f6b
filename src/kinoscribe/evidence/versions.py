"""Names everything that makes notes what they are, so that other code or other weights mean other notes."""

from collections.abc import Iterable

from kinoscribe.evidence import looks, screen_text, shots, speech, visual_tags
from kinoscribe.weights.registry import SETS, needed

VERSIONS = {
    "shots": shots.VERSION,
    "looks": looks.VERSION,
    "speech": speech.VERSION,
    "screen_text": screen_text.VERSION,
    "visual_tags": visual_tags.VERSION,
}


def versions(collectors: Iterable[str], speech_model: str) -> tuple[str, ...]:
    """The collectors with their versions and the SHA-256 of each file of their weights, in a fixed order."""
    names = sorted(set(collectors))
    weights = (SETS[name] for name in needed(names, speech_model=speech_model))
    return (
        *(f"{name} {VERSIONS[name]}" for name in names),
        *(f"{item.name}/{file.name} {file.sha256}" for item in weights for file in item.files),
    )
