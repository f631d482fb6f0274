"""Measurements of speed and accuracy, each printed as a table.

Benchmarks take one thread for numpy and OpenCV, as the workers of a run do. That has to be said
before numpy is imported.
"""

import os

from vidcurate.engines.guards import ONE_THREAD

for _name in ONE_THREAD:
    os.environ.setdefault(_name, "1")
