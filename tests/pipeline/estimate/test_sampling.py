import io
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_server import Script
from tests.support.command import Ended, vidcurate
from tests.support.pipeline import process, rows, states, stored
from tests.support.videos import render
from vidcurate.cli.output import Quiet
from vidcurate.cli.render_estimate import note_lines
from vidcurate.engines.gpu_memory import track_gpu_memory
from vidcurate.engines.inline import InlineEngine
from vidcurate.errors import EmptyResultError, UsageError
from vidcurate.options import options_of
from vidcurate.pipeline.counts import count_stage
from vidcurate.pipeline.discovery.found_files import add_files
from vidcurate.pipeline.discovery.sources import find_files
from vidcurate.pipeline.estimate.comparison import (
    EstimateComparison,
    compare_with_run,
    save_estimate,
)
from vidcurate.pipeline.estimate.forecast import (
    Estimate,
    Expected,
    ratio_estimate,
)
from vidcurate.pipeline.estimate.sampling import choose_sample, estimate_run
from vidcurate.pipeline.estimate.usage import bytes_by_video
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.scope import Scope
from vidcurate.records import CLIPS, KEPT, KEYFRAMES, SCANS
from vidcurate.stage import MapStage
from vidcurate.stages.registry import STAGES
from vidcurate.stages.sources.ingest import EXTENSIONS
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import bytes_below

Options = Mapping[str, Any]
STILLS: Options = {
    "cuts": {"detector": "fixed", "fixed_interval_s": 2.0},
    "split": {"min_clip_s": 1.0},
    "filter": {"rules": ("clips.duration_s > 1",)},
    "keyframes": {"count": 1},
}
CONFIG = json.dumps({**STILLS, "filter": {"rules": ["clips.duration_s > 1"]}})
INLINE = ("--engine", "inline", "-q")


