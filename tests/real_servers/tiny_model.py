"""Makes a model of the Qwen2.5-VL kind with random weights, some megabytes large: it says nonsense by the true protocol.

Run by the Python that vLLM is installed for: `python tiny_model.py FOLDER`. The same weights come out every time.
"""

import json
import sys
from pathlib import Path

import torch
import torchvision_stub
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEMPLATE = """{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content -%}
{% if part.type in ('image', 'image_url') %}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type in ('video', 'video_url') %}<|vision_start|><|video_pad|><|vision_end|>
{%- else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
SENTENCE = "the quick brown fox jumps over the lazy dog and looks at 0123456789 pictures of the video"
WORDS = 384
# A picture costs a token for every square of 28 pixels: a patch is 14 wide, and 2 by 2 of them are merged.
SQUARE = 28


def make(folder: Path) -> None:
    assert torchvision_stub.LIBRARY is not None
    folder.mkdir(parents=True, exist_ok=True)
    ids = _tokenizer(folder)
    torch.manual_seed(7)
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": WORDS,
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 32_768,
            "rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6]},
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "tie_word_embeddings": False,
        },
        vision_config={
            "depth": 4,  # fewer cannot be turned into GGUF
            "hidden_size": 128,
            "out_hidden_size": 128,
            "intermediate_size": 256,
            "num_heads": 4,
            "patch_size": SQUARE // 2,
            "spatial_merge_size": 2,
            "window_size": 112,
            "fullatt_block_indexes": [1, 3],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    model = Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    model.save_pretrained(folder)
    sizes = {"shortest_edge": SQUARE * SQUARE * 4, "longest_edge": SQUARE * SQUARE * 1024}
    common = {
        "size": sizes,
        "patch_size": SQUARE // 2,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "do_convert_rgb": True,
        "min_pixels": sizes["shortest_edge"],
        "max_pixels": sizes["longest_edge"],
    }
    _write(
        folder / "preprocessor_config.json",
        {**common, "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor"},
    )
    _write(
        folder / "video_preprocessor_config.json",
        {**common, "video_processor_type": "Qwen2VLVideoProcessor", "processor_class": "Qwen2_5_VLProcessor"},
    )


def _tokenizer(folder: Path) -> dict[str, int]:
    """Bytes and a few pairs of them; the ids of the special words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS - len(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([SENTENCE] * 4, trainer)
    tokenizer.add_special_tokens(list(SPECIAL))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL),
        chat_template=TEMPLATE,
        model_max_length=32_768,
    )
    fast.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    told = json.loads(path.read_text())
    told |= {"tokenizer_class": "Qwen2Tokenizer", "chat_template": TEMPLATE}
    path.write_text(json.dumps(told, indent=1))
    found = {word: fast.convert_tokens_to_ids(word) for word in SPECIAL}
    assert len(set(found.values())) == len(SPECIAL)
    return found


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
