"""A server's refusal is read for what can be done about it, whatever words it is told in."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinoscribe import clock
from kinoscribe.engines.openai.refusals import read_refusal, read_wait

# The forms in which servers tell it; the numbers are made up.
TOO_LONG = [
    ("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8700 in the messages, "
     "300 in the completion).", 8192, 8700),
    ("You passed 8193 input tokens and requested 300 output tokens. However, the model's context length is only 8192 "
     "tokens.", 8192, 8193),
    ("This model's maximum context length is 8192 tokens. However, you requested 300 output tokens and your prompt "
     "contains at least 7893 input tokens.", 8192, 7893),
    ("'max_tokens' is too large: 4096. This model's maximum context length is 8192 tokens and your request has 8000 "
     "input tokens.", 8192, 8000),
    ("Input length (8700) exceeds model's maximum context length (8192).", 8192, 8700),
    ("The input (8700 tokens) is longer than the model's context length (8192 tokens).", 8192, 8700),
    ("Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of 9000 "
     "tokens: 8700 tokens from the input messages and 300 tokens for the completion.", 8192, 8700),
    ("This model's maximum context length is 8192 tokens. However, your messages resulted in 8700 tokens.", 8192, 8700),
    ("prompt is too long: 8700 tokens > 8192 maximum", 8192, 8700),
    ('{"error":{"message":"the request exceeds the available context size","type":"exceed_context_size_error",'
     '"n_prompt_tokens":8700,"n_ctx":8192}}', 8192, 8700),
    ("request (8700 tokens) exceeds the available context size (8192 tokens), try increasing it", 8192, 8700),
    ("max_tokens=90000 cannot be greater than max_model_len=8192.", 8192, None),
    ("context_length_exceeded", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("words", "most", "prompt"), TOO_LONG)
@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_prompt_that_is_too_long_is_known_by_its_words(
    words: str, most: int | None, prompt: int | None, status: int
) -> None:
    found = read_refusal(status, words.encode(), None)
    assert (found.kind, found.most, found.prompt) == ("context", most, prompt)


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ("At most 8 image(s) may be provided in one prompt. (parameter=image)", 8),
        ("At most 0 image(s) may be provided in one request.", 0),
        ("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", 0),
        ("tiny is not a multimodal model", 0),
        ("this model does not support images", 0),
        ("this model does not support image input", 0),
        ("Images are not supported by this model", 0),
        ("this model is missing data required for image input", 0),
        ("registry.ollama.ai/library/tiny:latest does not support vision", 0),
        (r"registry.ollama.ai/library/tiny:latest does not support thinking\nvision", 0),
        ("vision is not supported", 0),
        ("No endpoints found that support image input", 0),
        ("vision model only supports a single image per message", 1),
        ("Invalid content type. image_url is only supported by certain models.", 0),
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_a_server_that_takes_no_or_fewer_pictures_is_known_by_its_words(
    words: str, most: int, status: int
) -> None:
    found = read_refusal(status, words.encode(), None)
    assert (found.kind, found.most) == ("pictures", most)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "request"), (401, "key"), (403, "key"), (404, "model"), (408, "broken"), (409, "request"),
        (413, "context"), (422, "request"), (429, "busy"), (500, "broken"), (503, "busy"), (302, "request"),
    ],
)  # fmt: skip
def test_a_refusal_without_known_words_is_known_by_its_status(status: int, kind: str) -> None:
    assert read_refusal(status, b"no", None).kind == kind


@settings(deadline=None)
@given(st.integers(300, 599), st.binary(max_size=400), st.one_of(st.none(), st.text(max_size=80)))
def test_no_words_of_a_server_do_any_harm(status: int, body: bytes, wait: str | None) -> None:
    found = read_refusal(status, body, wait)
    assert found.most is None or found.most >= 0
    assert found.retry_after is None or found.retry_after >= 0


@settings(deadline=None)
@given(st.text(alphabet="maximum context length prompt is (0123456789) tokens > ", max_size=2_000))
def test_numbers_that_cannot_be_are_not_believed(words: str) -> None:
    found = read_refusal(400, words.encode(), None)
    assert found.most is None or 0 <= found.most < 100_000_000


def test_when_to_come_back_is_a_number_or_a_date() -> None:
    assert read_wait("7") == 7.0
    assert read_wait(" 1.5 ") == 1.5
    then = format_datetime(clock.now() + timedelta(seconds=50), usegmt=True)
    assert 45 < (read_wait(then) or 0) <= 50
    assert read_wait(format_datetime(clock.now() - timedelta(days=1), usegmt=True)) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "-4",
        "1e9",
        "9" * 70,
        "Wed, 99 Foo 2020",
        "nan",
        "٣",
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "Mon, 01 Jan 2027 99999999999:00:00 GMT",
    ],
)
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert read_wait(text) is None


@given(
    st.text()
    | st.from_regex(r"Mon, [0-9]{1,12} Jan [0-9]{1,12} [0-9:]{1,20} [+-][0-9]{1,12}", fullmatch=True)
)
def test_whatever_a_server_says_of_when_is_a_time_to_come_or_none(text: str) -> None:
    found = read_wait(text)
    assert found is None or found >= 0.0
