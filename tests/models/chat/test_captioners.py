from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.chat_bench import grey_jpeg
from tests.support.pipeline import process, rows
from tests.support.tiny_video_models import qwen3_processor, save_git, save_video_encoder
from tests.support.videos import render
from vidcurate.errors import MediaError
from vidcurate.models.chat.captioners import spread_frames
from vidcurate.models.chat.conversation import Answer, Frame, ModelRequest
from vidcurate.models.chat.options import TransformersConfig
from vidcurate.models.chat.transformers import open_transformers
from vidcurate.models.chat.transformers_inputs import inputs_of
from vidcurate.records import CAPTIONS

pytest.importorskip("transformers")

FRAMES = tuple(Frame(float(n), grey_jpeg(20 * n + 10)) for n in range(12))


def test_frames_are_spread_evenly() -> None:
    """Each frame that is shown stands for as many as any other; of too few some are repeated."""
    assert [f.time_s for f in spread_frames(FRAMES, 4)] == [1.0, 4.0, 7.0, 10.0]
    assert [f.time_s for f in spread_frames(FRAMES, 1)] == [6.0]
    assert [f.time_s for f in spread_frames(FRAMES[:3], 6)] == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize("save", [save_git, save_video_encoder])
def test_a_captioner_sees_as_many_stills_as_it_was_made_for(
    tmp_path: Path, save: Callable[[Path, int], Path]
) -> None:
    """GIT-video and encoders of video get so many, each of which counts; the answer says which."""
    model = open_transformers({"model": str(save(tmp_path, 4)), "max_tokens": 8})
    requests = [ModelRequest(("Look.", *FRAMES)), ModelRequest(FRAMES[:2])]
    values = inputs_of(model.processor, model.options, requests, model.n_stills)["pixel_values"]
    assert values.shape == (2, 4, 3, 32, 32)
    brightness = values[0].mean((1, 2, 3)).tolist()
    assert brightness == sorted(brightness)
    assert len(set(brightness)) == 4
    many, few, none = model.answer([*requests, ModelRequest(("Only words",))])
    assert isinstance(many, Answer)
    assert many.shown_times_s == (1.0, 4.0, 7.0, 10.0)
    assert many.notes == ("the model takes 4 keyframes, of 12",)
    assert isinstance(few, Answer)
    assert (few.shown_times_s, few.notes) == (None, ())
    assert isinstance(none, MediaError)


def test_a_row_tells_which_keyframes_were_shown(tmp_path: Path) -> None:
    """A caption of a model that takes two of five keyframes has the times of these two."""
    (tmp_path / "git").mkdir()
    model = str(save_git(tmp_path / "git", 2))
    video = render(tmp_path / "video.mp4", [("testsrc2", 2.0)], size=(64, 48), audio=False)
    options = {
        "split": {"min_clip_s": 1.0},
        "keyframes": {"method": "uniform", "count": 5},
        "caption": {"backend": "transformers", "model": model, "max_tokens": 8, "clean": ()},
    }
    process(tmp_path / "out", options, video)
    for caption in rows(tmp_path / "out", CAPTIONS):
        assert len(caption.frame_times_s) == 2
        assert "the model takes 2 keyframes, of 5" in caption.repairs


def test_qwen3_is_told_the_seconds_of_each_pair() -> None:
    """The text of a video has the time of each pair of keyframes in the clip, for each request."""
    processor = qwen3_processor()
    options = TransformersConfig(model="qwen3", as_video=True)
    slow = [replace(f, time_s=50.0 + 10 * f.time_s, clip_start_s=50.0) for f in FRAMES[:4]]
    requests = [ModelRequest(("Look.", *slow)), ModelRequest(("Look.", *FRAMES[:3]))]
    given = inputs_of(processor, options, requests)
    first, second = (processor.tokenizer.decode(tokens) for tokens in given["input_ids"])
    assert first.index("<5.0 seconds>") < first.index("<25.0 seconds>")
    assert first.count(" seconds>") == 2
    assert second.index("<0.5 seconds>") < second.index("<2.0 seconds>")
