"""Makes the two GGUF files of a Qwen2.5-VL with random weights, one megabyte each, for llama.cpp's server.

Run by the Python of `make servers`: `python tiny_gguf.py FOLDER`. The same weights come out every time. What the files
must hold is told by llama.cpp: `src/models/qwen2vl.cpp` for the language, `tools/mtmd/clip.cpp` for the eyes.
"""

import sys
from pathlib import Path

import numpy as np
from gguf import GGUFType, GGUFWriter, RopeScalingType, TokenType, VisionProjectorType

WIDTH, WIDE, HEADS, PAIRS = 128, 256, 4, 2
LAYERS, EYE_LAYERS = 2, 4
# A picture costs a token for every square of 28 pixels: a patch is 14 wide, and 2 by 2 of them are merged.
PATCH, MERGED = 14, 2
CONTEXT = 32_768
TINY = 1e-6
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
)
TEMPLATE = """{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content -%}
{{ part.text }}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
# Byte-level vocabularies write a byte that cannot be seen as another sign, from 256 on.
UNSEEN = [byte for byte in range(256) if not chr(byte).isprintable() or chr(byte) == " "]
SPACE = chr(256 + UNSEEN.index(ord(" ")))


def make(folder: Path) -> None:
    """Writes `tiny.gguf` and `tiny-mmproj.gguf`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_language(folder / "tiny.gguf", np.random.default_rng(7))
    _write_eyes(folder / "tiny-mmproj.gguf", np.random.default_rng(8))


def _words() -> list[str]:
    """Every byte, two joined pairs, and the special words."""
    signs = [chr(256 + UNSEEN.index(byte)) if byte in UNSEEN else chr(byte) for byte in range(256)]
    return [*signs, "th", "the", *SPECIAL]


def _write_language(path: Path, random: np.random.Generator) -> None:
    words = _words()
    file = GGUFWriter(path, "qwen2vl")
    file.add_name("tiny-vlm")
    file.add_context_length(CONTEXT)
    file.add_embedding_length(WIDTH)
    file.add_feed_forward_length(WIDE)
    file.add_block_count(LAYERS)
    file.add_head_count(HEADS)
    file.add_head_count_kv(PAIRS)
    file.add_layer_norm_rms_eps(TINY)
    file.add_rope_freq_base(1e6)
    file.add_rope_scaling_type(RopeScalingType.NONE)
    file.add_rope_dimension_sections([4, 6, 6, 0])
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("qwen2")
    file.add_token_list(words)
    file.add_token_types([TokenType.CONTROL if word in SPECIAL else TokenType.NORMAL for word in words])
    file.add_token_merges(["t h", "th e"])
    file.add_bos_token_id(words.index("<|endoftext|>"))
    file.add_eos_token_id(words.index("<|im_end|>"))
    file.add_pad_token_id(words.index("<|endoftext|>"))
    file.add_add_bos_token(False)
    file.add_chat_template(TEMPLATE)

    # Only plain signs have weights: the model never ends of itself and says nothing that is not text.
    says = random.normal(0, 0.3, (len(words), WIDTH))
    says[[word in SPECIAL or not (word.isascii() or word == SPACE) for word in words]] = 0
    tensors = {
        "token_embd.weight": random.normal(0, 1, (len(words), WIDTH)),
        "output_norm.weight": np.ones(WIDTH),
        "output.weight": says,
    }
    narrow = WIDTH * PAIRS // HEADS
    for place in range(LAYERS):
        tensors |= {
            f"blk.{place}.{name}": value
            for name, value in {
                "attn_norm.weight": np.ones(WIDTH),
                "attn_q.weight": _matrix(random, WIDTH, WIDTH),
                "attn_q.bias": np.zeros(WIDTH),
                "attn_k.weight": _matrix(random, narrow, WIDTH),
                "attn_k.bias": np.zeros(narrow),
                "attn_v.weight": _matrix(random, narrow, WIDTH),
                "attn_v.bias": np.zeros(narrow),
                "attn_output.weight": _matrix(random, WIDTH, WIDTH),
                "ffn_norm.weight": np.ones(WIDTH),
                "ffn_gate.weight": _matrix(random, WIDE, WIDTH),
                "ffn_up.weight": _matrix(random, WIDE, WIDTH),
                "ffn_down.weight": _matrix(random, WIDTH, WIDE),
            }.items()
        }
    _write(file, tensors)


def _write_eyes(path: Path, random: np.random.Generator) -> None:
    file = GGUFWriter(path, "clip")
    file.add_type(GGUFType.MMPROJ)
    file.add_name("tiny-vlm")
    file.add_clip_has_vision_encoder(True)
    file.add_clip_projector_type(VisionProjectorType.QWEN25VL)
    file.add_vision_use_silu(True)
    file.add_vision_projection_dim(WIDTH)
    file.add_vision_image_size(PATCH * 40)
    file.add_vision_patch_size(PATCH)
    file.add_vision_embedding_length(WIDTH)
    file.add_vision_feed_forward_length(WIDE)
    file.add_vision_block_count(EYE_LAYERS)
    file.add_vision_head_count(HEADS)
    file.add_vision_n_wa_pattern(2)
    file.add_vision_attention_layernorm_eps(TINY)
    file.add_vision_image_mean([0.5, 0.5, 0.5])
    file.add_vision_image_std([0.5, 0.5, 0.5])

    merged = WIDTH * MERGED * MERGED
    tensors = {
        "v.patch_embd.weight": random.normal(0, 0.05, (WIDTH, 3, PATCH, PATCH)),
        "v.patch_embd.weight.1": random.normal(0, 0.05, (WIDTH, 3, PATCH, PATCH)),
        "v.post_ln.weight": np.ones(WIDTH),
        "mm.0.weight": _matrix(random, merged, merged),
        "mm.0.bias": np.zeros(merged),
        "mm.2.weight": _matrix(random, WIDTH, merged),
        "mm.2.bias": np.zeros(WIDTH),
    }
    for place in range(EYE_LAYERS):
        sizes = {
            **dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_out"), (WIDTH, WIDTH)),
            **dict.fromkeys(("ffn_gate", "ffn_up"), (WIDE, WIDTH)),
            "ffn_down": (WIDTH, WIDE),
        }
        for name, (out, into) in sizes.items():
            tensors[f"v.blk.{place}.{name}.weight"] = _matrix(random, out, into)
            tensors[f"v.blk.{place}.{name}.bias"] = np.zeros(out)
        for name in ("ln1", "ln2"):
            tensors[f"v.blk.{place}.{name}.weight"] = np.ones(WIDTH)
    _write(file, tensors)


def _matrix(random: np.random.Generator, out: int, into: int) -> np.ndarray:
    """Keeps what goes through it about as large as it was."""
    return random.normal(0, into**-0.5, (out, into))


def _write(file: GGUFWriter, tensors: dict[str, np.ndarray]) -> None:
    for name, value in tensors.items():
        file.add_tensor(name, value.astype(np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
