"""Where torch computes on this machine, and what that asks of workers."""

from vidcurate.stage import Resources


def accelerator() -> str:
    """The kind of device that torch computes on here: cuda, mps or cpu."""
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def model_resources() -> Resources:
    """One worker holds the model if there is a GPU, which else would hold it several times."""
    device = accelerator()
    if device == "cpu":
        return Resources()
    return Resources(gpus=float(device == "cuda"), at_most=1)
