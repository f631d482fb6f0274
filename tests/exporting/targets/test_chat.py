"""What holds for the three targets of dialogues, and the arithmetic of each."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.bundles import training
from tests.support.layouts import pairs, written
from vidcurate.errors import UsageError
from vidcurate.exporting.layouts.chat import VIDEO
from vidcurate.exporting.layouts.questions import Questions
from vidcurate.exporting.target import Bundle, Sample, Target, TargetOptions
from vidcurate.exporting.targets import llama_factory, llava, ms_swift
from vidcurate.exporting.training import Fate, FileFacts

TARGETS = (llama_factory.TARGET, ms_swift.TARGET, llava.TARGET)


def sampled(target: Target, n_frames: int, fps: str) -> Fate:
    """What a trainer does with a clip of so many frames."""
    assert target.fate is not None
    return target.fate(FileFacts(64, 48, n_frames, Fraction(fps)), training())


def rows_of(bundle: Bundle) -> list[Any]:
    """The dialogues that a target wrote."""
    lists = list(bundle.root.glob("clips.json*"))
    text = lists[0].read_text("utf-8")
    if lists[0].suffix == ".json":
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines()]


def texts_of(row: Any) -> list[str]:
    """The texts of a dialogue, questions and answers by turns."""
    turns = row.get("messages") or row["conversations"]
    return [turn.get("content") or turn["value"] for turn in turns]


@pytest.mark.parametrize(
    ("target", "n_frames", "fps", "n_sampled", "action"),
    [
        (llama_factory.TARGET, 81, "16", 10, "whole"),
        (llama_factory.TARGET, 100, "25", 8, "whole"),
        (llama_factory.TARGET, 3, "25", 1, "whole"),
        (llama_factory.TARGET, 1, "25", 1, "whole"),
        (llama_factory.TARGET, 24 * 64, "24", 128, "whole"),
        (llama_factory.TARGET, 24 * 300, "24", 128, "stretched"),
        (llama_factory.TARGET, 10, "1", 10, "whole"),
        (ms_swift.TARGET, 81, "16", 10, "whole"),
        (ms_swift.TARGET, 5, "16", 4, "whole"),
        (ms_swift.TARGET, 3, "16", 2, "whole"),
        (ms_swift.TARGET, 2, "16", 2, "whole"),
        (ms_swift.TARGET, 30 * 500, "30", 768, "stretched"),
        (llava.TARGET, 100, "25", 4, "whole"),
        (llava.TARGET, 81, "16", 6, "whole"),
        (llava.TARGET, 30 * 30, "30", 30, "whole"),
        (llava.TARGET, 30 * 90, "30", 32, "stretched"),
        (llava.TARGET, 10, "24", 1, "whole"),
    ],
)
def test_frames_that_a_trainer_samples(
    target: Target, n_frames: int, fps: str, n_sampled: int, action: str
) -> None:
    """The count is that of the trainer's own function; long clips are seen at a lower rate."""
    fate = sampled(target, n_frames, fps)
    assert fate.bucket is not None
    assert (fate.bucket.n_frames, fate.action) == (n_sampled, action)
    assert f"{n_sampled} of {n_frames} frames" in fate.reason


