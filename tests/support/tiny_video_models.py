"""Tiny models that look at several pictures of one video, of random weights, on disk."""

from pathlib import Path
from typing import Any

from tests.support.tiny_chat_models import QWEN_CHAT, byte_tokenizer, ends

SIZE = {"height": 32, "width": 32}
PART = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}


def enlarged(model: Any) -> Any:
    """A model of larger weights: those of random models are so small that all look the same."""
    import torch  # noqa: PLC0415 - an extra, that tests without it need not

    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(9)
    return model


def save_git(folder: Path, n_pictures: int) -> Path:
    """A folder with a GIT model that was made for so many pictures of a video."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "wall", "dog"]
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    tokens = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = transformers.GitConfig(
        vision_config=PART,
        **{**PART, **tokens, "vocab_size": len(words), "num_image_with_embedding": n_pictures},
    )
    torch.manual_seed(7)
    enlarged(transformers.GitForCausalLM(config)).save_pretrained(folder)
    transformers.GitProcessor(
        transformers.CLIPImageProcessor(size=SIZE, crop_size=SIZE),
        transformers.BertTokenizer(str(folder / "vocab.txt")),
    ).save_pretrained(folder)
    return folder


def save_video_encoder(folder: Path, n_pictures: int) -> Path:
    """A folder with a VideoMAE encoder and a GPT-2 decoder, and no processor of their own."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    tokenizer = byte_tokenizer()
    encoder = transformers.VideoMAEConfig(**PART, num_frames=n_pictures, tubelet_size=2)
    decoder = transformers.GPT2Config(
        n_embd=32, n_layer=1, n_head=2, n_positions=64, add_cross_attention=True, **ends(tokenizer)
    )
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id = tokenizer.pad_token_id
    config.pad_token_id = tokenizer.pad_token_id
    torch.manual_seed(8)
    enlarged(transformers.VisionEncoderDecoderModel(config)).save_pretrained(folder)
    transformers.VideoMAEImageProcessor(size={"shortest_edge": 32}, crop_size=SIZE).save_pretrained(
        folder
    )
    tokenizer.save_pretrained(folder)
    return folder


def qwen3_processor() -> Any:
    """The processor of Qwen3-VL, which writes a time before each pair of pictures."""
    import transformers  # noqa: PLC0415 - same

    size = {"shortest_edge": 32 * 32, "longest_edge": 64 * 64}
    return transformers.Qwen3VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(size=size, patch_size=16),
        tokenizer=byte_tokenizer(),
        video_processor=transformers.Qwen3VLVideoProcessor(size=size),
        chat_template=QWEN_CHAT,
    )
