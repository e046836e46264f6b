"""Compares sentences by meaning with all-MiniLM-L6-v2, run in plain numpy from its safetensors file."""

import json
from collections import OrderedDict
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

_HEADS, _LAYERS, _LONGEST = 12, 6, 64
_KEPT = 4096
Array = npt.NDArray[np.float32]


class Meaning:
    """The sentence encoder. Vectors of sentences seen lately are kept."""

    def __init__(self, file: Path) -> None:
        self._weights = _read_safetensors(file)
        kept = files("kinoscribe").joinpath("data/tokenizer.json").read_text(encoding="utf-8")
        self._tokenizer = Tokenizer.from_str(kept)
        self._tokenizer.enable_truncation(_LONGEST)
        self._tokenizer.no_padding()
        self._kept: OrderedDict[str, Array] = OrderedDict()

    def likeness(self, text: str, others: list[str]) -> list[float]:
        """The cosine (-1..1) of one text with each of the others."""
        wanted = [t for t in dict.fromkeys([text, *others]) if t not in self._kept]
        wanted.sort(key=len)
        for first in range(0, len(wanted), 16):
            batch = wanted[first : first + 16]
            for one, vector in zip(batch, self._encode(batch), strict=True):
                self._kept[one] = vector
        mine = self._kept[text]
        result = [round(float(mine @ self._kept[other]), 4) for other in others]
        for one in (text, *others):
            self._kept.move_to_end(one)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return result

    def _encode(self, texts: list[str]) -> Array:
        rows = [self._tokenizer.encode(text[:1000]).ids for text in texts]
        longest = max(len(row) for row in rows)
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.float32)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1.0
        w = self._weights
        x = w["embeddings.word_embeddings.weight"][ids]
        x = (
            x
            + w["embeddings.position_embeddings.weight"][:longest]
            + w["embeddings.token_type_embeddings.weight"][0]
        )
        x = _norm(x, w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"])
        hide = (1.0 - mask)[:, None, None, :] * np.float32(-1e4)
        for layer in range(_LAYERS):
            x = self._layer(x, hide, f"encoder.layer.{layer}.")
        pooled = (x * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        result: Array = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-9)
        return result

    def _layer(self, x: Array, hide: Array, name: str) -> Array:
        w = self._weights
        many, longest, width = x.shape

        def linear(value: Array, part: str) -> Array:
            flat = value.reshape(-1, value.shape[-1]) @ w[f"{name}{part}.weight"].T + w[f"{name}{part}.bias"]
            return flat.reshape(many, longest, -1)

        def heads(value: Array) -> Array:
            return value.reshape(many, longest, _HEADS, width // _HEADS).transpose(0, 2, 1, 3)

        query, key, value = (heads(linear(x, f"attention.self.{part}")) for part in ("query", "key", "value"))
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32((width // _HEADS) ** 0.5) + hide
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(many, longest, width)
        x = _norm(
            x + linear(mixed, "attention.output.dense"),
            w[f"{name}attention.output.LayerNorm.weight"],
            w[f"{name}attention.output.LayerNorm.bias"],
        )
        inner = linear(x, "intermediate.dense")
        inner = inner * _half_erf(inner)
        return _norm(
            x + linear(inner, "output.dense"),
            w[f"{name}output.LayerNorm.weight"],
            w[f"{name}output.LayerNorm.bias"],
        )


def _half_erf(x: Array) -> Array:
    """The Gaussian distribution function, by the tanh approximation (error below 0.001)."""
    inside = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
    result: Array = np.float32(0.5) * (np.float32(1.0) + np.tanh(inside))
    return result


def _norm(x: Array, weight: Array, bias: Array) -> Array:
    mean = x.mean(axis=-1, keepdims=True)
    spread = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + np.float32(1e-12))
    result: Array = (x - mean) / spread * weight + bias
    return result


def _read_safetensors(file: Path) -> dict[str, Array]:
    """The tensors of a safetensors file: eight bytes of length, a JSON header, then the numbers."""
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    body = memoryview(data)[8 + length :]
    weights: dict[str, Array] = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        first, last = entry["data_offsets"]
        weights[name] = np.frombuffer(body[first:last], dtype=np.float32).reshape(entry["shape"])
    return weights
