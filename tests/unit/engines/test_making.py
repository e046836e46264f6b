from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.analysis.pretended import Engine

from kinoscribe.engines.making import check_engines, make_engines, openai_config, probers, settings_table
from kinoscribe.engines.models_file import EnginesInvalid, kinds_used
from kinoscribe.engines.openai.engine import OpenAIEngine
from kinoscribe.engines.scripted import ScriptedEngine
from kinoscribe.settings import Settings

FILE = """
[engines.big]
urls = ["http://127.0.0.1:9/v1"]
model = "big"
api_key_variable = "BIG_KEY"
context_tokens = 5000
pictures = 12
picture_side = 512
numbered = true
profile = "vllm"

[engines.unused]
urls = ["http://127.0.0.1:9/v1"]
api_key_variable = "NOWHERE_SET"

[models."pegasus1.5"]
engines = ["big", "embedded"]

[models.mine]
engines = ["scripted"]
rules = "pegasus1.6"
"""


class Embedded(Engine):
    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def made() -> list[Embedded]:
    return []


@pytest.fixture
def make(made: list[Embedded]) -> Callable[[], Embedded]:
    def one() -> Embedded:
        made.append(Embedded())
        return made[-1]

    return one


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "models.toml"
    file.write_text(FILE)
    return file


def settings(tmp_path: Path, **chosen: object) -> Settings:
    return Settings(data_dir=tmp_path, **chosen)  # type: ignore[arg-type]


def test_without_a_file_there_is_the_engine_of_the_settings(
    tmp_path: Path, make: Callable[[], Embedded], made: list[Embedded]
) -> None:
    with closing(make_engines(settings(tmp_path), make)) as engines:
        assert engines.default is made[0]
    assert made[0].closed == 1


def test_the_file_brings_its_engines_and_shares_that_of_the_settings(
    tmp_path: Path,
    file: Path,
    make: Callable[[], Embedded],
    made: list[Embedded],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BIG_KEY", "secret")
    with closing(make_engines(settings(tmp_path, models_file=file), make)) as engines:
        first, second = engines.models["pegasus1.5"].engines
        assert isinstance(first, OpenAIEngine)
        assert second is engines.default
        assert isinstance(engines.of("mine"), ScriptedEngine)
        assert engines.of("pegasus1.2") is engines.default
        assert engines.names["mine"] == "pegasus1.6"
    assert [one.closed for one in made] == [1]


def test_what_was_made_is_closed_when_a_later_engine_cannot_be_made(
    tmp_path: Path, file: Path, make: Callable[[], Embedded], made: list[Embedded]
) -> None:
    with pytest.raises(EnginesInvalid, match="BIG_KEY, which is not set"):
        make_engines(settings(tmp_path, models_file=file), make)
    assert [one.closed for one in made] == [1]


def test_a_table_becomes_a_configuration(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIG_KEY", "secret")
    chosen = settings(tmp_path, models_file=file, engine_api_key="that of the settings")
    (prober,) = probers(chosen).values()
    prober.close()  # nothing is asked of anybody
    config = prober.config
    assert (config.name, config.model, config.api_key) == ("big", "big", "secret")
    assert (config.context, config.sight.most, config.max_side, config.numbered) == (5000, 12, 512, True)
    assert config.profile == "vllm"
    assert "secret" not in repr(config)


def test_the_settings_become_a_configuration(tmp_path: Path) -> None:
    chosen = settings(
        tmp_path,
        engine="openai",
        engine_url="http://127.0.0.1:9, http://127.0.0.2:9/v1",
        engine_model="m",
        engine_api_key="secret",
        engine_context=4096,
        frame_side=512,
    )
    config = openai_config("openai", settings_table(chosen), chosen)
    assert config.urls == ("http://127.0.0.1:9/v1", "http://127.0.0.2:9/v1")
    assert (config.model, config.api_key, config.context, config.max_side) == ("m", "secret", 4096, 512)


@pytest.mark.parametrize(("url", "told"), [("", "KINOSCRIBE_ENGINE_URL"), ("localhost:8000", "engine_url")])
def test_an_engine_without_an_address_that_can_be_one_is_refused(
    tmp_path: Path, make: Callable[[], Embedded], url: str, told: str
) -> None:
    with pytest.raises(EnginesInvalid, match=told):
        make_engines(settings(tmp_path, engine="openai", engine_url=url), make)
    with pytest.raises(EnginesInvalid, match=told):
        check_engines(settings(tmp_path, engine="openai", engine_url=url))


def test_the_wait_for_a_first_token_is_the_operators(tmp_path: Path) -> None:
    chosen = settings(tmp_path, engine="openai", engine_url="http://127.0.0.1:9/v1", engine_wait_seconds=7.5)
    assert openai_config("openai", settings_table(chosen), chosen).waits.first_token == 7.5


def test_a_model_that_is_shown_no_pictures_has_none_in_sight(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(
        '[engines.blind]\nurls = ["http://127.0.0.1:9"]\npictures = 0\n[models.b]\nengines = ["blind"]'
    )
    (prober,) = probers(settings(tmp_path, models_file=file)).values()
    prober.close()
    assert prober.config.sight.most == 0


def test_the_kinds_in_use_are_known_before_anything_is_made(tmp_path: Path, file: Path) -> None:
    assert kinds_used(settings(tmp_path)) == {"embedded"}
    assert kinds_used(settings(tmp_path, engine="scripted", models_file=file)) == {
        "scripted",
        "openai",
        "embedded",
    }


def test_a_key_loses_the_blanks_around_it_and_an_address_is_asked_once(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://127.0.0.1:9/v1,http://127.0.0.1:9"
    chosen = settings(tmp_path, engine="openai", engine_url=url, engine_api_key=" secret\n", models_file=file)
    monkeypatch.setenv("BIG_KEY", "other\r\n")
    known = probers(chosen)
    for prober in known.values():
        prober.close()  # nothing is asked of anybody
    configs = {name: prober.config for name, prober in known.items()}
    assert (configs["openai"].api_key, configs["big"].api_key) == ("secret", "other")
    assert configs["openai"].urls == ("http://127.0.0.1:9/v1",)


@pytest.mark.parametrize("key", ["sec\nret", "secr\u00e9t", "sec\x00ret"])
def test_what_cannot_be_sent_as_a_key_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    chosen = settings(tmp_path, engine="openai", engine_url="http://127.0.0.1:9/v1", engine_api_key=key)
    with pytest.raises(EnginesInvalid, match="engine_api_key holds no API key") as refused:
        check_engines(chosen)
    assert key not in str(refused.value)
    assert repr(key)[1:-1] not in str(refused.value)
