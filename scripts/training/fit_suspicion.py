"""Fits the weights by which a scan of keyframes suspects transitions, and prints them.

Films are composed ones, whose truth lies beside them (compose_videos --web), and labelled ones, as
edits has them: these are repeated until they have as many keyframes as the composed ones. Three
logistic regressions in turn: packets that are too large, keyframes that begin shots, and stretches
between keyframes that hold a transition of which neither of these tells.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.edits import films_of
from scripts.benchmarks.score_cuts import Passage, truth_of
from scripts.training.logistic_regression import fitted
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, shrinker_for
from vidcurate.media.io.packet_log import PacketLog
from vidcurate.media.scan.keyframes import KeptPictures, key_frames, packets_of
from vidcurate.media.shots import suspicion
from vidcurate.media.shots.suspicion import Looks, Packets

# How far from a transition a packet may lie that tells it, in frames.
NEAR = 2

Values = NDArray[np.float64]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Film:
    """What a scan of keyframes sees of a film, and its true transitions by frame."""

    video: Packets
    looks: Looks
    truth: tuple[Span, ...]

    def cut_at(self, key: int) -> bool:
        """Whether a keyframe shows another shot than the frame before it, or lies in a change."""
        return any(start < key <= end + 1 for start, end in self.truth)


def film_of(path: Path, truth: Sequence[Span]) -> Film:
    """Look at a film's keyframes."""
    log, pictures, times = PacketLog(), KeptPictures(), []
    with open_video(path) as (container, stream):
        shrinker = None
        for pts, frame in key_frames(container, stream, log, Faults()):
            shrinker = shrinker or shrinker_for(frame)
            pictures.add(shrinker.shrink(frame))
            times.append(pts)
    video, key_pts = packets_of(log)
    place, rows = np.searchsorted(times, key_pts), np.array(pictures.rows)
    looks = Looks(rows[place], rows[np.append(place[1:], len(rows)) - 1])
    return Film(video, looks, tuple(truth))


def fit(films: Sequence[Film]) -> dict[str, tuple[float, ...]]:
    """Fit all three."""
    spikes = [suspicion.spike_features(film.video) for film in films]
    told = [
        [any(start - NEAR <= n <= end + NEAR for start, end in film.truth) for n in numbers]
        for film, (numbers, _) in zip(films, spikes, strict=True)
    ]
    features = np.concatenate([rows for _, rows in spikes])
    by_spike = fitted(features, np.concatenate(told).astype(float))
    keyed = [film for film in films if len(film.video.keys) > 1]
    keys = [suspicion.key_features(f.video, f.looks.last[:-1], f.looks) for f in keyed]
    clear = [
        not any(before < end < key - 1 or start < before < end for start, end in film.truth)
        for film in keyed
        for before, key in zip(film.video.keys, film.video.keys[1:], strict=False)
    ]
    begins = np.array([film.cut_at(key) for film in keyed for key in film.video.keys[1:]], float)
    by_key = fitted(np.concatenate(keys)[clear], begins[clear])
    blends, untold = [], []
    for film, own in zip(keyed, keys, strict=True):
        numbers, rows = suspicion.spike_features(film.video)
        chances = suspicion.logistic(rows, by_spike)
        at_keys = suspicion.logistic(own, by_key)
        blends.append(suspicion.blend_features(film.video, film.looks, chances, at_keys))
        likely = numbers[chances > 0.5]  # noqa: PLR2004 - more likely than not
        for before, key in zip(film.video.keys, film.video.keys[1:], strict=False):
            untold.append(
                any(
                    end > before
                    and start < key
                    and not start < key <= end + 1
                    and not ((likely >= start - NEAR) & (likely <= end + NEAR)).any()
                    for start, end in film.truth
                )
            )
    by_blend = fitted(np.concatenate(blends), np.array(untold, float))
    return {"SPIKE_WEIGHTS": by_spike, "KEY_WEIGHTS": by_key, "BLEND_WEIGHTS": by_blend}


def spans(truth: Sequence[Passage]) -> list[Span]:
    """The frames of transitions."""
    return [(one.start, one.end) for one in truth]


def main() -> None:
    """Look at the films, fit, and print what belongs into media/shots/suspicion.py."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--composed", type=Path, nargs="*", default=[], help="films of compose")
    parser.add_argument("--labelled", type=Path, nargs="*", default=[], help="films of edits")
    options = parser.parse_args()
    composed = [film_of(path, spans(truth_of(path))) for path in options.composed]
    labelled = [film_of(film.path, spans(film.truth)) for film in films_of(options.labelled)]
    counts = [sum(len(film.video.keys) for film in part) for part in (composed, labelled)]
    films = composed + labelled * max(1, round(counts[0] / max(1, counts[1])))
    for name, weights in fit(films).items():
        print(f"{name} = ({', '.join(f'{weight:.2f}' for weight in weights)})")


if __name__ == "__main__":
    main()
