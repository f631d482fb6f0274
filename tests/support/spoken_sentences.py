"""Sentences of speech as tests make them."""

from vidcurate.records import SpokenSentence


def sentence(start_s: float, end_s: float, similarity: float | None = 0.5) -> SpokenSentence:
    """A sentence with a span."""
    return SpokenSentence(
        spoken_id=f"v-{start_s}-{end_s}",
        video_id="v",
        text="A hand cuts.",
        said_start_s=start_s,
        said_end_s=end_s,
        is_moved=False,
        guess_s=start_s,
        start_s=start_s,
        end_s=end_s,
        similarity=similarity,
        aligned_by="frames",
        language="English",
        backend="openai",
        model="eye",
        prompt_hash="0",
    )
