import json
import os
import re
import signal
import struct
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.command import ctrl_c, kill_group, start, stopped, vidcurate, wait_until
from tests.support.pipeline import names_below, process, rows, states
from tests.support.videos import render
from vidcurate.records import CLIPS
from vidcurate.store.lock import writing

CONFIG = """\
split: {min_clip_s: 1}
quality: {}
filter: {rules: ["quality.freeze_share < 0.5"]}
keyframes: {count: 1}
caption: {}
export: {preset: ultrafast}
"""
STAGES = ("ingest", "probe", "scan", "cuts", "split", "quality", "filter", "partition", "keyframes")
INLINE = ("--engine", "inline")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Path:
    """A folder with videos, a config, and a data set made by `run -c`."""
    home = tmp_path_factory.mktemp("cli")
    (home / "videos").mkdir()
    (home / "videos" / "one.mp4").symlink_to(video)
    (home / "videos" / "broken.mp4").write_text("no video at all", "utf-8")
    (home / "my.yaml").write_text(CONFIG, "utf-8")
    ended = vidcurate("run", "videos", "-c", "my.yaml", "-d", "out", "--json", *INLINE, at=home)
    assert ended.code == 0, ended.err
    (home / "out.json").write_text(ended.out, "utf-8")
    (home / "out.log").write_text(ended.err, "utf-8")
    return home


def test_run_makes_everything(home: Path) -> None:
    """`run -c` brings a folder of videos to a finished data set; a bad file costs only itself."""
    table = pq.read_table(home / "out" / "export" / "data")
    assert table.num_rows == 2
    assert table["caption"].null_count == 0
    [said] = (home / "out.json").read_text("utf-8").splitlines()
    result = json.loads(said)
    assert result["dataset"] == str(home / "out")
    counts = {stage["stage"]: stage for stage in result["stages"]}
    assert tuple(counts) == (*STAGES, "caption", "export", "verify")
    assert (counts["probe"]["failed"], counts["split"]["rows"]) == (1, 3)
    assert counts["filter"]["dropped"] == {"quality.freeze_share < 0.5": 1}


def test_progress_is_plain_off_a_terminal(home: Path) -> None:
    """Stderr tells each stage's beginning and end in plain lines, then the funnel, no escapes."""
    log = (home / "out.log").read_text("utf-8")
    assert "\x1b" not in log
    assert "\r" not in log
    for stage in STAGES:
        assert re.search(rf"^{stage}: \d+ to do$", log, re.MULTILINE)
        assert re.search(rf"^{stage}: \d of \d ok, ", log, re.MULTILINE)
    funnel = log[log.index("inputs") :]
    assert re.search(r"^filter +3 +2 +1 +· +· +2", funnel, re.MULTILINE)
    assert "filter dropped 1 × quality.freeze_share < 0.5" in funnel


def test_status(home: Path) -> None:
    """`status` shows the funnel on stdout, for people or as one object; nothing on stderr."""
    shown = vidcurate("status", "-d", home / "out")
    assert (shown.code, shown.err) == (0, "")
    assert (
        f"{home / 'out'}: 1 video, 3 clips, 2 kept, 2 captions, 2 exported; 1 failed" in shown.out
    )
    assert re.search(r"^probe +2 +1 +· +1 +· +1", shown.out, re.MULTILINE)
    [reported] = vidcurate("status", "-d", home / "out", "--json").lines
    assert [stage["stage"] for stage in reported["stages"]][: len(STAGES)] == list(STAGES)
    assert {stage["pending"] for stage in reported["stages"]} == {0}
    assert not any(stage["stale"] for stage in reported["stages"])


def test_rows(home: Path) -> None:
    """`rows` is JSON lines: whole rows, those that a rule selects, chosen columns, the first N."""
    out = home / "out"
    assert len(vidcurate("rows", "clips", "-d", out).lines) == 3
    chosen = ("--where", "quality.freeze_share >= 0.5")
    columns = ("--columns", "start_s,quality.freeze_share")
    assert vidcurate("rows", "clips", "-d", out, *chosen, *columns).lines == [
        {"start_s": 4.0, "quality.freeze_share": 1.0}
    ]
    assert len(vidcurate("rows", "clips", "-d", out, "--limit", "2").lines) == 2


