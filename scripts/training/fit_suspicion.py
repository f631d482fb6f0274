"""Trains the networks by which a scan of keyframes suspects transitions, and writes their weights.

Needs torch. Films are composed ones, whose truth lies beside them (compose_videos --web), and
labelled ones, as edits has them: these are repeated until they have as many keyframes as the
composed ones. Three networks in turn: packets that are too large, keyframes that begin shots, and
stretches between keyframes that hold a transition of which neither of these tells.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from torch import nn

from scripts.benchmarks.edits import films_of
from scripts.benchmarks.score_cuts import Passage, truth_of
from vidcurate.media.io.container import open_video
from vidcurate.media.io.decode import Faults, SmallFrame, decode_video, shrinker_for
from vidcurate.media.scan.keyframes import (
    KeptPictures,
    brief_looks,
    key_frames,
    looks_of,
    packets_of,
    told_packets,
    wanted_glimpses,
)
from vidcurate.media.scan.partial import WholeDecodeError
from vidcurate.media.shots import suspicion
from vidcurate.media.shots.suspicion import LATE, Looks, Packets, Perceptron, Seen, Spikes

# A packet that tells a transition may lie so many frames before it, or LATE after it.
EARLY = 1
# So many frames before each keyframe are drawn as what was decoded last.
DRAWN = 2
HIDDEN, DROPPED, STEPS, RATE, DECAY = 64, 0.3, 500, 1e-2, 0.1

Values = NDArray[np.float64]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Film:
    """What a scan of keyframes sees of a film, tiny pictures of all frames, and the truth."""

    video: Packets
    looks: Looks
    pictures: NDArray[np.uint8]
    truth: tuple[Span, ...]

    def begin(self) -> NDArray[np.bool_]:
        """Which keyframes but the first begin a shot, or lie in a transition."""
        keys = self.video.keys[1:].tolist()
        return np.array([any(a < key <= b + 1 for a, b in self.truth) for key in keys], np.bool_)

    def seen(self, rng: np.random.Generator) -> Iterator[Seen]:
        """What may have been decoded last before keyframes: the one before, or any frame since."""
        yield suspicion.seen_before(self.video, self.looks)
        for _ in range(DRAWN):
            frames = rng.integers(self.video.keys[:-1], self.video.keys[1:])
            yield Seen(self.pictures[frames], frames)


def film_of(path: Path, truth: Sequence[Span]) -> Film | None:
    """Look at a film's keyframes as a scan does, and at all its frames; None if no scan can."""
    try:
        video, pts = packets_of(told_packets(path, Faults()))
    except WholeDecodeError as error:
        print(f"{path.name} is left out: {error}", flush=True)
        return None
    pictures, times = KeptPictures(), []
    brief, glimpses = brief_looks(video, pts), wanted_glimpses(video, pts)
    with open_video(path) as (container, stream):
        for time, small in shrunk(key_frames(container, stream, brief, glimpses, Faults())):
            pictures.add(small)
            times.append(time)
    looks = looks_of(video, pts, np.array(times), np.array(pictures.rows), glimpses)
    every = KeptPictures()
    with open_video(path) as (container, stream):
        for _, small in shrunk(decode_video(container, stream, Faults())):
            every.add(small)
    if len(every.rows) != len(video.sizes):
        raise SystemExit(f"{path}: {len(every.rows)} frames of {len(video.sizes)} packets")
    return Film(video, looks, np.array(every.rows), tuple(truth))


def shrunk(frames: Iterable[tuple[int, VideoFrame]]) -> Iterator[tuple[int, SmallFrame]]:
    """Yield the times and the small pictures of frames."""
    shrinker = None
    for pts, frame in frames:
        shrinker = shrinker or shrinker_for(frame)
        yield pts, shrinker.shrink(frame)


