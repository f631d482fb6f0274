"""Which device torch uses on this machine, and what that means for workers."""

from vidcurate.stage import Resources


def accelerator() -> str:
    """The kind of device that torch uses here: cuda, mps or cpu."""
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def model_resources() -> Resources:
    """With a GPU one worker holds the model; several would each hold a copy."""
    device = accelerator()
    if device == "cpu":
        return Resources()
    return Resources(gpus=float(device == "cuda"), at_most=1)