def test_rows_by_short_names(home: Path) -> None:
    """A stage's name stands for its table, and a column goes without one where one table has it."""
    short = ("rows", "split", "-d", home / "out", "--where", "freeze_share >= 0.5 and start_s > 1")
    assert vidcurate(*short, "--columns", "start_s,freeze_share").lines == [
        {"start_s": 4.0, "freeze_share": 1.0}
    ]
    quoted = ("--where", "video_codec != 'start_s'")
    assert len(vidcurate("rows", "probe", "-d", home / "out", *quoted).lines) == 1


def test_a_run_without_config_takes_the_default_recipe(home: Path) -> None:
    """A new data set gets quickstart, and that is said; another one goes on with its stages."""
    ended = vidcurate("run", "videos/one.mp4", "-d", "quick", *INLINE, at=home)
    assert ended.code == 3  # the video's shots are shorter than the recipe's clips
    assert "no -c: running the recipe quickstart" in ended.err
    again = vidcurate("run", "-d", "out", *INLINE, at=home)
    assert again.code == 0
    assert "recipe" not in again.err
    assert "nothing to do for 11 other stages" in again.err


def test_a_run_prints_what_it_did(home: Path) -> None:
    """Stages with nothing to do are one line; those that did something or failed have theirs."""
    ended = vidcurate("caption", "-d", "out", "--trigger", "sks", *INLINE, at=home)
    assert ended.code == 0, ended.err
    stages = [line.split(":")[0].split(" ")[0] for line in ended.err.splitlines()]
    assert stages == [*("caption", "caption", "stage", "probe", "caption", "probe"), "nothing"]
    assert vidcurate("caption", "-d", home / "out", "--trigger", "", *INLINE).code == 0


def test_recipes_are_listed_and_printed(home: Path) -> None:
    """`config --list` names each recipe with its purpose; `--recipe` prints a file that runs."""
    listed = vidcurate("config", "--list").out
    assert re.search(r"^long-take +Long takes: ", listed, re.MULTILINE)
    (home / "take.yaml").write_text(vidcurate("config", "--recipe", "quickstart").out, "utf-8")
    for name in ("take.yaml", "quickstart"):
        assert "no fault" in vidcurate("config", "--check", name, at=home).err


def test_columns() -> None:
    """`columns` says what a column is, for people and as JSON; a stage stands for its table."""
    shown = vidcurate("columns", "split").out
    assert re.search(r"^start_s +s +Start, on the video's clock", shown, re.MULTILINE)
    [reported] = vidcurate("columns", "--json").lines
    quality = next(table for table in reported["tables"] if table["name"] == "quality")
    sharpness = next(column for column in quality["columns"] if column["name"] == "sharpness")
    assert sharpness["unit"] == "squared 8-bit levels"
    assert "Laplacian" in sharpness["formula"]


def test_version() -> None:
    """`--version` prints the installed version."""
    ended = vidcurate("--version")
    assert re.fullmatch(r"vidcurate \d+\.\d+\S*\n", ended.out)


