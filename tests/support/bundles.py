"""Bundles of small real clips, for the tests of targets."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from tests.support.videos import render
from vidcurate.exporting.target import Bundle, Sample, TargetOptions
from vidcurate.exporting.training import Fate, FileFacts, Size, Training
from vidcurate.exporting.video_models import VIDEO_MODELS, ModelName


def training(
    model: ModelName = "wan", sizes: Sequence[Size] = (), lengths: Sequence[int] = ()
) -> Training:
    """What clips are trained with; the model's own size and length where none are given."""
    chosen = VIDEO_MODELS[model]
    return Training(chosen, tuple(sizes) or (chosen.size,), tuple(lengths) or (chosen.n_frames,))


def clip(
    folder: Path, stem: str, size: tuple[int, int] = (832, 480), n_frames: int = 81, fps: int = 16
) -> Path:
    """A clip as an export writes it: H.264, constant rate, header counts."""
    return render(
        folder / f"{stem}.mp4",
        [("testsrc2", n_frames / fps)],
        size=size,
        rate=str(fps),
        audio=False,
        encode=("-c:v", "libx264", "-preset", "ultrafast", "-movflags", "+faststart"),
    )


def sample_of(file: Path, caption: str = "A test picture moves.", **row: Any) -> Sample:
    """A clip file as a target is given it."""
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        facts = FileFacts(
            stream.width, stream.height, stream.frames, Fraction(stream.average_rate or 0)
        )
        has_audio = bool(container.streams.audio)
    seconds = float(facts.n_frames / facts.fps)
    return Sample(
        clip_id=file.stem,
        video_id=file.stem.split("-")[0],
        stem=file.stem,
        facts=facts,
        has_audio=has_audio,
        caption=caption,
        captions=(caption,),
        fate=Fate("whole"),
        row={"clip_id": file.stem, "duration_s": seconds, "caption": caption, **row},
    )


def bundle_of(
    root: Path,
    samples: Sequence[Sample],
    clips: Path,
    trained: Training | None = None,
    options: TargetOptions | None = None,
) -> Bundle:
    """A bundle whose clip files lie in a folder under their stems."""
    root.mkdir(parents=True, exist_ok=True)
    return Bundle(
        root=root,
        out=root,
        name="clips",
        training=trained or training(),
        options=options or TargetOptions(),
        list_samples=lambda: iter(samples),
        clip_file=lambda sample: clips / f"{sample.stem}.mp4",
    )
