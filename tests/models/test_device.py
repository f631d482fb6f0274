import pytest

from vidcurate.models.device import accelerator, model_resources
from vidcurate.stage import Resources

torch = pytest.importorskip("torch", reason="the extra 'models' is not installed")


def test_without_a_gpu_every_core_may_have_a_model() -> None:
    """On the CPU a worker takes one core and their number is not bounded; on a GPU there is one."""
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        assert model_resources().at_most == 1
    else:
        assert accelerator() == "cpu"
        assert model_resources() == Resources()
