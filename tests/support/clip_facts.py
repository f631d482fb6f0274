"""Clips as the check of an export reads them, made from a few numbers."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import pyarrow as pa

from vidcurate.exporting.forecast.clip_facts import ClipFacts, clip_facts

TICKS = 90_000


class Made(NamedTuple):
    """A clip: its length, its picture, its video's rate, dark bars at top and bottom, a caption."""

    seconds: float
    width: int = 1280
    height: int = 720
    rate: Fraction = Fraction(24)
    bars: float = 0.0
    caption: str | None = "A ball rolls over a table."
    audio: str | None = None


def facts_of(*clips: Made) -> ClipFacts:
    """Each clip is of a video of its own, `v0.mp4` and so on, and begins at 1 s."""
    return clip_facts(*tables_of(clips))


def tables_of(
    made: Sequence[Made],
) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table, list[pa.Table]]:
    """The tables of clips, videos, sources, quality and captions."""
    videos = [f"v{n}" for n in range(len(made))]
    clips = [f"c{n}" for n in range(len(made))]
    kept = {
        "clip_id": clips,
        "video_id": videos,
        "start_pts": [TICKS] * len(made),
        "end_pts": [TICKS + round(clip.seconds * TICKS) for clip in made],
        "time_base": [fraction(Fraction(1, TICKS))] * len(made),
        "start_s": [1.0] * len(made),
        "end_s": [1 + clip.seconds for clip in made],
        "n_frames": [int(clip.seconds * clip.rate) for clip in made],
    }
    probed = {
        "video_id": videos,
        "display_width": [clip.width for clip in made],
        "display_height": [clip.height for clip in made],
        "frame_rate": [fraction(clip.rate) for clip in made],
        "audio_codec": pa.array([clip.audio for clip in made], pa.string()),
    }
    edges = ("left", "top", "right", "bottom")
    bars = {
        f"letterbox_{edge}": [clip.bars if edge in ("top", "bottom") else 0.0 for clip in made]
        for edge in edges
    }
    with_text = [n for n, clip in enumerate(made) if clip.caption is not None]
    captions = {
        "clip_id": [clips[n] for n in with_text],
        "text": pa.array([made[n].caption for n in with_text], pa.string()),
    }
    paths = [f"/videos/{video}.mp4" for video in videos]
    return (
        pa.table(kept),
        pa.table(probed),
        pa.table({"video_id": videos, "path": paths}),
        pa.table({"clip_id": clips, **bars}),
        [pa.table(captions)],
    )


def fraction(value: Fraction) -> dict[str, Any]:
    """A fraction as tables hold it."""
    return {"num": value.numerator, "den": value.denominator}
