"""The installed versions of the libraries whose results rows depend on."""

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
    """The versions of Python and of each library."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in LIBRARIES
    }
