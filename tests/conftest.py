"""Videos that many tests share, rendered once a session, and settings for all tests."""

from pathlib import Path

import hypothesis
import pytest

from tests.support.videos import render

pytest.register_assert_rewrite("tests.support.engine_suite")
pytest_plugins = ["tests.support.chat_bench", "tests.support.s3_server"]

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shots of two seconds: 144 frames of 320x180 at 24 frames/s, with sound."""
    return render(tmp_path_factory.mktemp("videos") / "three shots.mp4")
