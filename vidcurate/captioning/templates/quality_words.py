"""Short phrases for what was measured of a clip, which prompts and scores can use.

The form is that of CAMP-VQA, whose captioner gets a clip's quality in words; here every phrase has
its numbers.
"""

import math
from collections.abc import Mapping

from vidcurate.captioning.templates.words import (
    COLOUR,
    LIGHT,
    MIN_CRISP_SHARPNESS,
    MOTION,
    Bands,
    band_word,
)

HALF = 0.5
# By table and column, in the order of the phrases.
PHRASES: tuple[tuple[str, str, Bands], ...] = (
    (
        *("quality", "sharpness"),
        ((10, "very soft"), (20, "soft"), (MIN_CRISP_SHARPNESS, ""), (math.inf, "sharp")),
    ),
    ("quality", "luma_mean", LIGHT),
    ("quality", "luma_spread", ((30, "low contrast"), (60, ""), (math.inf, "high contrast"))),
    ("quality", "colourfulness", COLOUR),
    ("quality", "noise", ((2, ""), (5, "grainy"), (math.inf, "very noisy"))),
    (
        "quality",
        "blockiness",
        ((1.2, ""), (1.6, "compression blocks"), (math.inf, "strong blocks")),
    ),
    ("quality", "letterbox_share", ((0.05, ""), (math.inf, "black bars"))),
    ("quality", "freeze_share", ((0.25, ""), (0.9, "partly frozen"), (math.inf, "frozen"))),
    ("motion", "flow_mean", MOTION),
    ("motion", "static_share", ((0.9, ""), (math.inf, "static camera"))),
    (
        *("motion", "shake_share"),
        ((0.25, ""), (0.6, "some camera shake"), (math.inf, "strong camera shake")),
    ),
    ("text", "overlay_area", ((0.002, ""), (math.inf, "overlaid text"))),
    ("watermark", "score", ((HALF, ""), (math.inf, "watermark"))),
    ("aesthetic", "score_mean", ((4, "plain"), (5.5, ""), (math.inf, "attractive"))),
    ("speech", "has_audio", ((HALF, "no sound"), (math.inf, ""))),
    ("speech", "silence_share", ((0.9, ""), (math.inf, "silent"))),
    ("speech", "loudness_lufs", ((-40, "very quiet sound"), (-30, "quiet sound"), (math.inf, ""))),
    ("speech", "speech_share", ((HALF, ""), (math.inf, "speech"))),
    ("speech", "singing_share", ((HALF, ""), (math.inf, "singing"))),
    ("speech", "music_share", ((HALF, ""), (math.inf, "music"))),
)

Rows = Mapping[str, Mapping[str, object]]  # one clip's, by table


def quality_words(rows: Rows) -> tuple[str, ...]:
    """The phrases for a clip's numbers; what was not measured has none."""
    words = (
        band_word(float(value), bands)
        for table, column, bands in PHRASES
        if isinstance(value := rows.get(table, {}).get(column), int | float)
    )
    return tuple(word for word in words if word)