def test_rows_of_losses(home: Path) -> None:
    """`--failed` and `--dropped` give the inputs that did not pass, by their key, with reasons."""
    [failed] = vidcurate("rows", "videos", "-d", home / "out", "--failed").lines
    assert failed["status"] == "failed"
    assert "not a media file" in failed["reason"]
    assert list(failed) == ["video_id", "status", "reason", "seconds", "path"]
    [dropped] = vidcurate("rows", "kept", "-d", home / "out", "--dropped").lines
    assert dropped["reason"] == "quality.freeze_share < 0.5"
    assert list(dropped) == ["clip_id", "status", "reason", "seconds"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("rows", "clip", "-d", "out"), "no table 'clip' here: did you mean 'clips'?"),
        (("rows", "clips", "-d", "out", "--columns", "x"), "no column 'clips.x' here"),
        (("rows", "clips", "-d", "out", "--where", "clips.x > 1"), "unknown column 'clips.x'"),
        (("status", "-d", "nowhere"), "nowhere holds no data set"),
        (("filter", "-d", "out", "--rule", "quality.sharp > 1"), "did you mean 'quality.sharpn"),
        (("split", "-d", "out", "--min-clip-s", "99"), "min_clip_s 99.0 is above max_clip_s"),
        (("split", "-d", "new"), "holds no videos yet: name a SOURCE"),
        (("split", "videos", "-d", "new", "--engine", "moon"), "'moon' is not one of 'local'"),
        (("run", "videos", "-d", "new", "-c", "quickstrat"), "did you mean 'quickstart'?"),
        (("run", "videos", "-d", "new", "-c", "no.yaml"), "no.yaml: there is no such file"),
        (("run", "videos", "-d", "new", "-c", "out"), "config file out: it is a folder: name a"),
        (("run", "videos", "-d", "new", "--workers", "0"), "workers: must be at least 1, not '0'"),
        (("run", "videos", "-d", "new", "--without", "fliter"), "did you mean 'filter'?"),
        (("rows", "clips", "-d", "out", "--limit", "0"), "it must be greater than or equal to 1"),
        (("rows", "tags", "-d", "out"), "no table 'tags' here yet: `vidcurate tags` makes it"),
        (("rows", "videos", "-d", "out", "--columns", "n_frames"), "in several tables"),
        (("rows", "quality", "-d", "out", "--where", "shrpness > 1"), "mean 'sharpness'?"),
        (("columns", "qualty"), "did you mean 'quality'?"),
        (("config", "--recipe", "longtake"), "did you mean 'long-take'?"),
        (("config", "--list", "--recipe", "long-take"), "give one of them"),
        (("split", "videos", "-d", "new", "--min-clip-s", "x"), "'x' is not a number"),
        (("plan",), "No such command 'plan'"),
        (("split", "videos"), "Missing option"),
        (("split", "videos", "-d", "new", "--min-clip", "3"), "No such option"),
    ],
)
def test_wrong_usage(home: Path, arguments: tuple[str, ...], fault: str) -> None:
    """What cannot be done is said on stderr, with exit code 2, nothing on stdout, no traceback."""
    before = states(home / "out")
    ended = vidcurate(*arguments, at=home)
    assert (ended.code, ended.out) == (2, "")
    assert fault in ended.err
    assert "Traceback" not in ended.err
    assert ended.err.count("vidcurate: ") == 1
    after = states(home / "out")
    assert {k: v for k, v in after.items() if k != "lock"} == {
        k: v for k, v in before.items() if k != "lock"
    }


def test_wrong_config_runs_nothing(home: Path) -> None:
    """Every fault of a config file is a line with file and line; nothing is made."""
    text = "splitt: {}\nscan:\n  proxy_quality: 500\n  metric: []\n"
    (home / "bad.yaml").write_text(text, "utf-8")
    ended = vidcurate("run", "videos", "-c", "bad.yaml", "-d", "never", at=home)
    assert (ended.code, ended.out) == (2, "")
    assert [line.split(": ")[1:3] for line in ended.err.splitlines()] == [
        ["bad.yaml:1", "splitt"],
        ["bad.yaml:3", "scan.proxy_quality"],
        ["bad.yaml:4", "scan.metric"],
    ]
    assert not (home / "never").exists()
    checked = vidcurate("config", "--check", home / "my.yaml")
    assert (checked.code, checked.out) == (0, "")


def test_config_and_help() -> None:
    """`config` prints a config file; help names every stage and, for a stage, its options."""
    assert "\nsplit:\n" in vidcurate("config").out
    help_of_all = vidcurate("--help").out
    assert all(f" {stage} " in help_of_all for stage in (*STAGES, "run", "rows", "clean"))
    assert "--min-clip-s" in vidcurate("split", "--help").out


