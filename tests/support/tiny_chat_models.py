"""Tiny models that see and write, of random weights, on disk as a user has real ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SPECIAL = (
    *("<|im_start|>", "<|im_end|>", "<|pad|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|image_pad|>", "<|video_pad|>", "<image>", "<fake_token_around_image>", "<global-img>"),
)
QWEN_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif c['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMOL_CHAT = (
    "<|im_start|>{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
LANGUAGE = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}


def byte_tokenizer(special: Sequence[str] = SPECIAL, named: Mapping[str, str] | None = None) -> Any:
    """A tokenizer of one token a byte and some special ones, of which some have names."""
    import transformers  # noqa: PLC0415 - an extra, that tests without it need not
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415 - same

    vocabulary = {c: n for n, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",  # noqa: S106 - no secret
        pad_token="<|pad|>",  # noqa: S106 - same
        additional_special_tokens=list(dict.fromkeys(special)),
        **({"extra_special_tokens": dict(named)} if named else {}),
    )


def ends(tokenizer: Any) -> dict[str, int]:
    """The tokens at which a text begins, ends and is filled up."""
    return {
        "vocab_size": len(tokenizer),
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.pad_token_id,
    }


def save_qwen(folder: Path) -> Path:
    """A folder with a Qwen2.5-VL model."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    tokenizer = byte_tokenizer()
    rope = {"type": "mrope", "mrope_section": [2, 3, 3], "rope_type": "default"}
    vision = {
        "depth": 1,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_heads": 2,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [0],
        "patch_size": 14,
    }
    number = tokenizer.convert_tokens_to_ids
    config = transformers.Qwen2_5_VLConfig(
        text_config={**LANGUAGE, **ends(tokenizer), "rope_scaling": rope},
        vision_config=vision,
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    torch.manual_seed(3)
    transformers.Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    size = {"min_pixels": 28 * 28, "max_pixels": 56 * 56}
    transformers.Qwen2_5_VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(**size),
        tokenizer=tokenizer,
        video_processor=transformers.Qwen2VLVideoProcessor(**size),
        chat_template=QWEN_CHAT,
    ).save_pretrained(folder)
    return folder


def save_smol(folder: Path) -> Path:
    """A folder with a SmolVLM model."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    tokenizer = byte_tokenizer()
    vision = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 16,
    }
    config = transformers.SmolVLMConfig(
        text_config={"model_type": "llama", **LANGUAGE, **ends(tokenizer)},
        vision_config=vision,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(4)
    transformers.SmolVLMForConditionalGeneration(config).save_pretrained(folder)
    size = {"longest_edge": 64}
    transformers.SmolVLMProcessor(
        image_processor=transformers.SmolVLMImageProcessor(
            size=size, max_image_size=size, do_image_splitting=False
        ),
        tokenizer=tokenizer,
        video_processor=transformers.SmolVLMVideoProcessor(
            size=size, max_image_size=size, video_sampling={"fps": 1, "max_frames": 8}
        ),
        image_seq_len=4,
        chat_template=SMOL_CHAT,
    ).save_pretrained(folder)
    return folder


def save_blip(folder: Path) -> Path:
    """A folder with a BLIP model, which has no chat."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*marks, "a", "red", "grey", "wall", "with", "dog"]
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"))
    part = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "projection_dim": 16,
    }
    tokens = {"bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0}
    text = {**part, **tokens, "vocab_size": len(words)}
    vision = {**part, "image_size": 32, "patch_size": 16}
    config = transformers.BlipConfig(text_config=text, vision_config=vision, projection_dim=16)
    torch.manual_seed(6)
    transformers.BlipForConditionalGeneration(config).save_pretrained(folder)
    transformers.BlipProcessor(
        transformers.BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer
    ).save_pretrained(folder)
    return folder


def save_text_only(folder: Path) -> Path:
    """A folder with a model that reads and writes, but sees nothing."""
    import transformers  # noqa: PLC0415 - same

    tokenizer = byte_tokenizer()
    config = transformers.LlamaConfig(**LANGUAGE, **ends(tokenizer))
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
