"""A question reaches the process that answers it whole, but for those who listen here."""

from dataclasses import replace

import msgspec
import pytest
from tests.unit.engines.openai.asks import ask

from kinoscribe.engines.embedded.asked import decoder, encoded
from kinoscribe.engines.engine import Missed


def test_a_question_comes_back_as_it_was_and_its_listeners_stay() -> None:
    heard: list[object] = []
    asked = replace(ask("What is it?"), missed=heard.append, begun=heard.append)
    read = decoder()(encoded(asked))
    assert read == asked
    read.missed(Missed("1", "was away"))
    read.begun("1")
    assert heard == []


def test_what_is_no_question_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decoder()(b"\xc1")
    with pytest.raises(TypeError):
        encoded(replace(ask("What is it?"), salt=object()))  # type: ignore[arg-type]
