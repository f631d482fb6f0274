from collections.abc import Sequence
from pathlib import Path

import pytest
from av.codec.hwaccel import hwdevices_available

from tests.support.devices import CpuDevice
from tests.support.pipeline import process, rows
from tests.support.videos import render
from vidcurate.cli.output import Quiet
from vidcurate.errors import UsageError
from vidcurate.media.io import devices
from vidcurate.media.io.devices import NAMES, Device
from vidcurate.records import SCANS
from vidcurate.stages.sources.scan import SCAN, ScanConfig


class Notes(Quiet):
    """Keeps what a run says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def note(self, message: str) -> None:
        """Keep a message."""
        self.said.append(message)


def opening(
    monkeypatch: pytest.MonkeyPatch, found: CpuDevice, names: Sequence[str] = NAMES
) -> None:
    """Let a device open on this machine under some names."""

    def fault(name: str) -> str | None:
        return None if name in names else f"{name} does not open: none here"

    def of(name: str) -> Device:
        return found.device(name)

    monkeypatch.setattr(devices, "device_fault", fault)
    monkeypatch.setattr(devices, "device_of", of)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one video in H.264 and one in MPEG-4."""
    folder = tmp_path_factory.mktemp("films")
    render(folder / "new.mp4", (("testsrc2", 1.0),))
    render(folder / "old.avi", (("rgbtestsrc", 1.0),), encode=("-c:v", "mpeg4"))
    return folder


def test_a_device_that_is_not_there_is_refused(tmp_path: Path, films: Path) -> None:
    """A device that this build lacks is an error before any stage, which says what opens."""
    lacking = next(name for name in NAMES if name not in hwdevices_available())
    with pytest.raises(UsageError, match=rf"^scan\.hwaccel: .*{lacking}\. Devices that open here:"):
        process(tmp_path / "out", {"scan": {"hwaccel": lacking}}, films)
    assert not (tmp_path / "out" / "scans").exists()


def test_auto_goes_on_without_a_device(
    tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no device opens, `auto` says so once, and the CPU decodes."""
    opening(monkeypatch, CpuDevice(), ())
    heard = Notes()
    process(tmp_path, {"scan": {"hwaccel": "auto"}}, films, listener=heard)
    assert [(row.decoder, row.decoder_fault) for row in rows(tmp_path, SCANS)] == [
        ("cpu", None),
        ("cpu", None),
    ]
    assert [line.partition(" (")[0] for line in heard.said] == [
        "scan.hwaccel: auto is the CPU here, since no device opens"
    ]


def test_rows_and_a_message_say_what_decoded(
    tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device decodes what it takes; what it does not is counted, with the reason."""
    opening(monkeypatch, CpuDevice(), ("vaapi",))
    heard = Notes()
    process(tmp_path, {"scan": {"hwaccel": "vaapi"}}, films, listener=heard)
    fault = "vaapi: not used for mpeg4"
    found = {row.decoder: row.decoder_fault for row in rows(tmp_path, SCANS)}
    assert found == {"vaapi": None, "cpu": fault}
    assert heard.said == [f"the CPU decoded 1 of 2 videos and not a device: {fault} (1)"]


def test_another_device_scans_nothing_again(
    tmp_path: Path, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What decodes does not decide the rows: what a device scanned stands without it."""
    opening(monkeypatch, CpuDevice())
    process(tmp_path, {"scan": {"hwaccel": "cuda"}}, films)
    before = rows(tmp_path, SCANS)
    assert {row.decoder for row in before} == {"cuda", "cpu"}
    process(tmp_path, {"scan": {"hwaccel": "none"}}, films)
    assert rows(tmp_path, SCANS) == before


@pytest.mark.parametrize(("hwaccel", "gpus"), [("none", 0), ("vaapi", 0), ("cuda", 1 / 8)])
def test_a_worker_takes_a_share_of_a_gpu(
    monkeypatch: pytest.MonkeyPatch, hwaccel: str, gpus: float
) -> None:
    """A cluster shows a GPU only to workers that take some of it."""
    opening(monkeypatch, CpuDevice())
    config = ScanConfig.model_validate({"hwaccel": hwaccel})
    assert SCAN.cost.resources(config).gpus == gpus
