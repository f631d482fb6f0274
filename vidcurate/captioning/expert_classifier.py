"""An image classifier as an expert: it answers questions with choices as a chat model does."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import TypeVar

import numpy as np

from vidcurate.captioning.forms import load_form
from vidcurate.captioning.strategies.experts import plain
from vidcurate.captioning.strategies.shots import vocabularies
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    Frame,
    ModelRequest,
    Outcome,
    run_conversations,
)
from vidcurate.models.vision.image_classifier import (
    ClassifierChoice,
    ImageClassifier,
    classifier_labels,
    open_image_classifier,
)

T = TypeVar("T")
MIN_KNOWN = 2  # of a field's words: with one there is nothing to decide
N_NAMED = 6


@dataclass(frozen=True, slots=True)
class ClassifierExpert:
    """A loaded classifier that is asked for one field."""

    name: str
    classifier: ImageClassifier

    def ask(self, request: ModelRequest) -> Outcome:
        """The probability of each choice, as mean over the request's frames.

        A label is a choice's where both are the same word, but for case, marks and words such as
        "shot". What the other labels have is left out.
        """
        began = time.perf_counter()
        try:
            frames = [part for part in request.parts if isinstance(part, Frame)]
            masses = self.masses(frames, request.choices)
        except MediaError as error:
            return error
        return Answer(
            max(request.choices, key=lambda choice: masses[choice]),
            "ok",
            self.name,
            None,
            None,
            time.perf_counter() - began,
            choice_logprobs={choice: log(mass) for choice, mass in masses.items() if mass},
            score_from="classifier",
        )

    def masses(self, frames: Sequence[Frame], choices: Sequence[str]) -> dict[str, float]:
        """The probability of each choice; raises MediaError for what is no number."""
        from vidcurate.media.io.images import decode_jpeg  # noqa: PLC0415 - OpenCV is heavy

        found = self.classifier.probabilities([decode_jpeg(frame.jpeg) for frame in frames])
        if not np.isfinite(found).all():
            raise MediaError(f"the model {self.name!r} gave a probability that is not a number")
        masses = dict.fromkeys(choices, 0.0)
        named = {plain(choice): choice for choice in choices}
        for label, mass in zip(self.classifier.labels, found.mean(axis=0), strict=True):
            if plain(label) in named:
                masses[named[plain(label)]] += float(mass)
        return masses

    def converse(self, conversations: Iterable[Conversation[T]]) -> Iterator[T | MediaError]:
        """The result of each conversation, in order."""
        return run_conversations(conversations, lambda asked: [self.ask(r) for r in asked], 1)


def open_expert(model: str) -> ClassifierExpert:
    """Load the classifier; raises what `open_image_classifier` raises."""
    return ClassifierExpert(model, open_image_classifier(ClassifierChoice(model)))


def check_expert(field: str, model: str) -> None:
    """Check, without weights, that a classifier exists and knows words of its field.

    Raises MissingExtraError without transformers, UsageError where it does not.
    """
    labels = classifier_labels(ClassifierChoice(model))
    values = vocabularies(load_form("skyreels").text)[field]
    known = {plain(value) for value in values} & {plain(label) for label in labels}
    if len(known) < MIN_KNOWN:
        some = ", ".join(map(repr, labels[:N_NAMED]))
        raise UsageError(
            f"the expert of {field}, {model!r}, has the labels {some}: it must know two or more of "
            f"{', '.join(values)}"
        )
