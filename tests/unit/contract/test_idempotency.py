import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import BodyInvalid, ParameterInvalid
from kinoscribe.contract.idempotency import digest_form, digest_json, read_idempotency_key


def test_a_key_is_printable_ascii() -> None:
    assert read_idempotency_key(None) is None
    for key in ("a", " ", "~" * 255, "6f1c-a b"):
        assert read_idempotency_key(key) == key


@pytest.mark.parametrize("key", ["", "a" * 256, "é", "a\n", "\x00", "\x7f", "\x1f"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ParameterInvalid, match=r"The Idempotency-Key parameter.*1 to 255 printable"):
        read_idempotency_key(key)


def same(one: str, other: str) -> bool:
    return digest_json(one.encode()) == digest_json(other.encode())


def test_bodies_of_one_meaning_are_the_same() -> None:
    assert same('{"a":1,"b":{"c":2,"d":[]}}', ' {"b": {"d": [ ],"c":2.0},\n"a" : 1}')
    assert same('{"a":1,"b":null}', '{"a":1}')
    assert same('{"a":"\\u00e9"}', '{"a":"é"}')
    assert same('{"a":-0.0}', '{"a":0}')


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":1}', '{"a":"1"}'),
        ('{"a":1}', '{"a":true}'),
        ('{"a":[1,2]}', '{"a":[2,1]}'),
        ('{"a":{"const":null}}', '{"a":{}}'),
        ('{"a":1.5}', '{"a":1}'),
        ('{"a":"b"}', '{"a":"b "}'),
        ('{"a":"é"}', '{"a":"e\u0301"}'),
        ("{}", '{"a":0}'),
    ],
)
def test_bodies_of_another_meaning_are_others(one: str, other: str) -> None:
    assert not same(one, other)


def test_what_is_no_object_has_no_digest() -> None:
    for body in (b"", b"[]", b"{"):
        with pytest.raises(BodyInvalid):
            digest_json(body)
    assert len(digest_json(b'{"a":1e400}')) == 64


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.dictionaries(st.text(), JSON, max_size=5))
def test_the_digest_depends_on_the_meaning_alone(one: dict[str, Any], other: dict[str, Any]) -> None:
    spread = json.dumps(dict(reversed(one.items())), indent=2, ensure_ascii=False)
    assert same(json.dumps(one), spread)
    if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True):
        assert same(json.dumps(one), json.dumps(other))


def test_forms_are_compared_by_fields_and_file() -> None:
    fields = [("method", "direct"), ("filename", "a.mp4")]
    kept = digest_form(fields, "f" * 64)
    assert digest_form(reversed(fields), "f" * 64) == kept
    others = [
        digest_form(fields, None),
        digest_form(fields, "e" * 64),
        digest_form(fields[:1], "f" * 64),
        digest_form([("method", "direct"), ("filename", "a.mp4,")], "f" * 64),
        digest_form([("methoddirect", ""), ("filename", "a.mp4")], "f" * 64),
    ]
    assert len({kept, *others}) == 6
