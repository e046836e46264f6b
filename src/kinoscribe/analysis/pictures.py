"""Turns the reference pictures of a request into pictures at hand, under names that words and answers share."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from kinoscribe.analysis.tools import Tools
from kinoscribe.cancel import Cancel
from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.limits import BASE64_IMAGE_BYTES, IMAGE_BYTES
from kinoscribe.contract.prompts import MediaSource, PromptV2
from kinoscribe.contract.segments import Definition
from kinoscribe.contract.sources import AssetSource, Source
from kinoscribe.engines.engine import Engine
from kinoscribe.media.pieces import Cutout
from kinoscribe.media.reel import SECONDS, write_reel
from kinoscribe.sources.resolve import Content, KeptFile

# A reference is looked for at many sizes up to this one, in pixels of its longer side.
_SIDE = 512
_SIDE_ALONE = 1280
# Pictures laid out in another way would be other evidence.
_REEL = b"reel 1"
_MENTION = re.compile(r"<@([A-Za-z0-9_-]{1,64})>")


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture that words point at with `<@name>`; `content` is the SHA-256 of its file.

    `data` is the file, and empty where the engine does not look at pictures.
    """

    name: str
    content: str
    data: bytes
    cutout: Cutout


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture of a request: its name, the name of its file in a task, and the parameter it stands in."""

    name: str
    file: str
    at: str
    source: Source
    most: int


def wanted_pictures(request: AnalyzeRequest) -> Iterator[Wanted]:
    """The pictures a request points at. Those of segment definitions get names that are theirs alone."""
    yield from _of(request.images, "image", IMAGE_BYTES)
    if isinstance(request.prompt, PromptV2):
        yield from _of(request.prompt.media_sources, "prompt_v2.media_sources", BASE64_IMAGE_BYTES)
    if request.segmentation is None:
        return
    for place, definition in enumerate(request.segmentation.definitions):
        at = f"response_format.segment_definitions[{place}].media_sources"
        for wanted in _of(definition.media_sources, at, BASE64_IMAGE_BYTES, f"{place}:"):
            yield Wanted(name_in(place, wanted.name), wanted.file, wanted.at, wanted.source, wanted.most)


def read_pictures(
    request: AnalyzeRequest,
    account: str,
    tools: Tools,
    engine: Engine,
    cancel: Cancel,
    files: Mapping[str, str],
) -> tuple[Reference, ...]:
    """All of them, decoded once to be sure. `files` are those kept with a task, by name.

    Raises the `ApiError` of the first that cannot be used.
    """
    found = []
    for wanted in wanted_pictures(request):
        source: Source | KeptFile = wanted.source
        if wanted.file in files:
            source = KeptFile(files[wanted.file])
        side = _SIDE_ALONE if request.images else _SIDE
        if engine.sight is not None and engine.sees_pictures:
            side = min(side, engine.sight.max_side)
        picture = tools.pictures.read(source, wanted.at, wanted.most, side, account, cancel)
        # Eighty files of 32 MB each would be held for as long as the answer takes.
        data = (
            b""
            if not engine.sees_pictures
            else picture.data
            if engine.sight is None
            else small(picture.cutout)
        )
        found.append(Reference(wanted.name, picture.content, data, picture.cutout))
    return tuple(found)


def small(cutout: Cutout) -> bytes:
    """The picture as a JPEG of its size here, on white where it can be seen through, for servers that take no more."""
    # Whoever asks no model server has no need of the encoder.
    from kinoscribe.media.jpeg import jpeg

    pixels = np.frombuffer(cutout.pixels, np.uint8).reshape(cutout.height, cutout.width, 4).astype(np.uint16)
    solid = pixels[..., 3:]
    return jpeg(((pixels[..., :3] * solid + 255 * (255 - solid) + 127) // 255).astype(np.uint8))


def images_for(engine: Engine, pictures: tuple[Reference, ...]) -> tuple[tuple[str, bytes], ...]:
    """Names and files of the pictures, for an engine that looks at them."""
    return tuple((one.name, one.data) for one in pictures) if engine.sees_pictures else ()


@contextmanager
def reel_of(pictures: tuple[Reference, ...], tools: Tools) -> Iterator[Content]:
    """The pictures of a question without a video, one after another as a silent video, while the block lasts."""
    digest = hashlib.sha256(_REEL)
    for one in pictures:
        digest.update(bytes.fromhex(one.content))
    with tools.blobs.begin() as incoming:
        write_reel([one.cutout for one in pictures], incoming.path)
        yield Content(incoming.path, digest.hexdigest(), incoming.path.stat().st_size, None, False)


def stills_of(images: tuple[MediaSource, ...]) -> tuple[tuple[str, float, float], ...]:
    """The names of the pictures of a question without a video, and from when to when each is shown."""
    return tuple((one.name, place * SECONDS, (place + 1) * SECONDS) for place, one in enumerate(images))


def named_assets(request: AnalyzeRequest) -> tuple[tuple[str, str], ...]:
    """The names of files and the ids of the assets that pictures come from."""
    return tuple(
        (wanted.file, wanted.source.asset_id)
        for wanted in wanted_pictures(request)
        if isinstance(wanted.source, AssetSource)
    )


def name_in(place: int, name: str) -> str:
    """The name of a picture of the definition at `place`, where other definitions may use the same."""
    return f"d{place}-{name}"


def words_of(place: int, definition: Definition) -> str:
    """The description of a definition, pointing at its pictures by the names that are theirs alone."""
    own = {source.name for source in definition.media_sources}
    return _MENTION.sub(
        lambda found: f"<@{name_in(place, found[1])}>" if found[1] in own else found[0],
        definition.description,
    )


def _of(sources: tuple[MediaSource, ...], at: str, most: int, prefix: str = "") -> Iterator[Wanted]:
    for place, one in enumerate(sources):
        yield Wanted(one.name, f"image:{prefix}{one.name}", f"{at}[{place}]", one.source, most)