@pytest.fixture(scope="module")
def sample_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four videos of 2, 4, 6 and 8 seconds, alike in all else."""
    folder = tmp_path_factory.mktemp("shelves")
    for n in (1, 2, 3, 4):
        render(folder / f"{n}.mp4", [("testsrc2", 2.0)] * n, size=(160, 90), rate="8", audio=False)
    return folder


def estimated(
    root: Path, options: Options, *sources: Path, n_sample: int | None = None
) -> tuple[Estimate, Run]:
    """An estimate, kept in a data set, and the run by which it was made."""
    dataset = Dataset(root)
    names = [str(source) for source in sources]
    add_files(dataset, find_files(names, EXTENSIONS, io.StringIO(), recursive=True))
    known = {stage.name: stage for stage in STAGES}
    given = {name: known[name].config(**values) for name, values in options.items()}
    run = Run(dataset, InlineEngine(), Quiet())
    found = estimate_run(run, resolve(dataset, STAGES, list(given), given), n_sample)
    assert found is not None
    save_estimate(dataset, found)
    return found, run


def against(root: Path, options: Options) -> dict[str, EstimateComparison]:
    """The finished run of a data set compared with its estimate, by stage."""
    dataset = Dataset(root)
    known = {stage.name: stage for stage in STAGES}
    given = {name: known[name].config(**values) for name, values in options.items()}
    plan = resolve(dataset, STAGES, list(given), given)
    counts = [count_stage(dataset, p, Scope()) for p in plan]
    return {part.stage: part for part in compare_with_run(dataset, plan, counts)}


def test_the_sample_is_spread_over_the_lengths() -> None:
    """One video in a hundred, five at least, the middles of equal parts; never more than all."""
    lengths = {f"{i:03}": float(i + 1) for i in range(20)}
    assert choose_sample(lengths, None) == ["002", "006", "010", "014", "018"]
    assert choose_sample(dict(reversed(lengths.items())), 2) == ["005", "015"]
    assert choose_sample(lengths, 99) == list(lengths)
    assert len(choose_sample({str(i): 1.0 for i in range(1201)}, None)) == 13
    with pytest.raises(UsageError, match="none of 2 videos has a length"):
        choose_sample({"a": 0.0, "b": 0.0}, None)


def test_the_rate_is_sum_over_sum() -> None:
    """What is left is estimated by seconds of video; the error is by the spread about the rate."""
    sample = {"a": 1.0, "b": 3.0}
    assert ratio_estimate({"a": 2.0, "b": 6.0}, sample, [5.0, 5.0]) == Expected(20.0, 0.0)
    # Rate 2: video a is 1 above it, b 1 below it; two videos left of twice the sample's length.
    assert ratio_estimate({"a": 3.0, "b": 5.0}, sample, [4.0, 4.0]) == Expected(
        16.0, math.sqrt(2 * 10)
    )
    assert ratio_estimate({"a": 2.0}, {"a": 1.0}, [5.0]) == Expected(10.0, None)
    assert ratio_estimate({"a": 2.0, "b": 6.0}, sample, []) == Expected(0.0, 0.0)


def test_estimate_then_run(tmp_path: Path, sample_videos: Path) -> None:
    """An estimate works on its sample only; the run keeps that work and takes about as long."""
    found, _ = estimated(tmp_path, STILLS, sample_videos, n_sample=2)
    assert (found.n_videos, found.n_sampled, found.n_left) == (4, 2, 2)
    assert found.sampled_video_s == pytest.approx(12)
    assert found.left_video_s == pytest.approx(8)
    by_stage = {stage.stage: stage for stage in found.stages}
    assert by_stage["scan"].left_s.amount == pytest.approx(by_stage["scan"].sample_s * 8 / 12)
    assert (len(rows(tmp_path, SCANS)), len(rows(tmp_path, KEYFRAMES))) == (2, 6)
    before = {name: at for name, at in states(tmp_path).items() if "/files/" in name}
    process(tmp_path, STILLS)
    after = states(tmp_path)
    assert {name: after[name] for name in before} == before
    real = against(tmp_path, STILLS)
    assert list(real) == [*by_stage, "all"]
    for part in real.values():
        # Tables of a few rows are all header, so some kilobytes are no miss.
        assert abs(part.estimated_bytes - part.actual_bytes) < part.actual_bytes / 2 + 8192
    scans = stored(tmp_path, SCANS)
    took_s = sum(scans.done()["seconds"].to_pylist()) - by_stage["scan"].sample_s
    assert real["scan"].actual_hours == pytest.approx(took_s / 3600, abs=1e-6)
    assert real["scan"].actual_bytes == bytes_below(scans.folder)
    assert real["all"].actual_hours == pytest.approx(sum(p.actual_hours for p in real.values()) / 2)


def test_requests_and_tokens(tmp_path: Path, sample_videos: Path, script: Script) -> None:
    """Each clip left is a request; tokens are estimated where the server counts them."""
    server = {"backend": "openai", "model": "eye", "base_url": script.url}
    options = {**STILLS, "caption": {**server, "api_key_env": "TEST_KEY", "max_retries": 0}}
    found, _ = estimated(tmp_path, options, sample_videos, n_sample=2)
    assert found.requests is not None
    n_before = len(script.bodies)
    process(tmp_path, options)
    n_asked = len(script.bodies) - n_before
    assert found.requests.requests.amount == pytest.approx(n_asked)
    assert found.requests.prompt_tokens is not None
    assert found.requests.prompt_tokens.amount == pytest.approx(11 * n_asked)
    assert found.requests.completion_tokens is not None
    assert found.requests.completion_tokens.amount == pytest.approx(5 * n_asked)


def test_what_is_done_is_not_estimated(tmp_path: Path, sample_videos: Path) -> None:
    """Of videos there before nothing is lost or done again; of a done set nothing is left."""
    process(tmp_path, STILLS, sample_videos / "3.mp4", sample_videos / "4.mp4")
    found, _ = estimated(tmp_path, STILLS, sample_videos, n_sample=1)
    assert [stage.videos_left for stage in found.stages] == [2] * len(found.stages)
    assert len(rows(tmp_path, KEPT)) == len(rows(tmp_path, CLIPS)) == 7
    process(tmp_path, STILLS)
    states_before = {n: at for n, at in states(tmp_path).items() if n.endswith(".jpg")}
    found, _ = estimated(tmp_path, STILLS)
    assert (found.n_sampled, found.n_left, found.hours.amount) == (4, 0, 0.0)
    assert states_before == {n: at for n, at in states(tmp_path).items() if n.endswith(".jpg")}


def test_a_late_option_leaves_early_stages_done(tmp_path: Path, sample_videos: Path) -> None:
    """Only stages whose rows are not there have videos left."""
    process(tmp_path, STILLS, sample_videos)
    options = {**STILLS, "keyframes": {"count": 2}}
    found, _ = estimated(tmp_path, options, n_sample=1)
    left = {stage.stage: stage.videos_left for stage in found.stages}
    assert {name for name, n in left.items() if n} == {"keyframes"}
    assert left["keyframes"] == 3


def test_another_run_is_not_compared_with_the_estimate(tmp_path: Path, sample_videos: Path) -> None:
    """Neither one that is not at its end, nor one with other options or more videos."""
    others = {**STILLS, "keyframes": {"count": 2}}
    estimated(tmp_path, STILLS, sample_videos / "1.mp4", sample_videos / "2.mp4", n_sample=1)
    assert against(tmp_path, STILLS) == {}
    process(tmp_path, others)
    assert against(tmp_path, others) == {}
    process(tmp_path, STILLS)
    assert against(tmp_path, STILLS) != {}
    process(tmp_path, STILLS, sample_videos / "3.mp4")
    assert against(tmp_path, STILLS) == {}


def test_bytes_are_those_of_the_folder(tmp_path: Path, sample_videos: Path) -> None:
    """Every file belongs to a video, by its name; with the rows they are all that is on disk."""
    _, run = estimated(
        tmp_path, {**STILLS, "embed": {}, "export": {"verify": False}}, sample_videos
    )
    for p in resolve(run.dataset, STAGES, ["export", "embed"], {})[2:]:
        videos = bytes_by_video(run.dataset, p, Scope())
        assert len(videos) == 4
        assert sum(videos.values()) == pytest.approx(bytes_below(p.output(run.dataset).folder))


def test_no_estimate_without_a_video(tmp_path: Path, sample_videos: Path) -> None:
    """Where no video can be read the error says at which stage and why."""
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "one.mp4").write_text("no video", "utf-8")
    with pytest.raises(EmptyResultError, match=r"no estimate: .* probe left none of 1 \(1 time: "):
        estimated(tmp_path / "a", STILLS, bad)
    with pytest.raises(EmptyResultError, match=r"no estimate: .* split left none"):
        estimated(
            tmp_path / "b", {**STILLS, "split": {"min_clip_s": 50}}, sample_videos, n_sample=1
        )


def test_an_estimate_up_to_what_rejects_all(tmp_path: Path, sample_videos: Path) -> None:
    """Where rules reject the whole sample, the stages up to them are estimated, and it says so."""
    options = {**STILLS, "filter": {"rules": ("clips.duration_s > 99",)}}
    found, _ = estimated(tmp_path, options, sample_videos, n_sample=1)
    assert [stage.stage for stage in found.stages] == ["scan", "cuts", "split", "filter"]
    assert found.hours.amount > 0
    assert found.stopped is not None
    assert re.search(r"filter left none of 3 .*> 99", found.stopped)
    assert any("not estimated" in line for line in note_lines(found))


def test_no_estimate_without_a_stage(tmp_path: Path, sample_videos: Path) -> None:
    """Finding and probing videos is done at once, so that nothing of it is left to estimate."""
    with pytest.raises(UsageError, match="nothing to estimate"):
        estimated(tmp_path, {"probe": {}}, sample_videos)


def test_the_option_that_costs_less_is_there() -> None:
    """What a stage names as cheaper are options that exist."""
    known = {f"{s.name}.{name}" for s in STAGES for name in options_of(s.config)}
    named = [
        name
        for stage in STAGES
        if isinstance(stage, MapStage)
        for name in re.findall(r"\w+\.\w+", stage.cost.advice)
    ]
    assert {"scan.metrics", "export.preset"} <= set(named) <= known


@pytest.mark.parametrize(
    ("says", "peak"), [("echo 512; echo 2048", 2048), ("echo no driver; exit 9", None)]
)
def test_gpu_memory_is_that_of_the_fullest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, peak: int | None
) -> None:
    """The peak is what nvidia-smi says, by a program of that name; an error of it is no number."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{says}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with track_gpu_memory() as seen:
        pass
    assert seen.mib == peak