def test_one_liner(tmp_path: Path, video: Path) -> None:
    """`split video -d out` runs what it needs first, in processes of the local engine."""
    ended = vidcurate("split", video, "-d", tmp_path, "--min-clip-s", "1", "--workers", "1")
    assert ended.code == 0, ended.err
    assert ended.out == ""
    assert "split: 1 of 1 ok, 3 rows" in ended.err
    again = vidcurate("split", "-d", tmp_path, "-q", *INLINE)
    assert (again.code, again.out, again.err) == (0, "", "")
    entry = vidcurate("status", "-d", tmp_path, "--json").lines[0]["stages"][-1]
    assert (entry["stage"], entry["rows"], entry["stale"]) == ("split", 3, False)


def test_pipe_and_steps(tmp_path: Path, video: Path) -> None:
    """Paths come on stdin; a rule makes the scores it needs; export takes what was left."""
    odd = tmp_path / "a video\nof two lines.mp4"
    odd.write_bytes(video.read_bytes())
    bad = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    paths = b"\0".join([os.fsencode(odd), bad])
    out = tmp_path / "out"
    ingested = vidcurate("ingest", "-", "-d", out, *INLINE, stdin=paths)
    assert ingested.code == 0, ingested.err
    assert "the file name is not UTF-8" in ingested.err
    rule = ("--rule", "quality.freeze_share < 0.5")
    filtered = vidcurate("filter", "-d", out, *rule, "--json", *INLINE)
    assert filtered.code == 0, filtered.err
    [reported] = filtered.lines
    assert "quality" in [stage["stage"] for stage in reported["stages"]]
    ended = vidcurate("export", "-d", out, "--media", "none", *INLINE)
    assert ended.code == 0, ended.err
    table = pq.read_table(out / "export" / "data")
    assert table.num_rows == 2
    assert set(table["source_name"].to_pylist()) == {odd.name}


def test_nothing_came_out(tmp_path: Path) -> None:
    """Where no video is one, the exit code is 3 and the reason is named, however it is shown."""
    (tmp_path / "a.mp4").write_text("text", "utf-8")
    ended = vidcurate("split", tmp_path / "a.mp4", "-d", tmp_path / "out", "-q", *INLINE)
    assert (ended.code, ended.out) == (3, "")
    assert len(ended.err.splitlines()) == 1
    assert "nothing came out: probe left none of 1" in ended.err
    assert "see vidcurate rows probe --failed -d" in ended.err
    cleaned = vidcurate("clean", "-d", tmp_path / "out", "--yes")
    assert cleaned.code == 0, cleaned.err


def test_clean(tmp_path: Path, video: Path) -> None:
    """`clean` names what earlier options left, and removes it only when told; rows stay."""
    for length in (1.0, 1.5):
        process(tmp_path, {"split": {"min_clip_s": length}}, video)
    before = names_below(tmp_path)
    [reported] = vidcurate("clean", "-d", tmp_path).lines
    assert (reported["removed"], Path(reported["path"]).parent.name) == (False, "clips")
    assert set(names_below(tmp_path)) - {"lock"} == set(before)
    [reported] = vidcurate("clean", "-d", tmp_path, "--yes").lines
    assert reported["removed"]
    assert not Path(reported["path"]).exists()
    assert vidcurate("clean", "-d", tmp_path, "--yes").lines == []
    assert len(rows(tmp_path, CLIPS)) == 3