def test_clips_that_stop_a_trainer() -> None:
    """One frame is too few for ms-swift, and half a frame a second no step for LLaVA."""
    assert sampled(ms_swift.TARGET, 1, "16").action == "dropped"
    assert sampled(llava.TARGET, 10, "1/2").action == "dropped"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_one_question_and_one_answer_by_default(
    target: Target, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """Without being asked for more, a dialogue has one question, with the mark, and the caption."""
    several = [replace(s, captions=(s.caption, "A short one.")) for s in hard]
    bundle = written(target, tmp_path / "out", several, clips)
    mark = llava.IMAGE if target is llava.TARGET else VIDEO
    for row, sample in zip(rows_of(bundle), hard, strict=True):
        question, answer = texts_of(row)
        assert question.startswith(mark)
        assert answer == sample.caption


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_all_texts_make_turns_if_asked(
    target: Target, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """Each text and each field of the form answers a question; the mark stands once."""
    row = {**hard[0].row, "caption_structured": '{"light": "soft"}'}
    one = [replace(hard[0], captions=(hard[0].caption, "A short one."), row=row)]
    questions = Questions(long=("L?",), short=("S?",), field=("What {field}?",))
    options = TargetOptions(all_texts=True, questions=questions)
    bundle = written(target, tmp_path / "out", one, clips, options)
    [found] = rows_of(bundle)
    texts = texts_of(found)
    assert texts[1::2] == [hard[0].caption, "A short one.", "soft"]
    assert [text.rpartition(">")[2].strip() for text in texts[::2]] == ["S?", "S?", "What light?"]
    assert list(target.read(bundle)) == pairs(one)


def test_paths_lead_to_the_clips(tmp_path: Path, clips: Path, hard: list[Sample]) -> None:
    """Paths are absolute in ms-swift and relative to the folder in the others."""
    out = tmp_path / "out"
    for target in TARGETS:
        bundle = written(target, tmp_path / target.name, hard[:1], clips, out=out)
        [row] = rows_of(bundle)
        path = row["video"] if target is llava.TARGET else row["videos"][0]
        name = f"clips/{hard[0].stem}.mp4"
        assert path == (f"{out}/{name}" if target is ms_swift.TARGET else name)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_configs_are_yaml_that_names_the_data(
    target: Target, tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """The trainer's config is YAML whatever the folder is called, and says what to fill in."""
    out = tmp_path / 'out: "x" # \u00e9'
    bundle = written(target, tmp_path / "building", hard[:1], clips, out=out)
    [file] = bundle.root.glob("*.yaml")
    text = file.read_text("utf-8")
    assert "fill in" in text
    found = yaml.safe_load(text)
    if target is llama_factory.TARGET:
        named = f"{found['dataset_dir']}/clips.json"
    else:
        named = found["dataset"][0] if "dataset" in found else found["datasets"][0]["json_path"]
    assert Path(named).parent == out
    assert (bundle.root / Path(named).name).exists()


def drop_answer(row: Any) -> None:
    """Take the last answer away."""
    (row.get("messages") or row["conversations"]).pop()


def second_mark(row: Any) -> None:
    """Put a mark into the answer."""
    turn = (row.get("messages") or row["conversations"])[1]
    turn["content" if "content" in turn else "value"] += " <video>"


def lost_file(row: Any) -> None:
    """Name a clip that is not there."""
    row["video" if "video" in row else "videos"] = (
        "clips/no.mp4" if "video" in row else ["clips/no.mp4"]
    )


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [(drop_answer, "by turns"), (second_mark, "nowhere else"), (lost_file, "is not there")],
)
def test_dialogues_that_a_trainer_refuses(
    target: Target,
    spoil: Callable[[Any], None],
    message: str,
    tmp_path: Path,
    clips: Path,
    hard: list[Sample],
) -> None:
    """A dialogue without an answer, with a mark too many or without its clip is refused."""
    bundle = written(target, tmp_path / "out", hard[:1], clips)
    [row] = rows_of(bundle)
    spoil(row)
    [file] = bundle.root.glob("clips.json*")
    file.write_text(json.dumps([row] if file.suffix == ".json" else row) + "\n", "utf-8")
    with pytest.raises(ValueError, match=message):
        target.read(bundle)


def test_a_folder_that_llava_takes_for_frames(
    tmp_path: Path, clips: Path, hard: list[Sample]
) -> None:
    """A folder whose name makes LLaVA read frames in place of clips is refused."""
    with pytest.raises(UsageError, match="shareVideoGPTV"):
        written(llava.TARGET, tmp_path / "shareVideoGPTV", hard[:1], clips)
