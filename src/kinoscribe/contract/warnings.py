"""Words the warnings of answers that were cut and of segmentations that are incomplete (contract 4, 7.1)."""

from collections.abc import Sequence

from kinoscribe.contract.shown import harmless

_AT_MOST = (
    "output truncated: max_tokens was reached and the partial output is returned. "
    "Raise max_tokens to get a longer answer."
)
_AT_WINDOW = (
    "output truncated: input and output together reached the context limit and the partial output is returned. "
    "Shorten the input or lower max_tokens."
)


def truncated(output_tokens: int, max_tokens: int) -> str:
    """Says which of the two limits ended the answer, and what to change."""
    return _AT_MOST if output_tokens >= max_tokens else _AT_WINDOW


def partial(ids: Sequence[str], reason: str) -> str:
    """Says which definitions of a segmentation lack segments, and why."""
    named = ", ".join(harmless(name, 80) for name in ids)
    return f"partial result: the segments of {named} are incomplete: {reason}."
