"""The words of clips beside their files, in the time of these files."""

import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.pipeline import process, rows, stored
from tests.support.videos import render
from vidcurate.errors import UsageError
from vidcurate.exporting.folder.intact import check_export
from vidcurate.media.subtitles.cues import Cue, read_subtitles
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.records import EXPORTS

SRT = (
    "1\n00:00:00,200 --> 00:00:01,000\nOne & <i>two</i>.\n\n"
    "2\n00:00:02,500 --> 00:00:03,500\nThree --&gt; four.\n"
)
SHOTS = (("testsrc2", 2.0), ("smptehdbars", 2.0), ("mandelbrot", 2.0))
MADE: dict[str, Any] = {
    "transcribe": {"backend": "subtitles"},
    "cuts": {"detector": "fixed", "fixed_interval_s": 2.0},
    "split": {"min_clip_s": 1.0},
    "caption": {},
}
EXPORT = {"preset": "ultrafast", "verify": False, "subtitles": "both"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three clips of 2 s, the last without words, in three layouts."""
    folder = tmp_path_factory.mktemp("subtitles")
    render(folder / "film.mp4", SHOTS, audio=False, size=(160, 90))
    (folder / "film.srt").write_text(SRT, "utf-8")
    export = {**EXPORT, "target": ("parquet", "sidecar", "csv"), "columns": ("path", "caption")}
    export["columns"] = ("path=path", "caption=caption", "words=vtt_file_name")
    process(folder / "out", {**MADE, "export": export}, folder / "film.mp4")
    return folder / "out"


def cues(file: Path) -> list[Cue]:
    """The cues of a file, by the reader that videos' own subtitles are read with."""
    found = read_subtitles(file.read_bytes(), file.name)
    assert not found.skipped_lines
    return list(found.cues)


def test_a_row_names_the_words_of_its_clip(made: Path) -> None:
    """Times count from the clip's file; a clip without words has no file, and its row says so."""
    folder = made / "export"
    table = pq.read_table(folder / "data").sort_by("start_s").to_pylist()
    first, second, last = table
    assert (last["vtt_file_name"], last["srt_file_name"]) == (None, None)
    for row in (first, second):
        assert row["vtt_file_name"] == row["file_name"].replace(".mp4", ".vtt")
        assert cues(folder / row["vtt_file_name"]) == cues(folder / row["srt_file_name"])
    [one] = cues(folder / first["vtt_file_name"])
    assert (one.start_s, one.text) == (0.2, "One & two.")
    assert one.end_s == pytest.approx(0.2 + 5 / 6, abs=0.001)
    [three] = cues(folder / second["vtt_file_name"])
    assert (three.start_s, three.end_s, three.text) == (0.5, 1.5, "Three --> four.")
    assert len([*(folder / "clips").glob("*.[vs][tr]t")]) == 4


def test_other_layouts_have_them_beside_the_clips(made: Path) -> None:
    """Beside X.mp4 lies X.vtt, and a list may name it."""
    inside = {file.suffix for file in (made / "export-sidecar/clips").iterdir()}
    assert inside == {".mp4", ".txt", ".vtt", ".srt"}
    with (made / "export-csv/clips.csv").open(encoding="utf-8") as file:
        listed = [row["words"] for row in csv.DictReader(file)]
    assert listed[2] == ""
    assert all((made / "export-csv" / name).is_file() for name in listed[:2])


def test_a_changed_file_is_found(made: Path) -> None:
    """The manifest knows the files, so that verify finds one that was changed."""
    folder = made / "export-sidecar"
    assert check_export(folder).is_intact
    file = next((folder / "clips").glob("*.vtt"))
    content = file.read_bytes()
    file.write_bytes(content.replace(b"One", b"Uno").replace(b"four", b"vier"))
    assert check_export(folder).changed == (f"clips/{file.name}",)
    file.write_bytes(content)


def test_without_them_nothing_is_encoded_again(made: Path) -> None:
    """They are left out without another clip file, once it is allowed that the rows lose them."""
    before = {row.file: row.sha256 for row in rows(made, EXPORTS)}
    without = {**MADE, "export": {**EXPORT, "subtitles": "none"}}
    process(made, without, run_options=RunOptions(allow_loss=True))
    assert not [*(made / "export/clips").glob("*.vtt")]
    assert "vtt_file_name" not in pq.read_schema(next((made / "export/data").iterdir())).names
    assert {row.file: row.sha256 for row in rows(made, EXPORTS)} == before
    assert len([*stored(made, EXPORTS).files.glob("*.mp4")]) == 3


def test_a_layout_without_room_for_them_is_refused(made: Path) -> None:
    """A trainer that reads all files of a folder is given none that it does not know."""
    export = {**EXPORT, "target": ("fiftyone",)}
    with pytest.raises(UsageError, match=r"fiftyone takes no files .* parquet, sidecar, csv or"):
        process(made, {**MADE, "export": export})
