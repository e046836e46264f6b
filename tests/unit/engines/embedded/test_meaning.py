"""The sentence encoder: reads its file by hand, compares, and is the same alone and in company."""

import json
from pathlib import Path

import numpy as np
import pytest

from kinoscribe.engines.embedded.meaning import Meaning

WIDTH, INNER, WORDS = 24, 48, 30_522


def small_weights() -> dict[str, np.ndarray]:
    """Random weights of the encoder's shape, only narrower."""
    random = np.random.default_rng(1)

    def some(*shape: int) -> np.ndarray:
        return random.normal(0.0, 0.2, shape).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": some(WORDS, WIDTH),
        "embeddings.position_embeddings.weight": some(512, WIDTH),
        "embeddings.token_type_embeddings.weight": some(2, WIDTH),
        "embeddings.LayerNorm.weight": np.ones(WIDTH, np.float32),
        "embeddings.LayerNorm.bias": np.zeros(WIDTH, np.float32),
    }
    for layer in range(6):
        name = f"encoder.layer.{layer}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            weights[f"{name}attention.{part}.weight"] = some(WIDTH, WIDTH)
            weights[f"{name}attention.{part}.bias"] = some(WIDTH)
        weights[f"{name}intermediate.dense.weight"] = some(INNER, WIDTH)
        weights[f"{name}intermediate.dense.bias"] = some(INNER)
        weights[f"{name}output.dense.weight"] = some(WIDTH, INNER)
        weights[f"{name}output.dense.bias"] = some(WIDTH)
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights[f"{name}{norm}.weight"] = np.ones(WIDTH, np.float32)
            weights[f"{name}{norm}.bias"] = np.zeros(WIDTH, np.float32)
    return weights


@pytest.fixture(scope="module")
def meaning(tmp_path_factory: pytest.TempPathFactory) -> Meaning:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, value in small_weights().items():
        data = value.tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": value.shape,
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    head = json.dumps(header).encode()
    file: Path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    file.write_bytes(len(head).to_bytes(8, "little") + head + body)
    return Meaning(file)


def test_a_text_is_most_like_itself(meaning: Meaning) -> None:
    likeness = meaning.likeness("a yellow bus", ["a yellow bus", "nine days away"])
    assert likeness[0] == pytest.approx(1.0, abs=1e-4)
    assert likeness[1] < likeness[0]


def test_company_does_not_change_a_vector(meaning: Meaning) -> None:
    alone = meaning.likeness("frost", ["growers blame frost"])
    others = [
        "growers blame frost",
        "a much longer sentence that makes the batch wide and pads the others with nothing",
    ]
    assert meaning.likeness("frost", others)[0] == pytest.approx(alone[0], abs=1e-4)


def test_very_long_and_empty_texts_are_compared_too(meaning: Meaning) -> None:
    assert len(meaning.likeness("", ["word " * 5000, ""])) == 2
