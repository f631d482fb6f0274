"""What every model of the package transformers needs: the package, and errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.models.quiet import silence_logs
from vidcurate.models.vision.clip_embedder import MAX_FAULT

# They log what they raise as well, and each try on the network.
LOGGERS = ("transformers", "huggingface_hub", "httpx", "urllib3")


def require_transformers() -> None:
    """Raise MissingExtraError where the package is not installed; nothing is imported."""
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "models")


@contextmanager
def loading(what: str, model: str, remedy: str) -> Iterator[None]:
    """Silence transformers while it loads, and turn its errors, of any kind, into a UsageError."""
    from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415 - heavy

    disable_progress_bar()
    with silence_logs(*LOGGERS):
        try:
            yield
        except Exception as error:
            fault = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_FAULT]
            raise UsageError(f"cannot load the {what} {model!r} ({fault}): {remedy}") from error
