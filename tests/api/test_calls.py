import inspect
import subprocess
import sys
import threading
from pathlib import Path
from typing import Literal

import pytest

import vidcurate as vc
from tests.support.command import ENVIRONMENT, vidcurate
from tests.support.paths import ROOT
from vidcurate.api.build import functions
from vidcurate.errors import BusyError, ConfigError, EmptyResultError, TooManyFailuresError
from vidcurate.options import options_of
from vidcurate.pipeline.run_options import RunOptions
from vidcurate.stage import Stage
from vidcurate.stages.registry import STAGES
from vidcurate.store.lock import writing

SCRIPT = """
import vidcurate as vc

if __name__ == "__main__":
    made = vc.run({video!r}, {{"split": {{}}}}, "out", workers=2)
    print(made.counts["split"].rows, len(vc.open("out")))
"""


def test_a_run_reports_each_stage(tmp_path: Path, video: Path) -> None:
    """Events come in order: a stage begins, advances to all that it had to do, and ends."""
    events: list[vc.Event] = []
    made = vc.run(
        video,
        {"split": {}, "quality": {}},
        tmp_path / "out",
        engine="inline",
        on_progress=events.append,
    )
    assert list(made.counts) == ["ingest", "probe", "scan", "cuts", "split", "quality"]
    for stage, count in made.counts.items():
        own = [e for e in events if not isinstance(e, vc.Note) and e.stage == stage]
        assert isinstance(own[0], vc.StageBegan)
        assert isinstance(own[-1], vc.StageEnded)
        assert own[-1].counts == count
        last = own[-2]
        assert isinstance(last, vc.StageAdvanced)
        assert (last.done, last.failed) == (own[0].todo, 0)
    assert made.as_dict()["stages"][0]["stage"] == "ingest"


def test_a_second_run_does_nothing_again(tmp_path: Path, video: Path) -> None:
    """What is done is done, and a run without a config is that of the data set."""
    vc.run(video, {"split": {}}, tmp_path / "out", engine="inline")
    events: list[vc.Event] = []
    again = vc.run(dataset=tmp_path / "out", engine="inline", on_progress=events.append)
    assert list(again.counts) == ["ingest", "probe", "scan", "cuts", "split"]
    assert not any(isinstance(event, vc.StageAdvanced) for event in events)


@pytest.mark.parametrize("engine", ["local", "inline"])
def test_waves(tmp_path: Path, video: Path, engine: Literal["local", "inline"]) -> None:
    """With waves events of two threads come one at a time."""
    busy = threading.Lock()

    def alone(_event: vc.Event) -> None:
        assert busy.acquire(blocking=False)
        busy.release()

    made = vc.run(
        video,
        {"quality": {}},
        tmp_path / "out",
        engine=engine,
        workers=1,
        wave=1,
        on_progress=alone,
    )
    assert made.counts["quality"].failed == 0


def test_a_run_in_a_thread(tmp_path: Path, video: Path) -> None:
    """Where no signal handler can be set a run works as elsewhere."""
    made: list[vc.RunResult] = []
    thread = threading.Thread(
        target=lambda: made.append(vc.probe(tmp_path / "out", video, engine="local", workers=1))
    )
    thread.start()
    thread.join()
    assert made[0].counts["probe"].ok == 1


def test_a_script(tmp_path: Path, video: Path) -> None:
    """Worker processes import the script, which a guard keeps from running twice."""
    (tmp_path / "script.py").write_text(SCRIPT.format(video=str(video)), "utf-8")
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.returncode) == (["3", "3"], 0), done.stderr


def test_an_exception_of_the_callback_ends_the_run(tmp_path: Path, video: Path) -> None:
    """It reaches the caller, and the data set can be written again."""

    def stop(event: vc.Event) -> None:
        if isinstance(event, vc.StageBegan) and event.stage == "scan":
            raise KeyError(event.stage)

    with pytest.raises(KeyError, match="scan"):
        vc.scan(tmp_path / "out", video, engine="inline", on_progress=stop)
    assert vc.scan(tmp_path / "out", engine="inline").counts["scan"].ok == 1


