from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.model_server.script import Nature, Script
from tests.model_server.server import ModelServer

from kinoscribe.cli.machine import Finding
from kinoscribe.cli.model_servers import model_servers
from kinoscribe.engines.models_file import EnginesInvalid
from kinoscribe.settings import Settings


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer("vllm", Nature(context=32_768)) as started:
        yield started


def found(folder: Path, *urls: str) -> list[Finding]:
    settings = Settings(data_dir=folder, engine="openai", engine_url=",".join(urls))  # type: ignore[arg-type]
    return list(model_servers(settings))


def test_a_server_that_can_do_all_is_well(tmp_path: Path, server: ModelServer) -> None:
    findings = found(tmp_path, server.url)
    assert {one.state for one in findings} == {"ok"}
    told = " ".join(one.sentence for one in findings)
    assert "vLLM 0.32-scripted answers with scripted-vl, profile vllm." in told
    assert "32,768 tokens" in told
    assert "768x432: 450" in told
    assert "keeps to a JSON schema" in told


@pytest.mark.parametrize(
    ("nature", "told"),
    [
        (Nature(context=4096), "4,096 tokens"),
        (Nature(sees=False), "It looks at no pictures."),
        (Nature(most_pictures=7), "at most 7 at once"),
        (Nature(usage="missing"), "tokens"),
    ],
)
def test_what_a_server_lacks_is_told_with_what_it_means(
    tmp_path: Path, server: ModelServer, nature: Nature, told: str
) -> None:
    server.nature = nature
    slow = [one for one in found(tmp_path, server.url) if one.state == "slow"]
    assert any(told in one.sentence for one in slow)


def test_each_server_of_a_list_is_told_of_and_what_they_have_in_common(
    tmp_path: Path, server: ModelServer
) -> None:
    with (
        ModelServer("llamacpp", Nature(context=8_000, sees=False)) as blind,
        ModelServer("vllm") as mute,
    ):
        mute.otherwise = Script(status=500)
        findings = found(tmp_path, mute.url, server.url, blind.url)
        told = [one.sentence for one in findings]
    assert told[0].startswith(f"{mute.url}: It lists its models, and answers no question.")
    assert f"{server.url}: vLLM 0.32-scripted answers with scripted-vl, profile vllm." in told
    assert any(one.startswith(f"{blind.url}: llama.cpp") for one in told)
    assert told.count("It looks at no pictures.") == 1
    assert told[-1].startswith("Whichever of the 2 is asked, a question and its answer may have 8,000 tokens")
    assert "those that look at none (1) are asked last" in told[-1]


def test_a_schema_that_does_not_hold_is_told(tmp_path: Path, server: ModelServer) -> None:
    server.nature.constrains = False
    server.otherwise = Script("No.")
    assert any("does not keep to a JSON schema" in one.sentence for one in found(tmp_path, server.url))


def test_a_server_that_is_away_is_a_lack_unless_another_is_there(tmp_path: Path, server: ModelServer) -> None:
    away = "http://127.0.0.1:9/v1"
    (alone,) = found(tmp_path, away)
    assert (alone.state, alone.sentence) == ("lacks", f"{away}: It cannot be reached.")
    beside = found(tmp_path, away, server.url)
    assert beside[0].state == "slow"
    assert beside[1].state == "ok"


def test_without_model_servers_nothing_is_said(tmp_path: Path) -> None:
    assert list(model_servers(Settings(data_dir=tmp_path))) == []


def test_a_setting_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnginesInvalid):
        found(tmp_path, "nonsense")
