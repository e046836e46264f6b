from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe import clock
from kinoscribe.api.chunk_urls import ChunkUrls
from kinoscribe.contract.errors import UploadUrlExpired, UploadUrlInvalid

UPLOAD = "0123456789abcdef01234567"
NOON = datetime(2026, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)
URLS = ChunkUrls(b"secret", 60.0)


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time, which a test may change."""
    told = [NOON]
    monkeypatch.setattr(clock, "now", lambda: told[0])
    return told


def parts(number: int = 3, urls: ChunkUrls = URLS) -> tuple[str, str, str, str]:
    """What a server reads of a URL signed at noon."""
    url = urlsplit(urls.sign("https://a.example/v1.3", UPLOAD, number, NOON).url)
    upload, _, shown = url.path.removeprefix("/v1.3/assets/multipart-uploads/").split("/")
    query = parse_qs(url.query)
    return upload, shown, query["expires"][0], query["signature"][0]


def test_a_signed_url_leads_to_its_chunk_until_it_ends(noon: list[datetime]) -> None:
    signed = URLS.sign("https://a.example/v1.3", UPLOAD, 3, NOON)
    assert signed.expires_at - NOON == timedelta(seconds=60.5), "whole seconds, never fewer than promised"
    assert URLS.check(*parts()) == 3
    noon[0] = signed.expires_at - timedelta(microseconds=1)
    assert URLS.check(*parts()) == 3
    noon[0] = signed.expires_at
    with pytest.raises(UploadUrlExpired, match="12:01:01"):
        URLS.check(*parts())


def test_another_secret_signs_otherwise(noon: list[datetime]) -> None:
    with pytest.raises(UploadUrlInvalid):
        URLS.check(*parts(urls=ChunkUrls(b"other", 60.0)))


@given(place=st.integers(0, 3), text=st.text(max_size=70))
def test_whatever_is_changed_makes_a_url_no_longer_ours(place: int, text: str) -> None:
    said = list(URLS.sign("", UPLOAD, 3, clock.now()).url.rpartition("/chunks/"))
    number, _, query = said[2].partition("?")
    given_ = parse_qs(query)
    right = [UPLOAD, number, given_["expires"][0], given_["signature"][0]]
    assert URLS.check(*right) == 3
    if text in {right[place], right[place].zfill(len(text))}:
        return
    with pytest.raises(UploadUrlInvalid):
        URLS.check(*[text if at == place else part for at, part in enumerate(right)])


def test_what_is_signed_cannot_be_cut_elsewhere(noon: list[datetime]) -> None:
    upload, _, expires, signature = parts(number=31)
    with pytest.raises(UploadUrlInvalid):
        URLS.check(upload + "/3", "1", expires, signature)
