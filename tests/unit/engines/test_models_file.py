from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinoscribe.contract.limits import MODELS
from kinoscribe.engines.models_file import EnginesInvalid, read_models_file, read_url

WHOLE = """
[engines.big]
kind = "openai"
urls = ["http://10.0.0.5:8000", "https://models.example/vl/v1/"]
model = "Qwen/Qwen3-VL-32B-Instruct"
profile = "vllm"
context_tokens = 65536
extra = {top_k = 1}

[models."pegasus1.5"]
engines = ["big", "embedded"]

[models."qwen3-vl-32b"]
engines = ["big"]
rules = "pegasus1.6"

[models.mine]
engines = ["default"]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "models.toml"
    file.write_text(text, encoding="utf-8")
    return file


def with_urls(more: str) -> str:
    return f"[engines.a]\nurls = ['http://a.example/v1']\n{more}"


def test_names_of_models_get_their_engines_in_order_and_their_rules(tmp_path: Path) -> None:
    read = read_models_file(written(tmp_path, WHOLE))
    assert read.models["pegasus1.5"].engines == ("big", "embedded")
    assert read.rules_of("qwen3-vl-32b") == "pegasus1.6"
    assert read.rules_of("mine") == "pegasus1.5"
    assert read.rules_of("pegasus1.2") == "pegasus1.2"
    assert read.used() == ("big", "embedded", "default")
    assert read.engines["big"].urls == ("http://10.0.0.5:8000/v1", "https://models.example/vl/v1")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[engines.big\n", "is not TOML"),
        ("[engines.big]\nmodel = 'x'", "engines.big: it needs urls"),
        ("[engines.big]\nurls = ['ftp://x/v1']", "is no address of a model server"),
        ("[engines.big]\nurls = ['http://me:secret@x/v1']", "no password"),
        ("[engines.big]\nurls = ['http://x:99999/v1']", "engines.big.urls.0"),
        ("[engines.big]\nurls = ['http://x/v1']\nurl = 'y'", "engines.big.url: there is no such field"),
        ("[engines.big]\nurls = ['http://x/v1']\nprofile = 'best'", "there are auto, vllm"),
        ("[engines.big]\nkind = 'embedded'\nmodel = 'x'", "has no such fields"),
        ("[engines.embedded]\nkind = 'embedded'", "the name embedded is taken"),
        ("[models.mine]\nengines = []", "models.mine.engines"),
        ("[models.mine]\nengines = 'big'", 'models.mine.engines: it must be a list, as in ["..."]'),
        ("[models.mine]", "models.mine.engines: it must be given"),
        ("engines = 5", "engines: it must be a table"),
        ("engines.a = 5", "engines.a: it must be a table"),
        ("[engines.a]\nurls = 'http://a.example/v1'", 'engines.a.urls: it must be a list, as in ["..."]'),
        ("[engines.a]\nurls = [5]", "engines.a.urls.0: it must be a text in quotation marks"),
        ("[engines.a]\nkind = 'vllm'", "engines.a.kind: there are 'embedded', 'scripted' or 'openai'"),
        ("[engines.a]\nkind = 'scripted'\nfile = 5", "engines.a.file: it must be the path of a file"),
        (with_urls("context_tokens = 10"), "engines.a.context_tokens: 1024 is the least that it may be"),
        (with_urls("context_tokens = 1.5"), "engines.a.context_tokens: it must be a whole number"),
        (with_urls("context_tokens = inf"), "engines.a.context_tokens: it must be a whole number"),
        (with_urls("pictures = 99999"), "engines.a.pictures: 4096 is the most that it may be"),
        (with_urls("sequence = 'perhaps'"), "engines.a.sequence: it must be true or false"),
        (with_urls("extra = 5"), "engines.a.extra: it must be a table"),
        *(
            (with_urls(f"extra = {{top_k = 20, {name} = 1}}"), f"engines.a.extra: {name} cannot be set here")
            for name in ("messages", "model", "stream", "max_tokens", "cache_salt", "response_format")
        ),
        (with_urls("extra = {a = {b = [inf]}}"), "engines.a.extra: a.b is inf"),
        (with_urls("extra = {when = 1979-05-27}"), "engines.a.extra: when is a date or a time"),
        ("[models.mine]\nengines = ['big']", "names the engine big; there are default, embedded, scripted"),
        ("[models.mine]\nengines = ['default', 'default']", "names an engine twice"),
        ("[models.mine]\nengines = ['default']\nrules = 'gpt'", "there are the rules of pegasus1.2"),
        ("[models.'pegasus1.5']\nengines = ['default']\nrules = 'pegasus1.6'", "cannot be others"),
        ("[models.'a name']\nengines = ['default']", "is no name of a model"),
        (f"[models.{'x' * 33}]\nengines = ['default']", "is no name of a model"),
        ("[model.mine]\nengines = ['default']", "model: there is no such field"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(EnginesInvalid) as refused:
        read_models_file(file)
    assert "Input should" not in str(refused.value)
    assert told in str(refused.value)
    assert str(file) in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnginesInvalid, match="nowhere"):
        read_models_file(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("given_url", "used"),
    [
        ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
        ("http://127.0.0.1:11434/", "http://127.0.0.1:11434/v1"),
        ("https://a.example/v1/chat/completions", "https://a.example/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        (" http://a.example/openai ", "http://a.example/openai"),
    ],
)
def test_an_address_is_brought_to_the_form_the_engine_needs(given_url: str, used: str) -> None:
    assert read_url(given_url) == used


@pytest.mark.parametrize(
    "url",
    [
        "user:secret@a.example",
        "ftp://user:secret@a.example/v1",
        "https://a.example/v1?api_key=secret",
        "https://a.example/v1#secret",
        "http://user:secret@a.example/v1",
        "http://user:secret@a b/v1",
        "http://a b/v1",
    ],
)
def test_an_address_that_is_refused_is_not_repeated_with_what_may_be_secret(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|must end with its path") as refused:
        read_url(url)
    assert "secret" not in str(refused.value)


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        url = read_url(text)
    except ValueError:
        return
    assert read_url(url) == url


@given(
    st.text(max_size=200) | st.sampled_from([f"[models.'{name}']\nengines = ['default']" for name in MODELS])
)
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = written(tmp_path_factory.mktemp("file"), text)
    with suppress(EnginesInvalid):
        read_models_file(file)
