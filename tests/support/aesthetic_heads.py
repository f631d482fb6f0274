"""Aesthetic heads of random weights, saved as LAION saves them."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
DIMENSION = 24


def linear(file: Path, dimension: int = DIMENSION) -> Path:
    """A head of one layer, saved as LAION's are."""
    torch.manual_seed(3)
    torch.save(torch.nn.Linear(dimension, 1).state_dict(), file)
    return file
