"""What became of each file of a data set, read from its tables."""

from pathlib import Path

from vidcurate.pipeline.scope import FOUND
from vidcurate.records import CLIPS, EXPORTS, FILES, SOURCES
from vidcurate.stages.registry import STAGES
from vidcurate.store.dataset import DROPPED, FAILED, Dataset

EXPORTED, LEFT_OUT, REFUSED, LOST = "exported", "left out", "refused", "without a word"
# Of all that is said of a file and its clips, what comes first here counts.
RANKS = (EXPORTED, REFUSED, LEFT_OUT, LOST)
Outcome = tuple[str, str]


def outcomes(root: Path) -> dict[str, Outcome]:
    """What became of each file, and where and why, by its name as the data set writes it."""
    dataset = Dataset(root)
    manifest = dataset.manifest()
    files = dataset.stored(FILES, FOUND).read(["file_id", "path"], FILES.schema).to_pylist()
    names = {row["file_id"]: {Path(row["path"]).name} for row in files}
    found = {Path(row["path"]).name: (LOST, "") for row in files}
    for stage in STAGES:
        entry = manifest.get(stage.writes.name)
        if entry is None:
            continue
        stored = dataset.stored(stage.writes, entry["fingerprint"])
        last = stage.writes is EXPORTS
        for row in stored.done().to_pylist():
            said = outcome(row["status"], f"{stage.name}: {row['reason']}", last=last)
            for name in names.get(row["id"], ()):
                found[name] = min(found[name], said, key=lambda it: RANKS.index(it[0]))
        for table, above, below in (
            (SOURCES, "file_id", "video_id"),
            (CLIPS, "video_id", "clip_id"),
        ):
            if stage.writes is table:
                hand_on(names, stored.read([above, below], table.schema).to_pylist(), above, below)
    return found


def outcome(status: str, why: str, *, last: bool) -> Outcome:
    """What one row of a done table says of its file."""
    if status == FAILED:
        return REFUSED, why
    if status == DROPPED:
        return LEFT_OUT, why
    return (EXPORTED, "") if last else (LOST, "")


def hand_on(names: dict[str, set[str]], rows: list[dict[str, str]], above: str, below: str) -> None:
    """Say of which files the ids of a table's rows are."""
    for row in rows:
        names.setdefault(row[below], set()).update(names[row[above]])
