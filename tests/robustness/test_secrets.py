"""A key is in the environment and in the requests, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.chat_server import Script, serving
from tests.support.command import ENVIRONMENT, Ended, vidcurate
from tests.support.pipeline import files_below
from tests.support.videos import render

KEY = "sk-canary-5e1f0b77"
# Of each run: how the server answers, clip by clip. Some answers end all that follow.
RUNS = (
    ("echo", "400", "500", "error-200", "closes", "half-json"),
    ("html",),
    ("429/spent",),
    ("401",),
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A chat server, and a key in the environment of the command, which logs all it can."""
    monkeypatch.setitem(ENVIRONMENT, "NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(ENVIRONMENT, "CANARY_KEY", KEY)
    monkeypatch.setitem(ENVIRONMENT, "OPENAI_LOG", "debug")
    with serving(Script()) as script:
        yield script


def captioned(folder: Path, *sources: Path, **caption: object) -> Ended:
    """Run everything with the backend openai, on a video."""
    stages = {
        "split": {"min_clip_s": 0.5, "max_clip_s": 1.0},
        "keyframes": {"count": 1},
        "caption": {"backend": "openai", "model": "eye", "retries": 0, **caption},
        "export": {"media": "none"},
    }
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(stages), "utf-8")
    options = ("-c", config, "-d", folder / "out", "--engine", "inline", "-v", "--retry-failed")
    return vidcurate("run", *sources, *options)


def places_of(secret: str, folder: Path) -> list[str]:
    """The files below a folder that hold a text."""
    return [str(file) for file in files_below(folder) if secret.encode() in file.read_bytes()]


def test_a_key_stays_where_it_is(tmp_path: Path, script: Script) -> None:
    """However a server fails or repeats it, no key is in tables, manifest, card, words or logs."""
    video = render(tmp_path / "video.mp4", [("testsrc2", 9)], size=(160, 90), audio=False)
    for modes in RUNS:
        script.modes[:] = modes
        ended = captioned(
            tmp_path,
            video,
            base_url=script.url,
            api_key_env="CANARY_KEY",
            timeout_s=2.0,
            concurrency=1,
        )
        assert script.modes == []
        assert KEY not in ended.out + ended.err
        assert places_of(KEY, tmp_path / "out") == []
    assert ended.code == 2, ended.err  # the last answer refuses the key, for all
    assert {headers["authorization"] for headers in script.headers} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("api_key_env", KEY),
        ("base_url", f"http://user:{KEY}@127.0.0.1:9/v1"),
        ("base_url", f"http://127.0.0.1:9/v1?key={KEY}"),
    ],
)
def test_a_key_among_the_options_is_refused(tmp_path: Path, option: str, value: str) -> None:
    """A key in the place of its variable's name or in the address is not written anywhere."""
    (tmp_path / "out").mkdir()
    ended = captioned(tmp_path, tmp_path / "video.mp4", **{option: value})
    assert ended.code == 2
    assert f"caption.{option}: " in ended.err
    assert KEY not in ended.out + ended.err
    assert places_of(KEY, tmp_path / "out") == []
