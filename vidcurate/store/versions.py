"""The libraries that decide rows, in the versions that are installed where it is asked."""

import platform
from functools import cache
from importlib import metadata

LIBRARIES = (
    "vidcurate",
    "av",
    "numpy",
    "opencv-python-headless",
    "pyarrow",
    "scenedetect-headless",
)


@cache
def library_versions() -> dict[str, str]:
    """Python and each library, with its version."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in LIBRARIES
    }
