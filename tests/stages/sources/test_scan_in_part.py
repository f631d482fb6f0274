from pathlib import Path

import pytest

from vidcurate.errors import UsageError
from vidcurate.pipeline.config import load_config
from vidcurate.stage import MapStage
from vidcurate.stages.registry import STAGES

REFUSED = {
    "cuts": "{detector: content}",
    "signatures": "{}",
    "keyframes": "{method: redundancy}",
}
TAKEN = {"cuts": "{detector: fixed}", "keyframes": "{method: sharpest}", "quality": "{}"}


def check(stage: str, options: str, decode: str, folder: Path) -> None:
    """Check one stage's options beside a scan's, as is done before anything runs."""
    file = folder / "config.yaml"
    scan = f"scan: {{decode: {decode}}}\n" if stage != "scan" else ""
    file.write_text(f"{scan}{stage}: {options}\n", "utf-8")
    configs = load_config(file, STAGES)
    checked = next(one for one in STAGES if one.name == stage)
    assert isinstance(checked, MapStage)
    if checked.check is not None:
        checked.check(configs[stage], configs)


@pytest.mark.parametrize("decode", ["reference", "keyframes"])
@pytest.mark.parametrize("stage", REFUSED)
def test_what_needs_every_frame_is_refused_before_anything_runs(
    stage: str, decode: str, tmp_path: Path
) -> None:
    """The error names the option of scan and what to set it to."""
    with pytest.raises(UsageError, match=f"scan.decode {decode} leaves some out: set scan.decode"):
        check(stage, REFUSED[stage], decode, tmp_path)


@pytest.mark.parametrize("stage", TAKEN)
def test_what_needs_some_frames_is_taken(stage: str, tmp_path: Path) -> None:
    """Cuts at fixed times, keyframes by sharpness and quality work on a scan of keyframes."""
    check(stage, TAKEN[stage], "keyframes", tmp_path)


def test_other_metrics_are_refused_with_a_scan_in_part(tmp_path: Path) -> None:
    """PySceneDetect's metrics compare each frame with the one before."""
    with pytest.raises(UsageError, match="the metric content needs every frame"):
        check("scan", "{decode: keyframes, metrics: [content]}", "all", tmp_path)
