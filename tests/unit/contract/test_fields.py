import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import BodyInvalid, ParameterInvalid, ParameterNotProvided, ParameterUnknown
from kinoscribe.contract.fields import Fields, read_object


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"a"',
        b"5",
        b"{",
        b"{}x",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"\\ud800":1}',
        b"\xef\xbb\xbf{}",
        b'{"a":"\n"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"a":' + b"9" * 5000 + b"}",
        b"\xff\xfe{\x00}\x00",
        b"prompt=hello&stream=true",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BodyInvalid) as refused:
        read_object(body)
    assert refused.value.code == "parameter_invalid"
    assert refused.value.message.startswith("The request body is not a valid JSON object")
    assert refused.value.message.isprintable()


@given(st.binary())
def test_any_bytes_are_an_object_or_are_refused(body: bytes) -> None:
    with contextlib.suppress(BodyInvalid):
        assert isinstance(read_object(body), Fields)


def test_white_space_around_the_object_does_not_matter() -> None:
    assert read_object(b' \r\n\t{"a": "b"} \n').text("a") == "b"


def test_of_a_key_given_twice_the_last_value_counts() -> None:
    assert read_object(b'{"a": "first", "a": "last"}').text("a") == "last"
    assert not read_object(b'{"a": "first", "a": null}').has("a")


def test_a_null_is_as_good_as_absent() -> None:
    fields = Fields({"a": None})
    assert fields.text("a") is fields.number("a") is fields.integer("a") is fields.boolean("a") is None
    assert fields.inner("a") is fields.inners("a") is fields.choice("a", ("x",)) is None
    fields.refuse_unknown(())
    with pytest.raises(ParameterNotProvided):
        fields.required("a")


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(ParameterUnknown, match="The custom_id parameter is unknown"):
        Fields({"prompt": "x", "custom_id": "y"}).refuse_unknown(("prompt",))
    with pytest.raises(ParameterUnknown, match=r'"a\\nb"'):
        Fields({"a\nb": 0}).refuse_unknown(())


@pytest.mark.parametrize("value", ["5", True, False, [], {}, [5]])
def test_what_is_no_number_is_refused(value: object) -> None:
    for read in (Fields({"n": value}, "p").number, Fields({"n": value}, "p").integer):
        with pytest.raises(ParameterInvalid, match=r"p\.n"):
            read("n")


def test_numbers_keep_their_value() -> None:
    assert Fields({"n": 5}).number("n") == 5.0
    assert Fields({"n": 5.0}).integer("n") == 5
    assert isinstance(Fields({"n": 5.0}).integer("n"), int)
    assert Fields({"n": -0.0}).integer("n") == 0
    for wrong in (5.5, 1e999, -1e999):
        with pytest.raises(ParameterInvalid):
            Fields({"n": wrong}).integer("n")
    for wrong in (10**400, -(10**400), 1e999):
        with pytest.raises(ParameterInvalid, match="too large"):
            Fields({"n": wrong}).number("n")


@pytest.mark.parametrize("value", ["true", 1, 0, "", [], {}])
def test_only_true_and_false_are_booleans(value: object) -> None:
    with pytest.raises(ParameterInvalid, match="true or false"):
        Fields({"b": value}).boolean("b")


def test_a_choice_lists_what_may_be_chosen() -> None:
    with pytest.raises(ParameterInvalid, match=r'"c" was given.*values: a, b\.'):
        Fields({"x": "c"}).choice("x", ("a", "b"))
    for value in (0, [], {}, True):
        with pytest.raises(ParameterInvalid):
            Fields({"x": value}).choice("x", ("a", "b"))


def test_inner_objects_know_their_path() -> None:
    fields = Fields({"a": {"b": [{"c": 5}, 7]}, "t": [], "s": "x"})
    inner = fields.inner("a")
    assert inner is not None
    with pytest.raises(ParameterInvalid, match=r"a\.b\[1\]"):
        inner.inners("b")
    with pytest.raises(ParameterInvalid, match="The t parameter"):
        fields.inner("t")
    with pytest.raises(ParameterInvalid, match="The s parameter"):
        fields.inners("s")
    listed = Fields({"b": [{"c": 5}]}, "a").inners("b")
    assert listed is not None
    with pytest.raises(ParameterInvalid, match=r"a\.b\[0\]\.c"):
        listed[0].text("c")


@pytest.mark.parametrize("part", [b"[],", b"0,", b'"",', b"{},", b"[[[]]],", b'{"a":[]},', b"           [],"])
def test_a_body_that_would_grow_many_times_when_parsed_is_refused_unparsed(part: bytes) -> None:
    body = b'{"a":[' + part * 2_500_000 + b"0]}"
    with pytest.raises(BodyInvalid, match="more than 1000000 values"):
        read_object(body)


def test_a_long_text_is_no_structure() -> None:
    text = "one, two, [three]. " * 100_000
    assert read_object(json.dumps({"a": text}).encode()).text("a") == text
