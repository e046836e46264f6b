"""A reference picture is taken from each source, checked, and refused with its place in the request."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.media_truth import make_picture

from kinoscribe.cancel import Cancel
from kinoscribe.contract.errors import (
    ApiError,
    AssetNotReady,
    ParameterInvalid,
    ResourceNotExist,
    SourceUnreachable,
)
from kinoscribe.contract.sources import AssetSource, Base64Source, UrlSource
from kinoscribe.media.decoders import Decoders
from kinoscribe.sources.pictures import PictureReader
from kinoscribe.sources.resolve import KeptFile
from kinoscribe.sources.url_fetch import FetchFailed
from kinoscribe.sources.url_guard import UrlRefused
from kinoscribe.storage.asset_rows import AssetRows, Examined
from kinoscribe.storage.blobs import Blobs
from kinoscribe.storage.database import Database

PNG = make_picture("image/png", size=(300, 100))
AT = "prompt_v2.media_sources[0]"


class Fetcher:
    """Brings a body, or fails as it is told."""

    def __init__(self, body: bytes = PNG, failure: Exception | None = None) -> None:
        self._body, self._failure = body, failure

    def fetch(self, _url: str, sink: object, _cancel: Cancel) -> None:
        if self._failure is not None:
            raise self._failure
        sink.write(self._body)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders(most=1)
    yield made
    made.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[AssetRows, Blobs]]:
    database = Database(f"sqlite:///{tmp_path / 'rows.db'}")
    database.migrate()
    blobs = Blobs(tmp_path)
    yield AssetRows(database, blobs), blobs
    blobs.close()
    database.close()


def reader(
    house: tuple[AssetRows, Blobs], decoders: Decoders, fetcher: Fetcher | None = None
) -> PictureReader:
    return PictureReader(*house, fetcher or Fetcher(), decoders)  # type: ignore[arg-type]


def asset(house: tuple[AssetRows, Blobs], body: bytes, kind: str | None) -> str:
    rows, blobs = house
    with blobs.begin() as incoming:
        incoming.write(body)
        made = rows.add("a", method="direct", filename="p", file_type="image/png", stored=incoming.finish())
    if kind is not None:
        rows.ready(made.id, Examined(kind, "image/png"))  # type: ignore[arg-type]
    return made.id


def refused(made: PictureReader, source: object, kind: type[ApiError], most: int = 1_000_000) -> str:
    with pytest.raises(kind) as caught:
        made.read(source, AT, most, 128, "a", Cancel())  # type: ignore[arg-type]
    return caught.value.message


def test_a_picture_comes_from_each_source_with_its_digest(
    house: tuple[AssetRows, Blobs], decoders: Decoders
) -> None:
    made = reader(house, decoders)
    inline = Base64Source(base64.b64encode(PNG).decode())
    stored = AssetSource(asset(house, PNG, "image"))
    for source in (inline, stored, UrlSource("https://example.com/a.png")):
        picture = made.read(source, AT, 1_000_000, 150, "a", Cancel())
        assert picture.data == PNG
        assert (picture.cutout.width, picture.cutout.height) == (150, 50)
    kept = made.read(KeptFile(picture.content), AT, 1_000_000, 150, "a", Cancel())
    assert kept.content == picture.content


def test_what_is_no_picture_is_refused_by_its_place(
    house: tuple[AssetRows, Blobs], decoders: Decoders
) -> None:
    made = reader(house, decoders, Fetcher(b"<html>"))
    for source in (Base64Source(base64.b64encode(b"text").decode()), UrlSource("https://example.com/a")):
        assert AT in refused(made, source, ParameterInvalid)
    assert AT in refused(made, Base64Source("!!!"), ParameterInvalid)
    assert "at most 0 MB" in refused(
        made, Base64Source(base64.b64encode(PNG).decode()), ParameterInvalid, most=10
    )


def test_assets_have_to_be_ready_images_of_the_account(
    house: tuple[AssetRows, Blobs], decoders: Decoders
) -> None:
    made = reader(house, decoders)
    refused(made, AssetSource("0" * 24), ResourceNotExist)
    assert "video" in refused(made, AssetSource(asset(house, PNG, "video")), ParameterInvalid)
    assert AT in refused(made, AssetSource(asset(house, PNG, None)), AssetNotReady)
    with pytest.raises(ResourceNotExist):
        made.read(AssetSource(asset(house, PNG, "image")), AT, 1_000_000, 64, "another", Cancel())
    made.check_asset(asset(house, PNG, None), AT, "a")


def test_urls_fail_for_now_or_for_good(house: tuple[AssetRows, Blobs], decoders: Decoders) -> None:
    url = UrlSource("https://example.com/a.png")
    down = reader(house, decoders, Fetcher(failure=FetchFailed("It is down.", passes=True)))
    assert AT in refused(down, url, SourceUnreachable)
    for failure in (FetchFailed("Its server answered with status 404."), UrlRefused("It is private.")):
        message = refused(reader(house, decoders, Fetcher(failure=failure)), url, ParameterInvalid)
        assert AT in message


def test_a_kept_picture_that_is_gone_is_said(house: tuple[AssetRows, Blobs], decoders: Decoders) -> None:
    assert "no longer kept" in refused(reader(house, decoders), KeptFile("ab" * 32), ParameterInvalid)
