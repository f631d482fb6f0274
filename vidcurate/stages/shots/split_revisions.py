"""Which revision of a video its clips show, so that only videos that people changed are redone.

Beside the rows lies a file for each video whose clips anybody ever changed. It is written before
the rows are, and a video is redone where it says other than the log of decisions does now.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.clips.reviews import Revision, revisions_of
from vidcurate.options import StageConfig
from vidcurate.records import CLIPS, DECISIONS
from vidcurate.stage import DatasetView, Workspace
from vidcurate.store.atomic import write_text
from vidcurate.store.storage import list_names, map_names

SHOWN = "-revision.json"


def take_revision(video_id: str, workspace: Workspace) -> Revision:
    """Return what people changed in a video's clips, and note that its rows show it."""
    decisions = workspace.lookup_all(DECISIONS).get(video_id, ())
    found = revisions_of(decisions).get(video_id)
    if found is None:
        return Revision()
    write_text(Path(workspace.files, f"{video_id}{SHOWN}"), as_text(found))
    return found


def outdated_videos(_config: StageConfig, view: DatasetView) -> pa.Array:
    """Return the videos that were split, but with other changes than stand now."""
    if not view.has(DECISIONS):
        return pa.array([], pa.string())
    revisions = revisions_of(DECISIONS.from_arrow(view.scan(DECISIONS)))
    folder = view.files
    names = {f"{video_id}{SHOWN}" for video_id in revisions}
    present = sorted(names.intersection(list_names(folder)))
    texts = map_names(lambda name: (folder / name).read_text("utf-8"), present, folder)
    shown = {name.removesuffix(SHOWN): text for name, text in zip(present, texts, strict=True)}
    unrevised = as_text(Revision())
    changed = [
        video_id
        for video_id, revision in revisions.items()
        if shown.get(video_id, unrevised) != as_text(revision)
    ]
    done = view.done(CLIPS)["id"].combine_chunks()
    return done.filter(pc.is_in(done, value_set=pa.array(changed, pa.string())))


def as_text(revision: Revision) -> str:
    """Return a revision as text; equal ones are equal texts."""
    spans = [[span.start_pts, span.end_pts] for span in revision.spans]
    return json.dumps({"replaced": sorted(revision.replaced), "spans": spans})
