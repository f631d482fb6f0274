"""Vectors of texts by the text half of an image-text model, so that texts meet pictures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vidcurate.errors import MediaError
from vidcurate.models.text.encoder import TextVectors, unit_length
from vidcurate.models.vision.clip_embedder import ClipEmbedder, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice


@dataclass(frozen=True, slots=True)
class ClipText:
    """A loaded image-text model."""

    embedder: ClipEmbedder

    def encode(self, groups: Iterable[Sequence[str]]) -> Iterator[TextVectors | MediaError]:
        """The vectors of each group of texts, in order."""
        for texts in groups:
            try:
                vectors = unit_length(self.embedder.text_vectors(texts))
            except MediaError as fault:
                yield fault
            else:
                yield TextVectors(vectors, tuple(self.embedder.are_cut(texts)))


def open_clip_text(choice: ModelChoice) -> ClipText:
    """Load a model; raises UsageError where that fails."""
    return ClipText(open_clip_embedder(choice))
