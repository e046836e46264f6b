"""What a list asks of the metadata of videos, as both SDKs send it."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ParameterInvalid
from kinoscribe.contract.limits import METADATA_FILTERS
from kinoscribe.contract.metadata_filter import MetadataFilter, read_metadata_filter

KNOWN = ("page", "filename")
PARTS = st.text(min_size=1)
VALUES = PARTS | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(-1e299, 1e299)


def as_texts(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    """As both SDKs send it for videos, with booleans and numbers as their HTTP libraries write them."""

    def text(value: Any) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    parts = {name: value if isinstance(value, list) else [value] for name, value in metadata.items()}
    return [(name, text(part)) for name, some in parts.items() for part in some]


def in_brackets(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    """As the Python SDK sends it for indexed assets."""
    return [(f"user_metadata[{name}]", text) for name, text in as_texts(metadata)]


def as_json(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    """As the JavaScript SDK sends it for indexed assets."""
    return [("user_metadata", json.dumps(metadata))]


def read(pairs: list[tuple[str, str]]) -> MetadataFilter:
    return read_metadata_filter(pairs, KNOWN)


SENT = pytest.mark.parametrize("sent", [as_texts, in_brackets, as_json])


@SENT
@pytest.mark.parametrize(
    ("wanted", "is_met", "is_not"),
    [
        ({"category": "nature"}, {"category": "nature"}, {"category": "Nature"}),
        ({"category": "nature"}, {"category": "nature", "more": 1}, {"categories": "nature"}),
        ({"batch": 5}, {"batch": 5}, {"batch": 50}),
        ({"batch": 5}, {"batch": 5.0}, {"batch": 5.5}),
        ({"batch": 5}, {"batch": "5"}, {"batch": "5.0"}),
        ({"rating": 9.3}, {"rating": 9.3}, {"rating": 9}),
        ({"seen": True}, {"seen": True}, {"seen": False}),
        ({"seen": False}, {"seen": False}, {"seen": 0}),
        ({"seen": True}, {"seen": "true"}, {"seen": 1}),
        ({"big": 2**63 + 1}, {"big": 2**63 + 1}, {"big": 2**63}),
        ({"tags": "a"}, {"tags": ["b", "a"]}, {"tags": ["ab"]}),
        ({"tags": ["a", "b"]}, {"tags": ["b"]}, {"tags": ["c"]}),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "2"}, {"a": "1"}),
        ({"a[b]": "1"}, {"a[b]": "1"}, {"a": "1"}),
        ({"": "1"}, {"": "1"}, {"a": "1"}),
        ({"][": "1"}, {"][": "1"}, {"": "1"}),
    ],
)
def test_metadata_are_met_by_what_says_the_same(sent: Any, wanted: Any, is_met: Any, is_not: Any) -> None:
    found = read(sent(wanted))
    assert found.accepts(is_met)
    assert not found.accepts(is_not)
    assert not found.accepts({})


@SENT
def test_what_stands_for_nothing_does_not_narrow(sent: Any) -> None:
    pairs = [
        *sent({"a": ""}),
        ("user_metadata", ""),
        ("user_metadata", '{"a": null, "b": []}'),
        ("page", "2"),
        ("filename", "b"),
    ]
    assert read(pairs) == MetadataFilter()


def test_a_flag_is_also_met_by_its_digit() -> None:
    assert read([("user_metadata[seen]", "1")]).accepts({"seen": True})
    assert read([("user_metadata[seen]", "False")]).accepts({"seen": False})


@pytest.mark.parametrize(
    "text", ["nature", "[]", "5", '"a"', '{"a": {"b": "c"}}', '{"a": [1]}', '{"a": NaN}']
)
def test_what_is_no_metadata_is_refused(text: str) -> None:
    with pytest.raises(ParameterInvalid, match="user_metadata"):
        read([("user_metadata", text)])


def test_more_keys_than_anybody_needs_are_refused() -> None:
    pairs = [(f"user_metadata[{number}]", "x") for number in range(METADATA_FILTERS + 1)]
    assert len(read(pairs[1:]).wanted) == METADATA_FILTERS
    with pytest.raises(ParameterInvalid, match=f"{METADATA_FILTERS + 1} keys"):
        read(pairs)


@given(metadata=st.dictionaries(st.text(), VALUES, max_size=9))
def test_metadata_meet_themselves_however_they_are_sent(metadata: dict[str, Any]) -> None:
    for sent in (in_brackets, as_json):
        assert read(sent(metadata)).accepts(metadata)


@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(["user_metadata", "user_metadata[a]", "user_metadata["]), st.text())
    ),
    value=VALUES | st.lists(st.text()),
)
def test_whatever_is_asked_for_is_decided_or_refused(pairs: list[tuple[str, str]], value: Any) -> None:
    with suppress(ParameterInvalid):
        read(pairs).accepts({"a": value})
