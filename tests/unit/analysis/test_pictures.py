"""Pictures of a request get names that words and answers share."""

import io
from types import SimpleNamespace
from typing import Any

import av
from tests.unit.analysis.pretended import Engine

from kinoscribe.analysis.pictures import (
    Reference,
    images_for,
    name_in,
    named_assets,
    read_pictures,
    small,
    stills_of,
    wanted_pictures,
    words_of,
)
from kinoscribe.cancel import Cancel
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.prompts import MediaSource, PromptV2
from kinoscribe.contract.segments import Definition, Segmentation
from kinoscribe.contract.sources import AssetSource, Base64Source, UrlSource
from kinoscribe.engines.engine import Sight
from kinoscribe.media.pieces import Cutout
from kinoscribe.sources.pictures import StillPicture

VIDEO = UrlSource("https://example.com/a.mp4")
LOGO, ASSET = MediaSource("logo", Base64Source("QUJD")), MediaSource("mark", AssetSource("a" * 24))


def request(**changed: object) -> AnalyzeRequest:
    given = {
        "model_name": "pegasus1.6",
        "video": VIDEO,
        "prompt": "What?",
        "temperature": 0.0,
        "stream": False,
        "max_tokens": 512,
    }
    return AnalyzeRequest(**{**given, **changed})  # type: ignore[arg-type]


def test_pictures_of_a_prompt_keep_their_names() -> None:
    asked = request(prompt=PromptV2("Is <@logo> seen?", (LOGO, ASSET)))
    first, second = wanted_pictures(asked)
    assert (first.name, first.file, first.at) == ("logo", "image:logo", "prompt_v2.media_sources[0]")
    assert (second.name, second.at) == ("mark", "prompt_v2.media_sources[1]")
    assert named_assets(asked) == (("image:mark", "a" * 24),)


def test_pictures_of_definitions_get_names_that_are_theirs_alone() -> None:
    parts = tuple(
        Definition(str(n), "While <@logo> and <@other> are seen.", media_sources=(LOGO,)) for n in range(2)
    )
    found = list(wanted_pictures(request(prompt="", segmentation=Segmentation(parts))))
    assert [one.name for one in found] == [name_in(0, "logo"), name_in(1, "logo")]
    assert [one.file for one in found] == ["image:0:logo", "image:1:logo"]
    assert found[1].at == "response_format.segment_definitions[1].media_sources[0]"
    assert words_of(1, parts[1]) == "While <@d1-logo> and <@other> are seen."


def test_pictures_alone_stand_one_after_another() -> None:
    asked = request(video=None, images=(LOGO, ASSET))
    assert [one.at for one in wanted_pictures(asked)] == ["image[0]", "image[1]"]
    (first, start, end), (second, begin, _) = stills_of(asked.images)
    assert (first, second) == ("logo", "mark")
    assert start == 0.0 < end == begin


def test_only_an_engine_that_sees_gets_the_files() -> None:
    picture = (Reference("logo", "ab" * 32, b"file", Cutout(1, 1, b"\0" * 4)),)
    assert images_for(Engine(sees_pictures=True), picture) == (("logo", b"file"),)
    assert images_for(Engine(sees_pictures=False), picture) == ()


def test_files_stay_in_memory_only_for_an_engine_that_looks_at_them() -> None:
    class Reader:
        def read(self, *_: object) -> StillPicture:
            return StillPicture("ab" * 32, b"file", Cutout(1, 1, b"\0" * 4))

    asked = request(prompt=PromptV2("Is <@logo> seen?", (LOGO,)))
    for sees, kept in ((True, b"file"), (False, b"")):
        tools: Any = SimpleNamespace(pictures=Reader())
        (found,) = read_pictures(asked, "acme", tools, Engine(sees_pictures=sees), Cancel(), {})
        assert found.data == kept


def test_a_model_server_gets_them_no_larger_than_it_looks_at_pictures() -> None:
    asked = request(prompt=PromptV2("Is <@logo> seen?", (LOGO,)))
    sides = []

    class Reader:
        def read(self, _source: object, _at: str, _most: int, side: int, *_: object) -> StillPicture:
            sides.append(side)
            return StillPicture("ab" * 32, b"file", Cutout(2, 2, b"\0" * 16))

    tools: Any = SimpleNamespace(pictures=Reader())
    engine = Engine(sight=Sight(8, 336, lambda _width, _height: 100))
    (found,) = read_pictures(asked, "acme", tools, engine, Cancel(), {})
    assert sides == [336]
    assert found.data.startswith(b"\xff\xd8\xff")


def test_a_model_server_gets_pictures_that_are_small_and_on_white() -> None:
    red, clear = bytes([255, 0, 0, 255]), bytes([0, 0, 0, 0])
    made = small(Cutout(64, 32, (red * 32 + clear * 32) * 32))
    assert made.startswith(b"\xff\xd8\xff")
    assert small(Cutout(64, 32, (red * 32 + clear * 32) * 32)) == made
    with av.open(io.BytesIO(made), format="jpeg_pipe") as file:
        pixels = next(file.decode(video=0)).to_ndarray(format="rgb24")
    assert pixels.shape == (32, 64, 3)
    assert pixels[16, 8, 0] > 240
    assert pixels[16, 8, 1] < 40
    assert (pixels[16, 56] > 240).all()
