"""The ffmpeg program: what it lacks is named, what it says is passed on, and it can be stopped."""

from pathlib import Path

import ffmpeg
import pytest

from tests.support.videos import SHOTS
from vidcurate.errors import MediaError, MissingToolError
from vidcurate.media.io.container import url
from vidcurate.media.io.ffmpeg import (
    bundled_ffmpeg,
    check_build,
    describe_ffmpeg,
    error_line,
    find_ffmpeg,
    run,
)


def program(folder: Path, body: str) -> Path:
    """A program called ffmpeg that a user might have first on PATH."""
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_what_ffmpeg_can_do_is_known() -> None:
    """The encoders and filters that the pipeline asks for are found in a real ffmpeg."""
    tool = find_ffmpeg(encoders=("libx264", "aac"), filters=("trim", "scale", "aresample"))
    assert tool.version
    assert "fps_mode" in tool.options or "vsync" in tool.options
    assert len(tool.filters) > 100


def test_ffmpeg_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ffmpeg on PATH is taken before the bundled one, and asked only once."""
    calls = tmp_path / "calls"
    real = bundled_ffmpeg()
    path = program(tmp_path, f'echo call >> "{calls}"\nexec "{real}" "$@"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    find_ffmpeg.cache_clear()
    try:
        assert find_ffmpeg().path == str(path)
        asked = len(calls.read_text().splitlines())
        find_ffmpeg()
        assert len(calls.read_text().splitlines()) == asked
    finally:
        find_ffmpeg.cache_clear()


def test_all_that_is_missing_is_named(tmp_path: Path) -> None:
    """A small ffmpeg is refused with its path, its version and all that it lacks."""
    listing = (
        'case "$*" in\n'
        '*-version*) echo "ffmpeg version 4.4-small Copyright";;\n'
        '*-encoders*) echo " V....D libx264 an encoder";;\n'
        '*-filters*) echo " .S. scale V->V Scale";;\n'
        '*) echo "-vsync set sync";;\n'
        "esac"
    )
    tool = describe_ffmpeg(str(program(tmp_path, listing)))
    assert tool.encoders == {"libx264"}
    assert tool.filters == {"scale"}
    check_build(tool, ("libx264",), ("scale",))
    lacking = r"ffmpeg \(version 4.4-small\) lacks encoder aac, filter trim"
    with pytest.raises(MissingToolError, match=lacking):
        check_build(tool, ("libx264", "aac"), ("trim",))


def test_a_program_that_does_not_run_is_named(tmp_path: Path) -> None:
    """An ffmpeg that fails when asked its version is an error that says so."""
    with pytest.raises(MissingToolError, match="does not run"):
        describe_ffmpeg(str(program(tmp_path, "exit 1")))


def test_a_graph_is_run(tmp_path: Path) -> None:
    """A graph of ffmpeg-python writes its file, though it has an odd name and is there already."""
    out = tmp_path / "-o'd\"d: %d.mkv"
    out.write_bytes(b"old")
    source = ffmpeg.input(f"{SHOTS[0]}=size=64x64:duration=0.2", format="lavfi")
    run(find_ffmpeg(), source.output(url(out), format="matroska"), 60)
    assert out.read_bytes()[:4] == b"\x1a\x45\xdf\xa3"


def test_failure_carries_the_telling_line(tmp_path: Path) -> None:
    """The reason is what is wrong with the input, not that opening it failed."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video" * 100)
    with pytest.raises(MediaError, match=r"^ffmpeg failed: moov atom not found$"):
        run(find_ffmpeg(), ffmpeg.input(url(bad), format="mov").output("-", format="null"), 60)


def test_ffmpeg_is_stopped_when_time_is_up() -> None:
    """A run that takes longer than allowed is killed and reported."""
    endless = ffmpeg.input("testsrc2=size=64x64", format="lavfi", re=None)
    with pytest.raises(MediaError, match=r"stopped after 0\.5 s"):
        run(find_ffmpeg(), endless.output("-", format="null"), 0.5)


def test_other_protocols_are_refused(tmp_path: Path) -> None:
    """An input that is limited to files cannot reach another protocol through a playlist."""
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    source = ffmpeg.input(url(playlist), protocol_whitelist="file")
    with pytest.raises(MediaError, match="ffmpeg failed"):
        run(find_ffmpeg(), source.output("-", format="null"), 60)


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        ("", "no reason given"),
        ("[in#0 @ 0x5] moov atom not found\nError opening input files: x\n", "moov atom not found"),
        ("Conversion failed!\n", "Conversion failed!"),
    ],
)
def test_last_words(stderr: str, line: str) -> None:
    """The last line that names a cause is kept; echoes only if there is nothing else."""
    assert error_line(stderr) == line


POOR = {
    "lacks encoder": (
        'case "$*" in *-encoders*) echo " V....D mpeg4 x";; *) exec "{real}" "$@";; esac'
    ),
    "does not run": "exit 1",
}


@pytest.mark.parametrize("fault", POOR)
def test_a_poor_ffmpeg_gives_way(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ffmpeg on PATH that cannot do the work is not used, and what is used says why."""
    find_ffmpeg.cache_clear()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    real = find_ffmpeg().path
    poor = program(tmp_path, POOR[fault].replace("{real}", real))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    find_ffmpeg.cache_clear()
    tool = find_ffmpeg(("libx264", "aac"), ("scale",))
    find_ffmpeg.cache_clear()
    assert tool.path != str(poor)
    assert fault in (tool.refused or "")
