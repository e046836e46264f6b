"""Names everything that decides what notes hold, so that notes of another version are never mistaken for these."""

from kinoscribe.evidence import looks, screen_text, shots, speech, visual_tags
from kinoscribe.weights.registry import SETS, needed

VERSIONS = {
    "shots": shots.VERSION,
    "looks": looks.VERSION,
    "speech": speech.VERSION,
    "screen_text": screen_text.VERSION,
    "visual_tags": visual_tags.VERSION,
}


def versions(collectors: tuple[str, ...], speech_model: str) -> tuple[str, ...]:
    """The collectors that run with their versions, and the hashes of the weights they use."""
    named = [f"{name}:{VERSIONS[name]}" for name in sorted(collectors)]
    weights = [
        f"{file.name}:{file.sha256}"
        for name in needed(sorted(collectors), speech_model=speech_model)
        for file in SETS[name].files
    ]
    return (*named, *weights)