N_VIDEOS = 24


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos that take some seconds to scan: one video with a different free box at each end."""
    folder = tmp_path_factory.mktemp("long")
    video = render(folder / "0.mp4", [("testsrc2", 10.0)], size=(640, 360), audio=False)
    for number in range(1, N_VIDEOS):
        box = struct.pack(">I4sI", 12, b"free", number)
        (folder / f"{number}.mp4").write_bytes(video.read_bytes() + box)
    return folder


def test_second_writer_is_refused(tmp_path: Path, video: Path) -> None:
    """A data set that is being written is left alone, and the writer is named."""
    out = tmp_path / "out"
    with writing(out):
        ended = vidcurate("split", video, "-d", out, *INLINE)
    assert ended.code == 2
    assert f"is being written by process {os.getpid()} " in ended.err


def test_interrupt(tmp_path: Path, long_video: Path) -> None:
    """Ctrl-C ends with 130 and the line that goes on; that line then does go on."""
    out = tmp_path / "out"
    command = ("scan", long_video, "-d", out, "--workers", "1")
    stopped(command, tmp_path, lambda: bool(list(out.glob("scans/*/files/*.arrow"))), ctrl_c)
    [reported] = vidcurate("status", "-d", out, "--json").lines
    scan = reported["stages"][-1]
    assert scan["failed"] == 0
    assert 0 < scan["ok"] < N_VIDEOS
    assert scan["pending"] == N_VIDEOS - scan["ok"]
    ended = vidcurate(*command, "--json")
    assert ended.code == 0, ended.err
    assert ended.lines[0]["stages"][-1]["ok"] == N_VIDEOS
    assert f"scan: {scan['pending']} to do, {scan['ok']} already done" in ended.err


def test_interrupt_before_workers_are_up(tmp_path: Path, long_video: Path) -> None:
    """Ctrl-C while the workers are still starting marks no video as failed."""
    out = tmp_path / "out"
    running = start(("scan", long_video, "-d", out, "--workers", "2"), tmp_path)
    try:
        assert wait_until((out / "sources").exists, running)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=60) == 130
    finally:
        if running.poll() is None:
            kill_group(running)
    assert "Traceback" not in (tmp_path / "log").read_text("utf-8")
    [reported] = vidcurate("status", "-d", out, "--json").lines
    assert [stage["failed"] for stage in reported["stages"]] == [0] * len(reported["stages"])


def test_a_detector_without_its_metric_is_refused_before_the_scan(
    tmp_path: Path, video: Path
) -> None:
    """What a detector needs and the scan leaves out is named before anything is decoded."""
    out = tmp_path / "out"
    ended = vidcurate("cuts", video, "-d", out, "--detector", "hash", *INLINE)
    assert ended.code == 2
    assert "--metric learned --metric hash" in ended.err
    assert not (out / "scans").exists()


def test_lost_inputs_are_chosen_by_rules(home: Path) -> None:
    """`--failed` and `--dropped` obey `--where` and `--columns`, and may be asked for together."""
    look = ("rows", "kept", "-d", home / "out", "--dropped", "--columns")
    [start] = vidcurate(*look, "clip_id,start_s").lines
    assert start["start_s"] == 4.0
    assert vidcurate(*look, "clip_id", "--where", "start_s < 1").lines == []
    [again] = vidcurate(*look, "clip_id", "--failed", "--where", "start_s > 1").lines
    assert again == {"clip_id": start["clip_id"]}
    wrong = vidcurate(*look, "clip_id", "--where", "clip.start_s > 1")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean 'clips.start_s'?" in wrong.err


def test_the_printed_config_runs(home: Path) -> None:
    """`vidcurate config > my.yaml` is a file that `run` takes, and whose faults `--check` tells."""
    printed = vidcurate("config").out
    (home / "whole.yaml").write_text(printed, "utf-8")
    assert vidcurate("config", "--check", "whole.yaml", at=home).code == 0
    ended = vidcurate("run", "videos/one.mp4", "-c", "whole.yaml", "-d", "whole", *INLINE, at=home)
    assert ended.code == 0, ended.err
    assert "3 clips in " in ended.err
    (home / "deaf.yaml").write_text("aesthetic: {}\nalignment: {}\n", "utf-8")
    reported = {command: vidcurate(*command, at=home) for command in CHECK_AND_RUN}
    assert [ended.code for ended in reported.values()] == [2, 2]
    check, run = (ended.err for ended in reported.values())
    assert len(check.splitlines()) == 2
    assert check == run


CHECK_AND_RUN = (
    ("config", "--check", "deaf.yaml"),
    ("run", "videos", "-c", "deaf.yaml", "-d", "deaf"),
)
