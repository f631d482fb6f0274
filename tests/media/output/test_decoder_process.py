"""A decoder that hangs, crashes or raises on a file costs that file, and nothing else."""

import time
from pathlib import Path

import pytest

from tests.support.decoders import put_decord
from tests.support.videos import render
from vidcurate.errors import MediaError
from vidcurate.media.output import decoder_process
from vidcurate.media.output.decoder_process import DecoderProcess
from vidcurate.media.output.decoders import Request


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A good file, and one whose name makes our decord misbehave."""
    folder = tmp_path_factory.mktemp("clips")
    good = render(folder / "good.mp4", [("testsrc2", 0.5)], size=(64, 64), audio=False)
    bad = folder / "bad.mp4"
    bad.write_bytes(good.read_bytes())
    return good, bad


def count(decoders: DecoderProcess, name: str, file: Path) -> int:
    """The frames that a decoder finds."""
    return int(decoders.decode(Request(name, str(file)), 0.5)[0]["n_frames"])


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("time.sleep(3600)", "decord did not reach the file's end within 1 s"),
        ("os.abort()", "decord ended its process by signal 6"),
        ("raise RuntimeError('no\\nsuch frame')", "decord cannot decode the file: no such frame"),
    ],
)
def test_what_a_decoder_does_is_the_files_fault(
    does: str,
    reason: str,
    clips: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reason names the decoder; the next file is decoded, also by it."""
    monkeypatch.syspath_prepend(put_decord(tmp_path, "bad", does))
    monkeypatch.setattr(decoder_process, "SLOWEST", 0)
    good, bad = clips
    decoders = DecoderProcess(limit_s=1.0)
    assert count(decoders, "decord", good) == 12
    began = time.monotonic()
    with pytest.raises(MediaError, match=reason):
        count(decoders, "decord", bad)
    assert time.monotonic() - began < 10
    assert [count(decoders, name, good) for name in ("opencv", "decord")] == [12, 12]
    assert decoders.decoders[:3] == ("pyav", "opencv", "decord")


def test_a_process_that_was_killed_is_started_again(clips: tuple[Path, Path]) -> None:
    """A process that the system took away between two files is no file's fault."""
    decoders = DecoderProcess(limit_s=30)
    assert count(decoders, "opencv", clips[0]) == 12
    assert decoders.process is not None
    decoders.process.kill()
    decoders.process.wait()
    assert count(decoders, "opencv", clips[0]) == 12
