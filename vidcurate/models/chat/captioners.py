"""Models of the package transformers that describe pictures without a prompt: BLIP, GIT, ViT-GPT2.

Most describe one picture. A few were trained on several of one video, and their config says how
many: GIT-video, and encoder-decoders with a video encoder (TimeSformer, VideoMAE, ViViT).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vidcurate.models.chat.conversation import Frame

ENCODER_DECODER = "vision-encoder-decoder"


@dataclass(frozen=True, slots=True)
class PairedProcessor:
    """The image processor and the tokenizer of a model that has no processor of its own."""

    image_processor: Any
    tokenizer: Any

    def __call__(self, *, images: Sequence[Any], **options: Any) -> Any:
        """The pictures as tensors; raises ValueError for words, which it does not take."""
        if "text" in options:
            raise ValueError("the model takes no plain_prompt")
        return self.image_processor(images=images, return_tensors=options["return_tensors"])


def paired_processor(model: str, arguments: dict[str, Any]) -> PairedProcessor:
    """The image processor and the tokenizer of a model."""
    import transformers  # noqa: PLC0415 - heavy, and not everyone's

    return PairedProcessor(
        transformers.AutoImageProcessor.from_pretrained(model, **arguments),
        transformers.AutoTokenizer.from_pretrained(model, **arguments),
    )


def stills_taken(config: Any) -> int:
    """How many pictures of one video a model without a chat takes, by its config."""
    own = getattr(config, "num_image_with_embedding", None)
    return own or getattr(getattr(config, "encoder", None), "num_frames", None) or 1


def spread_frames(frames: Sequence[Frame], count: int) -> list[Frame]:
    """So many frames, spread evenly over all; of too few some are repeated."""
    return [frames[(2 * number + 1) * len(frames) // (2 * count)] for number in range(count)]


def as_videos(prepared: Any, count: int) -> Any:
    """Pictures as tensors of shape (video, picture, channel, height, width)."""
    values = prepared["pixel_values"]
    prepared["pixel_values"] = values.reshape(-1, count, *values.shape[-3:])
    return prepared
