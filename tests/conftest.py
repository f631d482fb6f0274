"""Films that many tests share, rendered once a session."""

from pathlib import Path

import pytest
from films import render


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shots of two seconds: 144 frames of 320x180 at 24 frames/s, with sound."""
    return render(tmp_path_factory.mktemp("films") / "three shots.mp4")
