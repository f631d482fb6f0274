import hashlib
from pathlib import Path
from typing import Any

import av
import datasets
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import ValidationError

from tests.support.pipeline import files_below, names_below, process, rows, state, states, stored
from tests.support.videos import render
from vidcurate.errors import UsageError
from vidcurate.records import CAPTIONS, EXPORTS, KEPT
from vidcurate.stages.output.export_options import ExportConfig

SPLIT = {"split": {"min_clip_s": 1.0}}
WHOLE: dict[str, dict[str, Any]] = {
    **SPLIT,
    "quality": {},
    "filter": {"rules": ("clips.n_frames > 1",)},
    "keyframes": {"count": 1},
    "caption": {},
    "export": {"preset": "ultrafast", "rows_per_shard": 2},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos that a list says more of, exported with clip files, keyframes and captions."""
    root = tmp_path_factory.mktemp("export")
    render(root / "one.mp4", audio=True)
    render(root / "two|<b>.mp4", [("mandelbrot=start_scale=0.5", 1.5)], size=(160, 90), audio=False)
    text = "path,licence,title,clip_id\none.mp4,CC-BY 4.0,One,mine\ntwo|<b>.mp4,,Two,\n"
    (root / "videos.csv").write_text(text, "utf-8")
    process(root / "out", WHOLE, root / "videos.csv")
    return root / "out"


def exported(out: Path) -> pa.Table:
    """The exported table, by pyarrow."""
    return pq.read_table(out / "export" / "data")


def test_shards_are_numbered_without_gaps(made: Path) -> None:
    """Four clips in shards of two are two files that know how many they are."""
    files = sorted((made / "export" / "data").iterdir())
    assert [f.name for f in files] == [f"train-0000{n}-of-00002.parquet" for n in (0, 1)]
    assert [pq.read_metadata(f).num_rows for f in files] == [2, 2]
    assert pq.read_metadata(files[0]).row_group(0).column(0).compression == "ZSTD"


def test_every_file_that_is_named_is_there_and_no_other(made: Path) -> None:
    """Clip and still files lie where the rows say, with the size and hash that the rows say."""
    table = exported(made).to_pylist()
    for row in table:
        data = (made / "export" / row["file_name"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (row["size_bytes"], row["sha256"])
    named = {row["file_name"] for row in table}
    named |= {keyframe["file_name"] for row in table for keyframe in row["keyframes"]}
    there = [n for n in names_below(made / "export") if n.split("/")[0] in ("clips", "keyframes")]
    assert named == set(there)
    assert len(there) == 8


def test_clips_hold_their_frames_and_sound(made: Path) -> None:
    """An encoded clip has as many frames as its row says, and sound where its video has."""
    for row in exported(made).to_pylist():
        with av.open(str(made / "export" / row["file_name"])) as clip:
            assert sum(1 for _ in clip.decode(video=0)) == row["n_frames"]
            assert bool(clip.streams.audio) == (row["source_name"] == "one.mp4")
            assert row["width"] == clip.streams.video[0].width


def test_a_row_says_all_that_is_known(made: Path) -> None:
    """Span, video, measurements, caption and the list's own columns stand in one row."""
    table = exported(made)
    assert table["source_name"].to_pylist() == ["one.mp4"] * 3 + ["two|<b>.mp4"]
    assert table["start_s"].to_pylist() == [0.0, 2.0, 4.0, 0.0]
    assert table["licence"].to_pylist() == ["CC-BY 4.0"] * 3 + [None]
    assert table["title"].to_pylist() == ["One"] * 3 + ["Two"]
    assert table["source_clip_id"].to_pylist() == ["mine"] * 3 + [None]
    assert table["audio_codec"].to_pylist() == ["aac"] * 3 + [None]
    captions = {c.clip_id: c.text for c in rows(made, CAPTIONS)}
    assert [captions[i] for i in table["clip_id"].to_pylist()] == table["caption"].to_pylist()
    assert table["caption_backend"].to_pylist() == ["facts"] * 4
    assert min(table["quality_sharpness"].to_pylist()) > 0
    first = table.slice(0, 1).to_pylist()[0]
    assert first["start_s"] == first["start_pts"] * first["time_base_num"] / first["time_base_den"]


def test_other_readers_read_the_same(made: Path) -> None:
    """DuckDB and polars see the rows that pyarrow sees."""
    wanted = exported(made).select(["clip_id", "caption", "n_frames", "quality_motion_mean"])
    pattern = f"{made}/export/data/*.parquet"
    query = "select clip_id, caption, n_frames, quality_motion_mean from read_parquet(?) "
    query += "order by source_name, start_pts"
    with duckdb.connect() as connection:
        assert connection.execute(query, [pattern]).fetchall() == [
            tuple(row.values()) for row in wanted.to_pylist()
        ]
    frame = pl.read_parquet(pattern).select(wanted.column_names)
    assert frame.to_dicts() == wanted.to_pylist()


def load(made: Path, cache: Path) -> Any:
    """The export through the `datasets` library, as its card says."""
    pattern = str(made / "export" / "data" / "*.parquet")
    return datasets.load_dataset("parquet", data_files=pattern, split="train", cache_dir=str(cache))


def test_datasets_reads_it(made: Path, tmp_path: Path) -> None:
    """`load_dataset("parquet", ...)` gives every row with its nested keyframes."""
    found = load(made, tmp_path)
    assert found["clip_id"][:] == exported(made)["clip_id"].to_pylist()
    assert found[0]["keyframes"] == exported(made)["keyframes"].to_pylist()[0]


def test_datasets_finds_the_data_by_the_card(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given the folder alone, the library takes the shards that the card names."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder, cache = str(made / "export"), str(tmp_path)
    found = datasets.load_dataset(folder, split="train", cache_dir=cache)
    assert found.num_rows == 4
    assert "caption" in found.column_names
    videos = datasets.load_dataset(folder, "videos", split="train", cache_dir=cache)
    assert videos["source_name"][:] == ["one.mp4", "two|<b>.mp4"]
    assert videos["n_clips"][:] == [3, 1]
    assert videos["licence"][:] == ["CC-BY 4.0", None]


def test_card_tells_how_the_data_set_was_made(made: Path) -> None:
    """Counts, losses, licences, columns, settings and versions stand in README.md."""
    card = (made / "export" / "README.md").read_text("utf-8")
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head)["configs"] == [
        {
            "config_name": name,
            "data_files": [{"split": "train", "path": f"{folder}/train-*.parquet"}],
        }
        for name, folder in (("default", "data"), ("videos", "videos"))
    ]
    assert "license" not in yaml.safe_load(head)
    assert 'load_dataset("parquet", data_files={"train": "data/train-*.parquet"})' in body
    assert "4 clips, 0:00:08 (h:mm:ss), from 2 videos; 4 with a caption, 4 with a file." in body
    assert "- CC-BY 4.0: 3 clips" in body
    assert "- not given: 1 clip\n" in body
    assert "| ingest | 2 | 2 | 0 | 0 |" in body
    assert all(f"- `{name}`: " in body for name in exported(made).column_names)
    settings = yaml.safe_load(body.split("```yaml\n")[1].split("```")[0])
    assert settings["split"]["min_clip_s"] == 1.0
    assert settings["filter"]["rules"] == ["clips.n_frames > 1"]
    assert "pyarrow " in body.split("## Made with")[1]


def test_card_settings_make_the_same_data_set(made: Path, tmp_path: Path) -> None:
    """The settings of the card, as a config, find everything done."""
    body = (made / "export" / "README.md").read_text("utf-8")
    settings = yaml.safe_load(body.split("```yaml\n")[1].split("```")[0])
    before = states(stored(made, EXPORTS).folder)
    process(made, {**settings, "export": {**settings["export"], "out": str(tmp_path / "again")}})
    assert states(stored(made, EXPORTS).folder) == before
    again = pq.read_table(tmp_path / "again" / "data")
    assert again.equals(exported(made))
    process(made, WHOLE)


def test_filtering_again_reuses_clips(made: Path) -> None:
    """Fewer clips: the same files under the same names; all of them back: none is cut again."""
    before = states(made / "export" / "clips")
    assert len(before) == 4
    process(made, {**WHOLE, "filter": {"rules": ("videos.width > 200",)}})
    fewer = states(made / "export" / "clips")
    assert len(fewer) == 3
    assert fewer.items() <= before.items()
    assert exported(made).num_rows == 3
    process(made, WHOLE)
    assert states(made / "export" / "clips") == before
    assert exported(made).num_rows == 4


def test_the_old_export_is_replaced_whole(made: Path, tmp_path: Path) -> None:
    """Files of an earlier export are gone, and no half-built folder stays."""
    out = tmp_path / "finished"
    options = {**WHOLE, "export": {**WHOLE["export"], "out": str(out)}}
    process(made, options)
    process(made, {**options, "filter": {"rules": ("videos.width < 200",)}})
    assert len(names_below(out / "clips")) == 1
    assert len(names_below(out / "data")) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["finished"]
    process(made, WHOLE)


def test_a_folder_with_other_things_is_never_replaced(made: Path, tmp_path: Path) -> None:
    """A folder that holds something else than an export is refused before any work, untouched."""
    (tmp_path / "thesis.txt").write_text("years of work", "utf-8")
    with pytest.raises(UsageError, match="holds other things than an export"):
        process(made, {**WHOLE, "export": {"out": str(tmp_path)}})
    with pytest.raises(UsageError, match="holds other things than an export"):
        process(made, {**WHOLE, "export": {"out": str(made)}})
    assert names_below(tmp_path) == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    process(made, {**WHOLE, "export": {**WHOLE["export"], "out": str(tmp_path / "empty")}})
    assert (tmp_path / "empty" / "README.md").exists()
    process(made, WHOLE)


def test_media_none_writes_no_clips(made: Path) -> None:
    """Without media a clip stays a span of its video, and nothing but Parquet is written."""
    process(made, {**WHOLE, "export": {"media": "none"}})
    table = exported(made)
    assert table["file_name"].null_count == table["sha256"].null_count == 4
    assert not (made / "export" / "clips").exists()
    assert "with a caption, 0 with a file." in (made / "export" / "README.md").read_text("utf-8")
    process(made, WHOLE)


def test_media_copy_keeps_the_codec(tmp_path: Path) -> None:
    """A copied clip holds its span and the bytes of the video's own encoder."""
    video = render(tmp_path / "video.mp4", encode=("-c:v", "libx264", "-g", "12"))
    process(tmp_path / "out", {**SPLIT, "export": {"media": "copy"}}, video)
    clips = {clip.clip_id: clip for clip in rows(tmp_path / "out", KEPT)}
    for row in rows(tmp_path / "out", EXPORTS):
        assert row.media == "copy"
        assert row.start_s <= clips[row.clip_id].start_s
        assert row.duration_s >= clips[row.clip_id].duration_s - 0.05
        with av.open(str(stored(tmp_path / "out", EXPORTS).files / str(row.file))) as clip:
            assert clip.streams.video[0].codec_context.name == "h264"


def test_bytes_in_the_parquet(tmp_path: Path) -> None:
    """With embed_bytes each row holds its clip's file, in the form that `datasets` decodes."""
    video = render(tmp_path / "video.mp4", audio=False)
    (tmp_path / "videos.csv").write_text("path,video\nvideo.mp4,ours\n", "utf-8")
    export = {"preset": "ultrafast", "embed_bytes": True}
    process(tmp_path / "out", {**SPLIT, "export": export}, tmp_path / "videos.csv")
    assert video.exists()
    table = exported(tmp_path / "out")
    assert table["source_video"].to_pylist() == ["ours"] * 3
    for row in table.to_pylist():
        file = tmp_path / "out" / "export" / row["file_name"]
        assert row["video"] == {"bytes": file.read_bytes(), "path": row["file_name"]}


def test_bytes_need_files() -> None:
    """Embedding clips that are not written is a fault of the options."""
    with pytest.raises(ValidationError, match="extra_forbidden"):
        ExportConfig.model_validate({"media": "none", "embed_bytes": True})


def test_a_video_that_is_gone_costs_its_clips_only(tmp_path: Path, video: Path) -> None:
    """Clips of a missing video fail with the reason and are not in the export; others are."""
    gone, out = tmp_path / "gone.mp4", tmp_path / "out"
    gone.write_bytes(video.read_bytes() + b"\0" * 16)
    process(out, {**SPLIT, "filter": {}}, video, gone)
    gone.unlink()
    count = process(out, {**SPLIT, "export": {"preset": "ultrafast"}})["export"]
    assert (count.ok, count.failed, count.rows) == (3, 3, 3)
    assert exported(out)["source_name"].to_pylist() == [video.name] * 3
    assert "the video is gone" in (out / "export" / "README.md").read_text("utf-8")


def test_clip_files_are_linked_not_copied(made: Path) -> None:
    """The export's clips are the data set's own files under second names: no space is lost."""
    process(made, WHOLE)
    for file in files_below(made / "export" / "clips"):
        assert state(file) == state(stored(made, EXPORTS).files / file.name)
