from pathlib import Path

from tests.support.pipeline import process
from vidcurate import Event, Note, export
from vidcurate.captioning.options import CaptionConfig
from vidcurate.cli.output import Quiet
from vidcurate.engines.inline import InlineEngine
from vidcurate.pipeline.announcements import MORE_MAY_COME, announce_requests, request_line
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.stages.registry import STAGES
from vidcurate.store.dataset import Dataset


def test_a_run_without_work_announces_nothing(tmp_path: Path, video: Path) -> None:
    """Clips that rules reject are no work of stages that were never given them."""
    options = {
        "split": {"min_clip_s": 1.0},
        "quality": {},
        "signatures": {},
        "dedup": {},
        "filter": {"rules": ["clips.start_s >= 1", "dedup.keep"]},
        "keyframes": {"count": 1},
        "caption": {"backend": "facts"},
        "export": {"media": "none"},
    }
    out = tmp_path / "out"
    process(out, options, video)
    events: list[Event] = []
    export(out, engine="inline", on_progress=events.append)
    (note,) = (event.text for event in events if isinstance(event, Note))
    assert note.startswith("2 clips in ")  # where the export lies, and nothing else


class Notes(Quiet):
    """A listener that keeps what a run says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """Keep a message."""
        self.said.append(text)


def test_requests_that_did_not_become_more_are_said_once(tmp_path: Path) -> None:
    """Where more could come and none did, the line is there already; another number is news."""
    dataset, notes = Dataset(tmp_path), Notes()
    config = CaptionConfig.model_validate({"backend": {"name": "openai", "model": "eye"}})
    caption = resolve(dataset, STAGES, ["caption"], {"caption": config})[-1]
    run = Run(dataset, InlineEngine(), notes, RunOptions())
    estimate = caption.stage.cost.requests(config)
    assert estimate is not None
    run.note_once([f"{request_line(caption, estimate, 3)}; {MORE_MAY_COME}"])
    announce_requests(run, caption, 3)
    assert len(notes.said) == 1
    announce_requests(run, caption, 4)
    assert notes.said[1:] == [request_line(caption, estimate, 4)]
    assert [asked["requests"] for asked in run.requests] == [3, 4]
