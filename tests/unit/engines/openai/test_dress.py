import pytest

from kinoscribe.engines.openai.dress import Dress

FULL, SCHEMA, ANY_JSON, NO_SHAPE, ANY_JSON_ALONE, BARE = Dress


def way(start: Dress, *, extras: bool | None, objects: bool = True, shaped: bool = True) -> list[Dress]:
    """All that is tried of a server that refuses everything."""
    found: list[Dress] = []
    following: Dress | None = start
    while following is not None:
        found.append(following)
        following = following.less(extras=extras, objects=objects, shaped=shaped)
    return found


@pytest.mark.parametrize(
    ("start", "extras", "objects", "tried"),
    [
        (FULL, None, True, list(Dress)),
        (FULL, None, False, [FULL, SCHEMA, NO_SHAPE, BARE]),
        (FULL, True, True, [FULL, ANY_JSON, NO_SHAPE, ANY_JSON_ALONE, BARE]),
        (SCHEMA, False, True, [SCHEMA, ANY_JSON_ALONE, BARE]),
        (SCHEMA, False, False, [SCHEMA, BARE]),
    ],
)
def test_less_and_less_goes_out_and_what_is_known_is_not_tried_again(
    start: Dress, extras: bool | None, objects: bool, tried: list[Dress]
) -> None:
    assert way(start, extras=extras, objects=objects) == tried


def test_where_no_shape_is_wanted_only_the_extras_can_be_left_away() -> None:
    assert way(FULL, extras=None, shaped=False) == [FULL, SCHEMA]
    assert way(SCHEMA, extras=False, shaped=False) == [SCHEMA]


def test_the_first_try_is_the_most_that_is_not_known_to_be_refused() -> None:
    for extras in (None, True, False):
        with_schema = Dress.first(extras=extras, schema=True, objects=True)
        any_json = Dress.first(extras=extras, schema=False, objects=True)
        none = Dress.first(extras=extras, schema=False, objects=False)
        assert [one.shape for one in (with_schema, any_json, none)] == ["schema", "object", ""]
        assert {one.extras for one in (with_schema, any_json, none)} == {extras is not False}
