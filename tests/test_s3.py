"""Films and data sets in object storage, against an S3 server in a process of its own."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import Ended, kill_group, start, vidcurate, wait_until
from films import render
from s3_server import SECRET, environment, make_bucket, s3_server

from vidcurate.storage import Remote, connection, put

CONFIG: dict[str, Any] = {
    "split": {"min_clip_s": 1.0},
    "quality": {},
    "filter": {"rules": ["clips.n_frames > 1"]},
    "keyframes": {"count": 1},
    "caption": {},
    "export": {"media": "copy"},
}



@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server with a bucket that holds two films, and the cache in a folder of the test."""
    folder = tmp_path_factory.mktemp("films")
    cache = {"VIDCURATE_CACHE": str(tmp_path_factory.mktemp("cache"))}
    with s3_server() as found, environment({**found, **cache}):
        make_bucket(found, "bucket")
        for name, shot in (("a", "testsrc2"), ("b", "rgbtestsrc")):
            shots = [(shot, 2.0), ("mandelbrot=start_scale=0.5", 1.5)]
            film = render(folder / f"{name}.mp4", shots, size=(160, 90))
            put(film, Remote(f"bucket/films/{name}.mp4"))
        yield {**found, "films": str(folder)}
        connection.cache_clear()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The stages to be run, and their options."""
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(CONFIG), "utf-8")
    return file


def run(*arguments: str | Path) -> Ended:
    """Run the command on one engine process; the variables of this test reach it."""
    return vidcurate(*arguments, environment=dict(os.environ))


def table(out: str | Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table, by key, without how long they took."""
    ended = run("rows", name, "-d", out)
    assert ended.code == 0, ended.err
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in ended.lines]
    return sorted(rows, key=json.dumps)


def test_the_same_tables_as_on_a_disk(
    tmp_path: Path, config: Path, address: dict[str, str]
) -> None:
    """Films and data set in a bucket give the rows and files that a disk has; again is nothing."""
    local, remote = tmp_path / "out", "s3://bucket/same"
    made = run("run", address["films"], "-d", local, "-c", config)
    assert made.code == 0, made.err
    command = ("run", "s3://bucket/films", "-d", remote, "-c", config)
    made = run(*command)
    assert made.code == 0, made.err
    for name in TABLES:
        assert table(remote, name) == table(local, name), name
    below = Remote("bucket/same/export")
    here = {str(p.relative_to(local / "export")) for p in (local / "export").rglob("*.*")}
    assert set(below.below()) == here
    for name in here:
        if name.endswith((".mp4", ".jpg")):
            assert (below / name).read_bytes() == (local / "export" / name).read_bytes()
    before = connection_state("same")
    again = run(*command)
    assert again.code == 0, again.err
    after = connection_state("same")
    assert {k: v for k, v in after.items() if "export/" not in k} == before_without(before)
    [status] = run("status", "-d", remote, "--json").lines
    assert [s["pending"] for s in status["stages"]] == [0] * len(status["stages"])


def connection_state(folder: str) -> dict[str, Any]:
    """The objects of a folder, with size and time."""
    return {name: tuple(f) for name, f in Remote(f"bucket/{folder}").below().items()}


def before_without(state: dict[str, Any]) -> dict[str, Any]:
    """All but what lies in the finished data set, which is always put together anew."""
    return {name: facts for name, facts in state.items() if "export/" not in name}
