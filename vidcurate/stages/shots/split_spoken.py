"""Clips from spoken sentences: which sentences are taken, and the frames of their spans.

How well a sentence fits is a fact of its row. How many are taken is decided here, so that another
share asks no model again. HowToCaption keeps the best pairs by a quantile that it estimates on
5,000 random films; here the similarities of all are at hand, and the limit is exact.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil

import numpy as np

from vidcurate.clips.spans import Span, Ticks
from vidcurate.errors import UsageError
from vidcurate.records import SPOKEN, SpokenSentence
from vidcurate.stage import DatasetView, Settling
from vidcurate.stages.shots.split_options import SplitConfig, SpokenSpans


def spoken_spans(
    sentences: Iterable[SpokenSentence], config: SpokenSpans, edges: Ticks, time_base: Fraction
) -> list[Span]:
    """Return the spans of the sentences that are taken, in order, equal ones once.

    `edges` are the times of all frames and the video's end. A span without a frame is left out.
    """
    found = set()
    for sentence in sentences:
        if not is_taken(sentence, config):
            continue
        times = (Fraction(str(time)) for time in (sentence.start_s, sentence.end_s))
        first, end = (int(np.searchsorted(edges, ceil(time / time_base))) for time in times)
        found.add((first, min(end, len(edges) - 1)))
    return [Span(first, end) for first, end in sorted(found) if first < end]


def is_taken(sentence: SpokenSentence, config: SpokenSpans) -> bool:
    """Check whether a sentence fits its span well enough."""
    if config.min_similarity is None:
        return True
    return sentence.similarity is not None and sentence.similarity >= config.min_similarity


def open_limit(config: SplitConfig) -> str:
    """Name the option that the sentences decide, "" where there is none."""
    if not isinstance(config.spans, SpokenSpans):
        return ""
    if config.spans.keep_share is not None:
        return "split.keep_share"
    return "" if config.spans.keep_pairs is None else "split.keep_pairs"


def settle_limit(config: SplitConfig, view: DatasetView) -> tuple[SplitConfig, str]:
    """Put the least similarity in the place of a share or number of sentences, and say which.

    Raises UsageError where no sentence has a similarity.
    """
    spans = config.spans
    assert isinstance(spans, SpokenSpans)
    known = view.scan(SPOKEN, ["video_id", "similarity"])["similarity"].drop_null().to_numpy()
    if not len(known):
        raise UsageError(f"{open_limit(config)}: no spoken sentence has a similarity yet")
    n_wanted = spans.keep_pairs or max(1, round((spans.keep_share or 1.0) * len(known)))
    n_kept = min(n_wanted, len(known))
    least = float(np.sort(known)[-n_kept])
    settled = SpokenSpans(min_similarity=least)
    message = (
        f"{open_limit(config)} stands for split.min_similarity {least:.4g}, which takes {n_kept} "
        f"of {len(known)} spoken sentences"
    )
    return config.model_copy(update={"spans": settled}), message


KEPT_SENTENCES = Settling(open_limit, settle_limit)
