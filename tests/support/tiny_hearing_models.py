"""Tiny models that hear, of random weights, on disk as a user has real ones."""

from pathlib import Path
from typing import Any

from tests.support.tiny_chat_models import LANGUAGE, SPECIAL, byte_tokenizer, ends

N_MELS = 16
NAMED_TOKENS = {
    "image_token": "<|image_pad|>",
    "audio_token": "<|AUDIO|>",
    "video_token": "<|video_pad|>",
    "vision_bos_token": "<|vision_start|>",
    "vision_eos_token": "<|vision_end|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
}
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif c['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif c['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LISTENER = {"feature_size": N_MELS, "chunk_length": 2}
AUDIO = {
    "max_source_positions": 100,
    "d_model": 32,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "num_mel_bins": N_MELS,
}


def hearing_tokenizer() -> Any:
    """A tokenizer of bytes with the marks of pictures and sounds."""
    return byte_tokenizer((*SPECIAL, *NAMED_TOKENS.values()), NAMED_TOKENS)


def save_qwen_omni(folder: Path) -> Path:
    """A folder with a Qwen2.5-Omni model, of which only the part that writes has weights."""
    import torch  # noqa: PLC0415 - an extra, that tests without it need not
    import transformers  # noqa: PLC0415 - same
    from safetensors.torch import save_file  # noqa: PLC0415 - same

    tokenizer = hearing_tokenizer()
    number = tokenizer.convert_tokens_to_ids
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
    thinker = transformers.Qwen2_5OmniThinkerConfig(
        audio_config={**AUDIO, "output_dim": 32, "n_window": 10},
        vision_config=vision,
        text_config={**LANGUAGE, **ends(tokenizer), "rope_scaling": rope},
        audio_token_index=number("<|AUDIO|>"),
        image_token_index=number("<|image_pad|>"),
        video_token_index=number("<|video_pad|>"),
        audio_start_token_id=number("<|audio_bos|>"),
        audio_end_token_id=number("<|audio_eos|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(5)
    model = transformers.Qwen2_5OmniThinkerForConditionalGeneration(thinker)
    model.generation_config.save_pretrained(folder)
    weights = {f"thinker.{name}": tensor for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    transformers.Qwen2_5OmniConfig(thinker_config=thinker.to_dict()).save_pretrained(folder)
    size = {"min_pixels": 28 * 28, "max_pixels": 56 * 56}
    transformers.Qwen2_5OmniProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(**size),
        video_processor=transformers.Qwen2VLVideoProcessor(**size),
        feature_extractor=transformers.WhisperFeatureExtractor(**LISTENER),
        tokenizer=tokenizer,
        chat_template=CHAT,
    ).save_pretrained(folder)
    return folder


def save_qwen_audio(folder: Path) -> Path:
    """A folder with a Qwen2-Audio model, which hears and sees nothing."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    tokenizer = hearing_tokenizer()
    config = transformers.Qwen2AudioConfig(
        audio_config={**AUDIO, "model_type": "qwen2_audio_encoder"},
        text_config={"model_type": "qwen2", **LANGUAGE, **ends(tokenizer)},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    torch.manual_seed(6)
    transformers.Qwen2AudioForConditionalGeneration(config).save_pretrained(folder)
    transformers.Qwen2AudioProcessor(
        feature_extractor=transformers.WhisperFeatureExtractor(**LISTENER),
        tokenizer=tokenizer,
        chat_template=CHAT,
    ).save_pretrained(folder)
    return folder


def marked_tokenizer() -> Any:
    """A tokenizer of bytes with the marks that Phi-4 and Gemma 3n have."""
    named = {
        "image_token": "<|image|>",
        "audio_token": "<|audio|>",
        "boi_token": "<boi>",
        "eoi_token": "<eoi>",
        "boa_token": "<boa>",
        "eoa_token": "<eoa>",
    }
    return byte_tokenizer((*SPECIAL, *named.values()), named)


MARKED_CHAT = CHAT.replace("<|vision_start|><|image_pad|><|vision_end|>", "<|image|>").replace(
    "<|audio_bos|><|AUDIO|><|audio_eos|>", "<|audio|>"
)


def phi4_processor() -> Any:
    """The processor of Phi-4-multimodal."""
    import transformers  # noqa: PLC0415 - same

    return transformers.Phi4MultimodalProcessor(
        image_processor=transformers.Phi4MultimodalImageProcessor(),
        audio_processor=transformers.Phi4MultimodalFeatureExtractor(),
        tokenizer=marked_tokenizer(),
        chat_template=MARKED_CHAT,
    )


def gemma3n_processor() -> Any:
    """The processor of Gemma 3n."""
    import transformers  # noqa: PLC0415 - same

    return transformers.Gemma3nProcessor(
        feature_extractor=transformers.Gemma3nAudioFeatureExtractor(),
        image_processor=transformers.SiglipImageProcessor(),
        tokenizer=marked_tokenizer(),
        chat_template=MARKED_CHAT,
    )
