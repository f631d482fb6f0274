from fractions import Fraction

import numpy as np
import pytest

from tests.support.spoken_sentences import sentence
from vidcurate.clips.spans import Span
from vidcurate.stages.shots.split_options import SplitConfig, SpokenSpans
from vidcurate.stages.shots.split_spoken import open_limit, spoken_spans

EDGES = np.arange(0, 251)  # ten seconds at 25 frames a second
TICK = Fraction(1, 25)


def test_spans_are_exact_frames_in_order() -> None:
    """Spans begin and end with frames, may overlap, and end with the video; equal ones are one."""
    said = [sentence(4, 12), sentence(0, 6), sentence(0, 6), sentence(3.99, 4.01), sentence(11, 15)]
    assert spoken_spans(said, SpokenSpans(), EDGES, TICK) == [
        Span(0, 150),
        Span(100, 101),
        Span(100, 250),
    ]


def test_a_min_similarity_leaves_out_what_fits_less() -> None:
    """A sentence that nothing was compared with fits no limit, and is taken where there is none."""
    said = [sentence(0, 1, 0.2), sentence(1, 2, 0.3), sentence(2, 3, None)]
    assert len(spoken_spans(said, SpokenSpans(), EDGES, TICK)) == 3
    limited = SpokenSpans(min_similarity=0.3)
    assert spoken_spans(said, limited, EDGES, TICK) == [Span(25, 50)]


def test_only_spoken_takes_limits_and_one_at_most() -> None:
    """Two limits are refused, and so are those of sentences for shots, and of shots for these."""
    read = SplitConfig.model_validate
    assert open_limit(read({"spans": "spoken", "keep_share": 0.5})) == "split.keep_share"
    assert open_limit(read({"spans": "spoken", "min_similarity": 0.5})) == ""
    with pytest.raises(ValueError, match="give one of keep_share and keep_pairs"):
        read({"spans": "spoken", "keep_share": 0.5, "keep_pairs": 3})
    with pytest.raises(ValueError, match="keep_pairs"):
        read({"keep_pairs": 3})
    with pytest.raises(ValueError, match="only spans shots takes trim_s"):
        read({"spans": "spoken", "trim_s": 0.5})
