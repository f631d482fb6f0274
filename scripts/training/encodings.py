"""How films on the web are encoded, and where encoders are made to put keyframes."""

from dataclasses import dataclass

import numpy as np

# A service that encodes a film in pieces asks for a keyframe a few frames early at times, seldom
# much earlier, and not soon after a shot has begun, where there is one already.
MOVED_SHARE, MOST_MOVED, SHORT_SHARE, JUST_BEGUN = 0.15, 8, 0.015, 12


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoder, its options, and how many frames apart keyframes are asked for besides its own.

    `in_pieces` is whether they are asked for as by a service that encodes in pieces.
    """

    codec: str
    options: dict[str, str]
    grid: int | None = None
    in_pieces: bool = False


# What labelled films are encoded in anew: most web films come so.
WEB_ENCODINGS = {
    "medium": Encoding("libx264", {"preset": "medium", "crf": "23"}),
    "fast": Encoding("libx264", {"preset": "veryfast", "crf": "28"}),
    "pieces": Encoding("libx264", {"preset": "medium", "crf": "26", "g": "132"}, 128, True),
    "grid": Encoding("libx264", {"preset": "fast", "crf": "25"}, 96),
    "blind": Encoding("libx264", {"preset": "fast", "crf": "24", "sc_threshold": "0"}),
    "x265": Encoding("libx265", {"preset": "fast", "crf": "28", "x265-params": "log-level=none"}),
    "vp9": Encoding(
        "libvpx-vp9", {"b": "0", "crf": "36", "deadline": "realtime", "cpu-used": "7", "g": "128"}
    ),
}


@dataclass(slots=True)
class Grid:
    """Asks for keyframes: every `step` frames, or as a service has them that encodes in pieces."""

    rng: np.random.Generator
    step: int
    in_pieces: bool
    due: int = 0

    def asks(self, number: int, begun: int) -> bool:
        """Whether a frame is to be a keyframe, where the last shot began with the frame `begun`."""
        if number < self.due:
            return False
        self.due = number + self.step - (self.early() if self.in_pieces else 0)
        return not (self.in_pieces and 0 < number - begun < JUST_BEGUN)

    def early(self) -> int:
        """How many frames early the next one is asked for."""
        if self.rng.random() < SHORT_SHARE:
            return int(self.rng.integers(1, self.step))
        moved = self.rng.random() < MOVED_SHARE
        return int(self.rng.integers(1, MOST_MOVED + 1)) if moved else 0
