import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.voices import voice
from vidcurate.errors import UsageError
from vidcurate.models.audio.transcription import Heard, Language
from vidcurate.models.audio.transformers_speech import open_transformers_speech, segment_of

LETTERS = ("<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJ")


def save_speller(folder: Path) -> Path:
    """A folder with a wav2vec2 of random weights that spells what it hears."""
    import torch  # noqa: PLC0415 - an extra, that tests without it need not
    import transformers  # noqa: PLC0415 - same

    (folder / "vocab.json").write_text(json.dumps({c: n for n, c in enumerate(LETTERS)}))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    transformers.Wav2Vec2Processor(
        transformers.Wav2Vec2FeatureExtractor(return_attention_mask=False), tokenizer
    ).save_pretrained(folder)
    torch.manual_seed(3)
    config = transformers.Wav2Vec2Config(
        vocab_size=len(LETTERS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_kernel=(10, 8),
        conv_stride=(20, 16),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    model = transformers.Wav2Vec2ForCTC(config)
    torch.nn.init.normal_(model.lm_head.weight, std=3)
    model.save_pretrained(folder)
    return folder


def test_a_model_that_spells_gives_words_with_times(tmp_path: Path) -> None:
    """Words lie inside the sound in order, each after a space, without a probability."""
    model = open_transformers_speech(str(save_speller(tmp_path)), "")
    (result,) = model.hear([voice(2.0)], "en")
    assert isinstance(result, Heard)
    assert result.language == Language("en", None)
    words = [word for segment in result.segments for word in segment.words]
    assert words
    assert all(word.text.startswith(" ") and word.probability is None for word in words)
    assert all(0 <= word.start_s <= word.end_s <= 2.1 for word in words)
    assert [w.start_s for w in words] == sorted(w.start_s for w in words)


def test_parts_of_words_stay_together() -> None:
    """Where a model writes spaces, a part without one belongs to the word before it."""
    times = ((0.0, 0.5), (0.5, 0.8), (0.8, None))
    texts = (" don", "'t", " go")
    chunks = [{"text": t, "timestamp": s} for t, s in zip(texts, times, strict=True)]
    segment = segment_of({"text": " don't go", "chunks": chunks}, 2.0)
    assert segment.text == "don't go"
    assert segment.words[-1].end_s == 2.0


def test_text_without_times_is_spread() -> None:
    """Words of a model that tells no times share the sound."""
    segment = segment_of({"text": "go on"}, 6.0)
    assert not segment.has_word_times
    assert [w.start_s for w in segment.words] == pytest.approx([0.0, 3.0])
    assert not np.isnan(segment.end_s)


def test_weights_that_are_not_there_are_an_error_with_a_remedy(tmp_path: Path) -> None:
    """An empty folder is no speech model."""
    with pytest.raises(UsageError, match="cannot load the speech model"):
        open_transformers_speech(str(tmp_path), "")