def test_options_of_a_stage_are_kept(tmp_path: Path, video: Path) -> None:
    """As on the command line: given options are put over the data set's, which stay otherwise."""
    made = vc.split(tmp_path / "out", video, min_clip_s=0.5, max_clip_s=1, engine="inline")
    assert made.counts["split"].rows == 6
    again = vc.split(tmp_path / "out", max_clip_s=2, engine="inline")
    assert again.counts["split"].rows == 3
    assert again.dataset.path == made.dataset.path


def test_python_and_the_command_make_the_same_rows(tmp_path: Path, video: Path) -> None:
    """A data set that Python made is found done by the command."""
    made = vc.run(video, {"split": {"min_clip_s": 1}}, tmp_path / "out", engine="inline")
    ended = vidcurate("run", "-d", tmp_path / "out", "--engine", "inline", "--json", "-q")
    assert (ended.code, ended.lines) == (0, [made.as_dict()])


@pytest.mark.parametrize(
    ("arguments", "error", "fault"),
    [
        ({"dataset": "new"}, vc.UsageError, "holds no videos yet"),
        ({"sources": "-"}, vc.UsageError, "no stdin"),
        ({"config": "quickstrat"}, vc.UsageError, "did you mean 'quickstart'"),
        ({"config": {"splt": {}}}, ConfigError, "splt: unknown stage: did you mean 'split'"),
        ({"config": {"split": {"min_s": 1}}}, ConfigError, "split.min_s: unknown option"),
        ({"worker": 2}, vc.UsageError, "unknown option worker: did you mean 'workers'"),
        ({"workers": 0}, vc.UsageError, "workers: "),
        ({"engine": "moon"}, vc.UsageError, "engine: "),
        ({"without": ["moon"]}, vc.UsageError, "without moon"),
        ({"address": "auto"}, vc.UsageError, "address is that of a Ray cluster"),
    ],
)
def test_wrong_usage(
    tmp_path: Path, video: Path, arguments: dict[str, object], error: type[Exception], fault: str
) -> None:
    """What cannot be done is an error that names the remedy, before anything is done."""
    sources = None if "dataset" in arguments else video
    call = {"sources": sources, "config": {"probe": {}}, **arguments}
    call["dataset"] = tmp_path / str(arguments.get("dataset", "out"))
    with pytest.raises(error, match=fault):
        vc.run(**call)  # type: ignore[arg-type]
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_failures_and_empty_results_are_errors(tmp_path: Path) -> None:
    """As the command ends with code 3, a call raises what it ends by."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video" * 100)
    with pytest.raises(EmptyResultError):
        vc.probe(tmp_path / "empty", bad, engine="inline")
    with pytest.raises(TooManyFailuresError):
        vc.probe(tmp_path / "many", bad, engine="inline", max_failed=0)


def test_a_data_set_that_is_written_is_busy(tmp_path: Path, video: Path) -> None:
    """A second writer is refused, also in one process."""
    with writing(tmp_path), pytest.raises(BusyError):
        vc.probe(tmp_path, video, engine="inline")


def test_an_estimate(tmp_path: Path, video: Path) -> None:
    """A sample is run, and what is left is estimated."""
    found = vc.estimate(video, {"quality": {}}, tmp_path / "out", videos=1, engine="inline")
    assert (found.n_videos, found.n_sampled, found.n_left) == (1, 1, 0)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_the_signature_of_a_stage(stage: Stage) -> None:
    """Each stage's function has its options and those of a run, with defaults and a docstring."""
    signature = inspect.signature(getattr(vc, stage.name))
    options = {**options_of(stage.config), **options_of(RunOptions)}
    given = [name for name in signature.parameters if name != "version"]
    assert ("version" in signature.parameters) == (stage.name == "caption")
    assert given == ["dataset", "sources", "config", "on_progress", *options]
    assert all(signature.parameters[name].default == o.default for name, o in options.items())
    assert stage.summary in (getattr(vc, stage.name).__doc__ or "")
    assert not options_of(stage.config).keys() & options_of(RunOptions).keys()


def test_functions_are_those_of_the_stages() -> None:
    """Every stage has its function, and the module no other."""
    assert list(functions(STAGES)) == ["run", "estimate", "check_export", *(s.name for s in STAGES)]
