"""A small data set to look at, of two rendered films; one has a hostile name and caption."""

import json
from pathlib import Path

import pyarrow as pa

from tests.support.pipeline import process, stored
from tests.support.videos import SHOTS, render
from vidcurate.records import CAPTIONS, CLIPS
from vidcurate.store.dataset import DONE_WITH_LOSSES

HOSTILE_NAME = '"><img src=x onerror=alert(1)>\u202egpj.<script>alert(2)<script>\nnew line.mp4'
HOSTILE_CAPTION = (
    "</script><script>alert(3)</script><img src=x onerror=alert(4)> \u202eright to left\u202c"
    ' {{ 7 * 7 }} " onmouseover="alert(5)'
)
RULES = ("quality.sharpness >= 100", "motion.still_share < 0.9")
STAGES = {
    "split": {"min_clip_s": 1},
    "quality": {},
    "motion": {},
    "filter": {"rules": list(RULES)},
    "keyframes": {"method": "uniform", "count": 2},
    "caption": {"backend": "facts"},
    "judge": {},
    "export": {"media": "none"},
}
COMMENT = "# This comment stays."


def make_review_data(folder: Path) -> Path:
    """Render two films and run the stages on them; `stages.yaml` beside the data set did it."""
    render(folder / "films" / "six shots.mp4", [(shot, 2.0) for shot in SHOTS])
    hostile = render(folder / "films" / "plain.mp4", [("testsrc2", 2.0), ("mandelbrot", 2.0)])
    hostile.rename(hostile.with_name(HOSTILE_NAME))
    lines = [COMMENT, *(f"{name}: {json.dumps(options)}" for name, options in STAGES.items())]
    config = folder / "stages.yaml"
    config.write_text("\n".join(lines) + "\n", "utf-8")
    root = folder / "dataset"
    process(root, STAGES, folder / "films")
    spoil_captions(root)
    return root


def spoil_captions(root: Path) -> None:
    """Give every caption of the film with the hostile name a hostile text."""
    own = stored(root, CAPTIONS)
    rows, done = own.read(None, CAPTIONS.schema), own.done(DONE_WITH_LOSSES)
    clips = stored(root, CLIPS).read(["video_id"], CLIPS.schema)["video_id"].to_pylist()
    hostile = min(set(clips), key=clips.count)
    texts = [
        HOSTILE_CAPTION if row["video_id"] == hostile else row["text"] for row in rows.to_pylist()
    ]
    column = rows.column_names.index("text")
    own.replace(rows.set_column(column, rows.schema.field("text"), pa.array(texts)), done)
