from pathlib import Path

from tests.support.pipeline import process
from vidcurate import Event, Note, export


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