def fit(films: Sequence[Film]) -> dict[str, Perceptron]:
    """Train all three."""
    large = [suspicion.spike_features(film.video, film.looks) for film in films]
    told = [
        [any(start - EARLY < n <= end + LATE for start, end in film.truth) for n in numbers]
        for film, (numbers, _) in zip(films, large, strict=True)
    ]
    by_spike = trained(np.concatenate([rows for _, rows in large]), np.concatenate(told))
    spikes = [Spikes(numbers, rows, by_spike.chances(rows)) for numbers, rows in large]
    keyed = [(film, of) for film, of in zip(films, spikes, strict=True) if len(film.video.keys) > 1]
    rng = np.random.default_rng(0)
    keys = [
        [suspicion.key_features(film.video, film.looks, of, seen) for seen in film.seen(rng)]
        for film, of in keyed
    ]
    begins = [film.begin() for film, _ in keyed for _ in range(1 + DRAWN)]
    by_key = trained(
        np.concatenate([rows for each in keys for rows in each]), np.concatenate(begins)
    )
    blends, untold = [], []
    for (film, of), (whole, *_) in zip(keyed, keys, strict=True):
        blends.append(np.column_stack([whole, by_key.chances(whole)]))
        untold += untold_between(film, of.frames[of.chances > 0.5])  # noqa: PLR2004 - likelier than not
    by_blend = trained(np.concatenate(blends), np.array(untold))
    return {"spike": by_spike, "key": by_key, "blend": by_blend}


def untold_between(film: Film, likely: NDArray[np.intp]) -> list[bool]:
    """Whether a transition lies between neighbouring keyframes that no large packet tells."""
    return [
        any(
            end > before
            and start < key
            and not start < key <= end + 1
            and not ((likely > start - EARLY) & (likely <= end + LATE)).any()
            for start, end in film.truth
        )
        for before, key in zip(film.video.keys, film.video.keys[1:], strict=False)
    ]


def trained(features: Values, labels: NDArray[np.bool_]) -> Perceptron:
    """Train one network on all rows at once; the scaling of features becomes part of it."""
    torch.manual_seed(0)
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    rows = torch.from_numpy(((features - mean) / spread).astype(np.float32))
    wanted = torch.from_numpy(labels.astype(np.float32))
    inner, outer = nn.Linear(features.shape[1], HIDDEN), nn.Linear(HIDDEN, 1)
    network = nn.Sequential(inner, nn.ReLU(), nn.Dropout(DROPPED), outer)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(network(rows)[:, 0], wanted)
        torch.autograd.backward(loss)
        optimiser.step()
        cycle.step()
    (weight, bias), (last, last_bias) = (
        (layer.weight.detach().numpy().astype(float), layer.bias.detach().numpy().astype(float))
        for layer in (inner, outer)
    )
    scaled = weight / spread
    return Perceptron((scaled.T, bias - scaled @ mean), (last[0], last_bias))


def looked_at(films: Iterable[tuple[Path, Sequence[Passage]]]) -> list[Film]:
    """Look at films, by their files and transitions."""
    found = (film_of(path, [(one.start, one.end) for one in truth]) for path, truth in films)
    return [film for film in found if film is not None]


def export(networks: Mapping[str, Perceptron], file: Path) -> None:
    """Write the weights as the package reads them."""
    arrays: dict[str, Any] = {}
    for name, one in networks.items():
        arrays[f"{name}_inner"], arrays[f"{name}_inner_bias"] = one.hidden
        arrays[f"{name}_outer"], arrays[f"{name}_outer_bias"] = one.output
    np.savez_compressed(file, **{name: array.astype(np.float32) for name, array in arrays.items()})


def main() -> None:
    """Look at the films, train, and write what belongs into media/shots/weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="the .npz file to write")
    parser.add_argument("--composed", type=Path, nargs="*", default=[], help="films of compose")
    parser.add_argument("--labelled", type=Path, nargs="*", default=[], help="films of edits")
    options = parser.parse_args()
    composed = looked_at((path, truth_of(path)) for path in options.composed)
    labelled = looked_at((film.path, film.truth) for film in films_of(options.labelled))
    counts = [sum(len(film.video.keys) for film in part) for part in (composed, labelled)]
    films = composed + labelled * max(1, round(counts[0] / max(1, counts[1])))
    export(fit(films), options.weights)


if __name__ == "__main__":
    main()
