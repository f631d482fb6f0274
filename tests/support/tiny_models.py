"""Tiny models of random weights on disk, in the form in which a user has real ones."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLIP_DIMENSION = 24
CLIP: Mapping[str, Any] = {
    "embed_dim": CLIP_DIMENSION,
    "vision_cfg": {
        "image_size": 32,
        "layers": 1,
        "width": 32,
        "patch_size": 16,
        "head_width": 16,
    },
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
CLIP_NAME = "vidcurate-tiny"
CLIP_WEIGHTS = "open_clip_pytorch_model.bin"
VIT: Mapping[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "image_size": 32,
    "patch_size": 16,
}
LABELS = ("normal", "nsfw", "drawing")


def save_clip(folder: Path) -> Path:
    """A folder with an image-text model of open_clip; its architecture is known as CLIP_NAME."""
    import open_clip  # noqa: PLC0415 - an extra, that tests without it need not
    import torch  # noqa: PLC0415 - same

    (folder / f"{CLIP_NAME}.json").write_text(json.dumps(CLIP))
    open_clip.add_model_config(folder / f"{CLIP_NAME}.json")
    torch.manual_seed(11)
    model = open_clip.create_model(CLIP_NAME, load_weights=False)
    torch.save(model.state_dict(), folder / CLIP_WEIGHTS)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CLIP}))
    return folder


def save_classifier(
    folder: Path, labels: tuple[str, ...] = LABELS, *, several: bool = False
) -> Path:
    """A folder with an image classifier of transformers, perhaps of several labels at once."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    names = dict(enumerate(labels))
    numbers = {label: number for number, label in names.items()}
    config = transformers.ViTConfig(**VIT, id2label=names, label2id=numbers)
    config.problem_type = "multi_label_classification" if several else None
    torch.manual_seed(5)
    model = transformers.ViTForImageClassification(config)
    torch.nn.init.normal_(model.classifier.weight, std=2)
    model.save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def save_sentence_encoder(folder: Path) -> Path:
    """A folder with a sentence encoder of transformers that reads 32 tokens of few words."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "cat", "runs", "and", ".")
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=32)
    tokenizer.save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    torch.manual_seed(3)
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def save_sound_classifier(folder: Path, labels: tuple[str, ...]) -> Path:
    """A folder with an audio spectrogram transformer of some labels, which do not exclude."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    config = transformers.ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_length=128,
        num_mel_bins=32,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    config.problem_type = "multi_label_classification"
    torch.manual_seed(3)
    model = transformers.ASTForAudioClassification(config)
    # The first label is surely heard, and the second surely not, in whatever sound.
    dense = model.classifier.dense
    torch.nn.init.zeros_(dense.weight)
    dense.bias.data = torch.tensor([3.0, -3.0, 1.0])
    model.save_pretrained(folder)
    transformers.ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(folder)
    return folder


def save_sound_text_model(folder: Path) -> Path:
    """A folder with a CLAP model of transformers, which hears 10 s and reads 16 tokens."""
    import torch  # noqa: PLC0415 - same
    import transformers  # noqa: PLC0415 - same

    words = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefghijklmnopqrstuvwxyz.", "\u0120")
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = transformers.RobertaTokenizer(vocab=numbers, merges=[], model_max_length=16)
    text = {
        "vocab_size": len(words),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 32,
    }
    audio = {
        "spec_size": 256,
        "num_mel_bins": 64,
        "patch_size": 16,
        "patch_stride": [16, 16],
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "window_size": 4,
        "hidden_size": 16,
        "num_hidden_layers": 2,
    }
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=12)
    torch.manual_seed(7)
    transformers.ClapModel(config).save_pretrained(folder)
    ear = transformers.ClapFeatureExtractor(truncation="rand_trunc")
    transformers.ClapProcessor(ear, tokenizer).save_pretrained(folder)
    return folder
