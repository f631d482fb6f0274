import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from scripts.training import compose_videos as compose
from tests.support.still_shots import still_shots

FRAMES = 220


def test_one_command_trains_what_the_package_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From composed films to three networks of finite weights."""
    pytest.importorskip("torch", reason="the extra 'models' is not installed")
    from scripts.training import fit_suspicion  # noqa: PLC0415 - needs torch

    films = [tmp_path / f"video-{number}.mp4" for number in range(3)]
    for number, file in enumerate(films):
        compose.compose(still_shots(), file, FRAMES, (3, number), compose.WEB)
    made = tmp_path / "packets.npz"
    command = ["fit_suspicion", str(made), "--composed", *map(str, films)]
    monkeypatch.setattr(sys, "argv", command)
    fit_suspicion.main()
    with np.load(made, allow_pickle=False) as arrays:
        names = {name.split("_")[0] for name in arrays.files}
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files)
    assert names == {"spike", "key", "blend"}


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9", "mpeg4"])
def test_grid_of_keyframes_is_kept(codec: str, tmp_path: Path) -> None:
    """Films of every codec of the web have keyframes where a grid puts them."""
    only = replace(compose.WEB, codecs={codec: 1.0}, grids=(30,))
    file = tmp_path / "film.mp4"
    compose.compose(still_shots(), file, 100, (1, 1), only)
    with av.open(str(file)) as container:
        packets = [(p.pts, p.is_keyframe) for p in container.demux(video=0) if p.pts is not None]
    keys = [number for number, (_, is_key) in enumerate(sorted(packets)) if is_key]
    assert set(range(0, len(packets), 30)) <= set(keys)
