from pathlib import Path

import pytest

from tests.support.layouts import samples
from vidcurate.exporting.target import Sample


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the clips of `hard`."""
    return tmp_path_factory.mktemp("layout-clips")


@pytest.fixture(scope="session")
def hard(clips: Path) -> list[Sample]:
    """Small clips with captions that formats and trainers stumble over."""
    return samples(clips)
