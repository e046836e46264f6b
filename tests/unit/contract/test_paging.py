import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.errors import ApiError, ParameterInvalid
from kinoscribe.contract.paging import Page, page_info, read_page


def test_the_first_ten_when_nothing_is_said() -> None:
    assert read_page({}) == Page(1, 10)
    assert read_page({"page": "3", "page_limit": "50", "other": "x"}) == Page(3, 50)
    assert Page(3, 50).offset == 100


@pytest.mark.parametrize("name", ["page", "page_limit"])
@pytest.mark.parametrize(
    "text", ["0", "-1", "x", "", "1.5", "1e3", " 1", "+1", "٣", "9" * 400, "1\n", "true"]
)
def test_what_is_no_number_from_one_on_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ParameterInvalid) as refused:
        read_page({name: text})
    assert f"The {name} parameter" in refused.value.message


def test_a_page_has_at_most_fifty_rows() -> None:
    with pytest.raises(ParameterInvalid, match="page_limit"):
        read_page({"page_limit": "51"})


@given(st.integers(1, 10**15 - 1), st.integers(1, 50), st.integers(0, 10**9))
def test_all_rows_fit_on_the_pages_and_none_is_too_many(page: int, limit: int, total: int) -> None:
    info = page_info(Page(page, limit), total)
    assert info["page"] == page
    assert info["limit_per_page"] == limit
    assert info["total_results"] == total
    assert (info["total_page"] - 1) * limit < total <= info["total_page"] * limit or total == info[
        "total_page"
    ] == 0


@given(st.text(), st.text())
def test_any_query_is_a_page_or_a_refusal(page: str, limit: str) -> None:
    try:
        read = read_page({"page": page, "page_limit": limit})
    except ApiError:
        return
    assert read.page >= 1
    assert 1 <= read.limit <= 50
