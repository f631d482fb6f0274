"""Makes vectors of pictures and texts by an image-text model that open_clip can load.

Sources: Radford et al. 2021 (CLIP), the package open_clip_torch.
"""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MediaError, MissingExtraError, UsageError
from vidcurate.models.device import accelerator
from vidcurate.models.quiet import silence_logs
from vidcurate.models.vision.embedder import FOLDER, HUB, ModelChoice
from vidcurate.models.weights import check_sha256

Vectors = NDArray[np.float32]

MAX_FAULT = 200


@dataclass(frozen=True, slots=True)
class ClipEmbedder:
    """A loaded model. `half` is whether it may compute in half precision."""

    model: Any
    prepare: Callable[[Any], Any]
    tokens: Callable[..., Any]
    device: str
    half: bool

    def image_vectors(self, images: Sequence[bytes]) -> Vectors:
        """One vector of length one for each image file, shape (images, dimension).

        Raises MediaError for bytes that are no picture.
        """
        import torch  # noqa: PLC0415 - heavy, and not everyone's

        pixels = torch.stack([self.prepare(open_picture(image)) for image in images])
        return self.run(self.model.encode_image, pixels)

    def text_vectors(self, texts: Sequence[str]) -> Vectors:
        """One vector of length one for each text; a text too long for the model is cut off."""
        return self.run(self.model.encode_text, self.tokens(list(texts)))

    def are_cut(self, texts: Sequence[str]) -> list[bool]:
        """For each text, whether it is too long for the model.

        It fits if twice the room gives the same tokens, followed by padding.
        """
        context_length = self.tokens([""]).shape[1]
        padding = self.tokens([""], context_length=2 * context_length)[0, context_length:]
        whole = self.tokens(list(texts), context_length=2 * context_length)
        fits = (whole[:, :context_length] == self.tokens(list(texts))).all(1)
        return [not fit for fit in (fits & (whole[:, context_length:] == padding).all(1)).tolist()]

    @property
    def logit_scale(self) -> float:
        """The factor for cosines before a softmax over texts, as in training."""
        return float(self.model.logit_scale.detach().exp())

    def run(self, encode: Callable[..., Any], batch: Any) -> Vectors:
        """Run one half of the model on a batch."""
        import torch  # noqa: PLC0415 - same

        precision = torch.autocast(self.device, torch.float16, enabled=self.half)
        with torch.inference_mode(), precision:
            found = encode(batch.to(self.device)).float()
            found = torch.nn.functional.normalize(found, dim=-1)
        return np.asarray(found.cpu().numpy(), np.float32)


def open_picture(image: bytes) -> Any:
    """An image file as the picture that open_clip's preparation takes.

    Raises MediaError for bytes that are no picture.
    """
    from PIL import Image  # noqa: PLC0415 - comes with open_clip

    try:
        return Image.open(io.BytesIO(image)).convert("RGB")
    except OSError as error:
        raise MediaError("a picture cannot be decoded: it is damaged or no picture") from error


def open_clip_embedder(choice: ModelChoice) -> ClipEmbedder:
    """Load the model; its weights come from the network where they are not on this machine.

    On a GPU it computes in half precision. Raises UsageError where the weights cannot be fetched or
    have another hash.
    """
    import open_clip  # noqa: PLC0415 - same

    check_choice(choice)
    if choice.sha256:
        check_sha256(Path(choice.pretrained), choice.sha256)
    device = accelerator()
    try:
        with silence_logs("open_clip", "huggingface_hub", "httpx", "urllib3"):
            model, prepare = open_clip.create_model_from_pretrained(
                choice.model, choice.pretrained or None, device=device, weights_only=True
            )
            tokens = open_clip.get_tokenizer(choice.model)
    except Exception as error:  # damaged weights end in errors of any kind
        fault = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_FAULT]
        raise UsageError(
            f"cannot load the weights {choice.pretrained or choice.model!r} ({fault}): check that "
            f"they are whole and fit the model {choice.model!r}; without a network give their file "
            "as pretrained"
        ) from error
    return ClipEmbedder(model.eval(), prepare, tokens, device, half=device != "cpu")


def check_choice(choice: ModelChoice) -> None:
    """Check a model's name and weights before anything is loaded.

    Raises MissingExtraError without open_clip, UsageError for a model or weights that do not exist.
    """
    if find_spec("open_clip") is None:
        raise MissingExtraError("open_clip_torch", "models")
    import open_clip  # noqa: PLC0415 - same

    is_file = Path(choice.pretrained).is_file()
    if choice.sha256 and not is_file:
        raise UsageError(
            f"sha256 is for a file of weights, and {choice.pretrained!r} is not a file"
        )
    if choice.model.startswith(HUB):
        return
    if choice.model.startswith(FOLDER):
        settings = Path(choice.model.removeprefix(FOLDER)) / "open_clip_config.json"
        if not settings.is_file():
            raise UsageError(f"the model's {settings} is not there: give a folder that has one")
        return
    known = open_clip.list_models()
    name = choice.model.replace("/", "-")
    if name not in known:
        raise UsageError(f"open_clip knows no model {choice.model!r}{suggest_names(name, known)}")
    tags = open_clip.list_pretrained_tags_by_model(name)
    if not is_file and choice.pretrained not in tags:
        raise UsageError(
            f"{choice.pretrained!r} is neither a file nor weights that open_clip knows for "
            f"{choice.model}: give the path of a file, or one of {', '.join(tags) or 'none'}"
        )


def dimension_of(choice: ModelChoice) -> int | None:
    """The length of the model's vectors; None for a model of the hub, where it is unknown."""
    import open_clip  # noqa: PLC0415 - same

    if choice.model.startswith(HUB):
        return None
    if choice.model.startswith(FOLDER):
        settings = Path(choice.model.removeprefix(FOLDER)) / "open_clip_config.json"
        return int(json.loads(settings.read_text("utf-8"))["model_cfg"]["embed_dim"])
    return int(open_clip.get_model_config(choice.model.replace("/", "-"))["embed_dim"])


def suggest_names(name: str, known: Sequence[str]) -> str:
    """The end of a sentence that suggests similar names."""
    near = get_close_matches(name, known, n=1)
    return f": did you mean {near[0]!r}?" if near else ": see open_clip.list_models()"
