"""export makes clip files for the model that is trained, and says why a clip gets none."""

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pydantic import ValidationError

from tests.support.counted import counted
from tests.support.pipeline import done, process, rows, states, stored
from tests.support.videos import counted_frames, ffmpeg, render, render_counted
from vidcurate.clips.rendition import Box, Rendition, Size
from vidcurate.errors import UsageError
from vidcurate.exporting.settings import Asked
from vidcurate.media.output.cut_file import CutOptions
from vidcurate.media.output.cutting import cut_clip
from vidcurate.records import EXPORTS, KEPT
from vidcurate.stage import fingerprint
from vidcurate.stages.output.clip_files import shortened
from vidcurate.stages.output.export import EXPORT
from vidcurate.stages.output.export_options import Encode, ExportConfig

FAST: dict[str, Any] = {"preset": "ultrafast", "verify": False}
SMALL: dict[str, Any] = {**FAST, "fps": 16, "shape": ("192x112",), "lengths": (17, 33)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wide video with shots of 0.9, 2 and 3 s and bars above and below, and a small one."""
    root = tmp_path_factory.mktemp("clips")
    shots = [("testsrc2", 0.9), ("mandelbrot=start_scale=0.5", 2.0), ("testsrc2", 3.0)]
    render(root / "plain.mp4", shots, size=(320, 180), audio=True)
    bars = ("-vf", "pad=320:240:0:30", "-c:v", "libx264", "-preset", "veryfast", "-c:a", "copy")
    ffmpeg("-i", str(root / "plain.mp4"), *bars, f"file:{root / 'wide.mp4'}")
    (root / "plain.mp4").unlink()
    render(root / "small.mp4", [("testsrc2", 2.0)], size=(160, 90), audio=False)
    process(root / "out", {"split": {"min_clip_s": 0.5}, "quality": {}}, root)
    return root / "out"


def export(made: Path, **options: Any) -> dict[str, tuple[str, str | None]]:
    """Export, and tell the status and reason of each clip."""
    process(made, {"split": {"min_clip_s": 0.5}, "quality": {}, "export": options})
    return done(made, EXPORTS)


def test_files_are_as_planned_and_others_have_their_reason(made: Path) -> None:
    """Rate and size are exact; clips that are too short or too small are dropped and counted."""
    found = export(made, **SMALL)
    assert sorted(reason or "" for _, reason in found.values()) == [
        "",
        "",
        "fewer than 17 frames at 16 fps",
        "too small for 192x112 without enlarge",
    ]
    lengths = {row.n_frames for row in rows(made, EXPORTS)}
    assert lengths == {32, 48}
    for row in rows(made, EXPORTS):
        assert (row.width, row.height, row.encoder) == (192, 112, "x264")
        assert row.frame_rate == 16
        with av.open(str(stored(made, EXPORTS).files / str(row.file))) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == (192, 112)
            assert stream.frames == row.n_frames
            assert stream.average_rate == 16


def test_bars_are_cropped_where_that_is_asked_for_or_a_model_is_trained(made: Path) -> None:
    """The crop lies in what the bars leave; by default the picture of no model keeps them."""
    export(made, **SMALL)
    assert {(r.crop_top, r.crop_height) for r in rows(made, EXPORTS)} == {(26, 186)}
    export(made, **SMALL, crop_bars=True)
    crops = {(r.crop_top, r.crop_height) for r in rows(made, EXPORTS)}
    assert crops == {(30, 180)}
    export(made, **SMALL, training_model="wan")
    assert {(r.crop_top, r.crop_height) for r in rows(made, EXPORTS)} == {(30, 180)}


def test_other_words_for_the_same_files_encode_nothing_again(made: Path) -> None:
    """What is asked for decides, not how: another model with the same rate and sizes is no work."""
    trained = {**SMALL, "training_model": "wan", "shape": ("192x128",)}
    export(made, **trained)
    before = states(stored(made, EXPORTS).folder)
    export(made, **{**trained, "training_model": "cosmos-predict2", "fps": "model"})
    assert states(stored(made, EXPORTS).folder) == before
    export(made, **{**trained, "fps": 12})
    assert states(stored(made, EXPORTS).folder) != before


def test_sound_is_written_beside_the_file(made: Path) -> None:
    """A WAV is as long as the clip's pictures; a silent video has none."""
    export(made, **FAST, wav=True, audio=False, fps=16)
    found = rows(made, EXPORTS)
    assert [row.wav for row in found if row.width == 160] == [None]
    for row in (row for row in found if row.wav):
        assert not row.has_audio
        with wave.open(str(stored(made, EXPORTS).files / str(row.wav))) as file:
            assert file.getnframes() == int(Fraction(row.n_frames, 16) * file.getframerate())
            samples = file.readframes(file.getnframes())
        assert max(samples[1::2]) > 0
    assert len([row for row in found if row.wav]) == 3


def test_the_default_is_the_video_s_own_frames(made: Path) -> None:
    """Without a model and without options a file has its clip's frames, size and times."""
    assert {status for status, _ in export(made, **FAST).values()} == {"ok"}
    clips = {clip.clip_id: clip for clip in rows(made, KEPT)}
    for row in rows(made, EXPORTS):
        assert row.n_frames == clips[row.clip_id].n_frames
        assert row.frame_rate is None
        assert row.cut_frames == 0
        assert (row.width, row.height) in ((320, 240), (160, 90))


def test_a_clip_is_shortened_to_the_frames_that_its_file_shows(tmp_path: Path) -> None:
    """A file that is cut to a length holds the first pictures, from no later frame."""
    video = counted(render_counted(tmp_path / "video.mp4", 72))
    clip = video.clip(10, 60)
    pts = np.array([pts for pts, _ in video.frames[10:60]])
    for fps, expected in (
        (Fraction(16), [10 + k * 24 // 16 for k in range(17)]),
        (None, list(range(10, 27))),
    ):
        size = Size(320, 48)
        rendition = Rendition(Box(0, 0, *size), size, size, fps, 17)
        part = shortened(clip, rendition, pts)
        assert (part.clip_id, part.n_frames) == (clip.clip_id, expected[-1] - 9)
        out = tmp_path / "clip.mp4"
        options = CutOptions(preset="ultrafast")
        cut_clip(video.path, video.video, part, options, out, rendition=rendition)
        assert [number for _, number in counted_frames(out)] == expected
    assert shortened(clip, Rendition(Box(0, 0, *size), size, size, None, 50), pts) is clip


def test_words_are_taken_as_files_and_the_command_line_give_them() -> None:
    """A rate may be a number, a shape a word, numbers may be text, and lists parted by commas."""
    config = ExportConfig.model_validate({"fps": 16, "shape": "480p", "lengths": ["33,49", "81"]})
    assert config.asked == Asked(fps="16", shape=("480p",), lengths=(33, 49, 81))
    assert isinstance(config.media, Encode)
    assert ExportConfig.model_validate({"lengths": ["none"]}).lengths == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crf": 60}, "crf of x264 is at most 51, not 60"),
        ({"encoder": "h264"}, "encoder"),
        ({"fps": "fast"}, "must be model, source, or frames a second"),
        ({"shape": ["480p", "720p"]}, "480p is a shape by itself"),
        ({"target": []}, "at least 1"),
        ({"columns": ["path"]}, "must be as path=file_name"),
        ({"media": "copy", "fps": 16}, "extra"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    """The message names the value, and what it may be."""
    with pytest.raises(ValidationError, match=message):
        ExportConfig.model_validate(options)


def test_what_the_model_cannot_hold_is_refused_before_any_work(made: Path) -> None:
    """Lengths and sizes are checked against the model that is trained."""
    before = states(made)
    with pytest.raises(UsageError, match=r"4k\+1 frames"):
        export(made, training_model="wan", lengths=(80,))
    with pytest.raises(UsageError, match="multiples of 16 for wan"):
        export(made, training_model="wan", shape=("854x480",))
    assert states(made) == before


def test_a_fingerprint_tells_encoders_apart() -> None:
    """Options that change bytes decide the rows."""

    def of(**options: Any) -> str:
        return fingerprint(EXPORT, ExportConfig.model_validate(options), {})

    assert of() == of(target="parquet", shape="source", fps="source") == of(questions=["What?"])
    assert len({of(), of(encoder="x265"), of(crf=20), of(wav=True), of(fps=16), of(fit="pad")}) == 6
