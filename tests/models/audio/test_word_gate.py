import pytest

from vidcurate.models.audio.transcription import HeardSegment, HeardWord
from vidcurate.models.audio.word_gate import WordGate, compression_ratio, music_alone_share


def segment(
    text: str = " Look.",
    silence: float | None = None,
    sureness: float | None = None,
    compression: float | None = None,
) -> HeardSegment:
    """A sentence of 10 s, and what the model says of it."""
    words = tuple(HeardWord(0.0, 10.0, f" {word}", None) for word in text.split())
    return HeardSegment(0.0, 10.0, words, silence, sureness, compression)


@pytest.mark.parametrize(
    ("silence", "sureness", "is_doubted"),
    [(0.7, -1.1, True), (0.7, -0.9, False), (0.5, -1.1, False), (0.6, -1.0, False)],
)
def test_doubt_needs_silence_and_unsureness(
    silence: float, sureness: float, is_doubted: bool
) -> None:
    """A sentence goes where the model hears nobody and is unsure; one of both is not enough."""
    said = segment(silence=silence, sureness=sureness)
    assert WordGate().doubts(said) == is_doubted
    assert not WordGate(max_no_speech=None).doubts(said)


def test_repetition_is_told_without_the_model() -> None:
    """Where a server tells no ratio, it is worked out; ordinary sentences and short ones stay."""
    assert WordGate().doubts(segment(" I am not sure." * 20))
    assert not WordGate().doubts(segment(" Look, the hare runs across the meadow to its burrow."))
    assert compression_ratio("Yes. Yes. Yes.") == 0
    assert WordGate().doubts(segment(compression=2.5))
    assert not WordGate(max_compression=None).doubts(segment(compression=9.0))


def test_music_without_a_voice_gives_no_words() -> None:
    """Music alone for 80 % of a sentence drops it; speech or song over the music does not."""
    music = {"music": [(0.0, 8.0)]}
    assert WordGate().hears_music(segment(), music)
    assert not WordGate().hears_music(segment(), {"music": [(0.0, 7.9)]})
    assert not WordGate().hears_music(segment(), {**music, "singing": [(1.0, 2.0)]})
    assert music_alone_share(0.0, 10.0, {**music, "speech": [(6.0, 9.0)]}) == pytest.approx(0.6)
    assert not WordGate(max_music_share=None).hears_music(segment(), music)
