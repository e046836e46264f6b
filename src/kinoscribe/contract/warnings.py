"""Words the warning of an answer that was cut (contract 4)."""

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
