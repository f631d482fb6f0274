"""What finds the nouns of a text and makes their vectors, opened once a worker."""

from dataclasses import dataclass
from functools import lru_cache

from vidcurate.captioning.quality.entities import VectorOf
from vidcurate.errors import MissingExtraError
from vidcurate.models.text import minilm, nouns
from vidcurate.models.text.encoder import Vectors
from vidcurate.models.text.nouns import NounsOf

MAX_WORDS_KEPT = 20_000  # vectors of nouns that a worker keeps


@dataclass(frozen=True, slots=True)
class NounReader:
    """What finds the nouns of a text, and makes the vector of one."""

    nouns_of: NounsOf
    vector_of: VectorOf


def open_noun_reader() -> NounReader:
    """Open the tagger and the sentence encoder, whose vectors of words are kept."""
    encoder = minilm.open_minilm()

    @lru_cache(maxsize=MAX_WORDS_KEPT)
    def vector_of(noun: str) -> Vectors:
        vector: Vectors = encoder.vectors([noun]).vectors[0]
        return vector

    return NounReader(nouns.open_tagger(), vector_of)


def missing_for_nouns() -> str:
    """What must be installed before nouns can be compared; "" where all is there."""
    try:
        nouns.require_tagger()
        minilm.require_minilm()
    except MissingExtraError as error:
        return str(error)
    return ""
