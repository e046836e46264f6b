from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from kinoscribe import clock
from kinoscribe.api.thumbnail_urls import ThumbnailUrls

ASSET, OTHER = "0" * 24, "1" * 24
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
URLS = ThumbnailUrls(b"secret")


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, NOON)


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: moment)


def said(url: str) -> tuple[str, str]:
    query = parse_qs(urlsplit(url).query)
    return query["expires"][0], query["signature"][0]


def test_a_url_is_good_for_its_asset_alone() -> None:
    url = URLS.sign("https://a.example/v1.3", ASSET)
    assert url.startswith(f"https://a.example/v1.3/assets/{ASSET}/thumbnail?")
    assert URLS.good(ASSET, *said(url))
    assert not URLS.good(OTHER, *said(url))
    assert not ThumbnailUrls(b"other").good(ASSET, *said(url))


def test_a_url_stays_the_same_for_a_day_and_good_for_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    url = URLS.sign("", ASSET)
    at(monkeypatch, NOON + timedelta(hours=11))
    assert URLS.sign("", ASSET) == url
    at(monkeypatch, NOON + timedelta(hours=35))
    assert URLS.good(ASSET, *said(url))
    at(monkeypatch, NOON + timedelta(hours=36))
    assert not URLS.good(ASSET, *said(url))


@pytest.mark.parametrize("expires", ["", "x", "-1", "٣", "9" * 13, "99999999999", "1.0", "\udc80"])
def test_another_end_is_not_ours(expires: str) -> None:
    _, signature = said(URLS.sign("", ASSET))
    assert not URLS.good(ASSET, expires, signature)


@pytest.mark.parametrize("signature", ["", "0" * 64, "é", "\udc80"])
def test_another_signature_is_not_ours(signature: str) -> None:
    expires, _ = said(URLS.sign("", ASSET))
    assert not URLS.good(ASSET, expires, signature)