def command(home: Path, *arguments: str | Path) -> Ended:
    """A command on the data set in a folder."""
    return vidcurate(*arguments, "-c", "my.yaml", "-d", "out", *INLINE, at=home)


def test_the_command(tmp_path: Path, sample_videos: Path) -> None:
    """`plan` tells a table or JSON, then `run` how far off it was; without videos it is refused."""
    (tmp_path / "my.yaml").write_text(CONFIG, "utf-8")
    empty = command(tmp_path, "estimate")
    assert (empty.code, "holds no videos yet" in empty.err) == (2, True)
    shown = command(tmp_path, "estimate", sample_videos, "--videos", "2")
    assert shown.code == 0, shown.err
    assert re.search(r"^all +2 .* ± .* ± ", shown.out, re.MULTILINE)
    assert "2 of 4 videos sampled" in shown.out
    assert re.search(
        r"^most expensive stage: (scan|keyframes); less with ", shown.out, re.MULTILINE
    )
    [reported] = command(tmp_path, "estimate", "--videos", "2", "--json").lines
    assert (reported["n_left"], reported["hours"]["amount"] > 0) == (2, True)
    ended = vidcurate(
        *("run", "-c", "my.yaml", "-d", "out", "--engine", "inline", "--json"), at=tmp_path
    )
    assert re.search(
        r"^estimated [\d.]+ h, took [\d.]+ h \([+-]\d+ %\); disk ", ended.err, re.MULTILINE
    )
    assert ended.lines[0]["against_estimate"][-1]["stage"] == "all"
    (tmp_path / "out" / "estimate.json").write_text("{}", "utf-8")
    again = vidcurate("run", "-d", "out", "--engine", "inline", at=tmp_path)
    assert (again.code, "estimate.json is no estimate of this version" in again.err) == (0, True)
