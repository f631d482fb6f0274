"""Trains the learned shot detector: from a folder of footage to weights, by one command.

Needs torch. Videos are composed of the footage's single shots; networks that differ in their seed
learn from them and from the single shots as they are, and last from edited films too. Footage is
kept apart by source: what confidence is calibrated on and what is reported at the end were in no
training. With `--everything` no source is left: confidence is calibrated on edited films by
networks that have not seen them, and on new videos composed of the shots that were trained on.
"""

import argparse
import copy
import io
import multiprocessing
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from scripts.benchmarks.score_cuts import Passage
from scripts.training import compose_videos as compose
from scripts.training.detector_network import (
    SPAN,
    Network,
    Schedule,
    Video,
    export,
    new_network,
    train,
    usable,
)
from scripts.training.footage import (
    Film,
    Labels,
    film,
    part_of,
    pattern_films,
    read_labels,
    shot_frames,
    source_of,
    videos_in,
)
from scripts.training.judge_detector import Judged, fit_calibration, judged, report
from scripts.training.video_baits import exposure
from scripts.training.video_shots import Source, random_look
from vidcurate.media.io.decode import SmallFrame
from vidcurate.media.shots.bands import HEIGHT, WIDTH, bands, picture_features, small_yuv
from vidcurate.media.shots.learned import KINDS, MARGIN

SIZES = ((128, 72), (128, 96), (96, 128), (128, 56), (160, 88))
KIND_OF = {"cut": "cut", "jump": "cut", "dissolve": "dissolve", "fade": "fade"}
ENCODED_SHARE, ENLARGED = 0.4, 2
UNSURE = 4
RATE, TUNED_RATE = 3e-3, 6e-4
SINGLES_SHARE, EDITS_SHARE = 0.2, 0.3
VARIANTS, FOLDS = 6, 5
PIECES = 12, 100
SEED_STEP = 100

Pictures = NDArray[np.uint8]
Image = NDArray[np.uint8]
Spans = list[tuple[int, int, str]]

# What the forked processes compose of; a few gigabytes that are not to be sent to them.
MATERIAL: list[Source] = []


@dataclass(frozen=True, slots=True)
class Footage:
    """One part of the footage: shots to compose of, and single shots and edited films as films."""

    shots: list[Source]
    singles: list[Film]
    edits: list[Film]


def read_footage(
    folders: list[Path], labels: list[Path], cache: Path, *, everything: bool
) -> dict[str, Footage]:
    """Read all footage, by part: all to train on, or apart by source.

    A labelled video with no transition is a single shot.
    """
    known: dict[str, Labels] = {}
    for file in [*(folder / "labels.jsonl" for folder in folders), *labels]:
        known |= read_labels(file)
    found = {part: Footage([], [], []) for part in ("train", "tune", "test")}
    for file in videos_in(folders):
        part = found["train" if everything else part_of(file.name)]
        said = known.get(file.name, Labels())
        one = film(file, said, cache)
        if said.transitions or said.uncertain:
            part.edits.append(one)
        else:
            part.singles.append(one)
            frames = list(shot_frames(file, cache))
            part.shots.append(Source(file.stem, source_of(file.name), frames))
    return found


def video_pictures(
    rng: np.random.Generator, sources: list[Source], n_frames: int
) -> tuple[Pictures, Spans]:
    """A composed video as pictures of 32 x 18, and its transitions; at times really encoded."""
    size = SIZES[int(rng.integers(len(SIZES)))]
    truth = compose.Truth()
    shots = compose.plan(rng, sources, n_frames, size)
    frames = compose.dressed(rng, compose.render(rng, shots, truth))
    if rng.random() < ENCODED_SHARE:
        frames = encoded(rng, frames)
    pictures = np.stack([small_picture(image) for image in frames])
    spans = [
        (cast("int", t["start"]), cast("int", t["end"]), str(t["kind"])) for t in truth.transitions
    ]
    return pictures, spans


def encoded(rng: np.random.Generator, images: Iterator[Image]) -> Iterator[Image]:
    """Images through a lossy encoder at few bits, enlarged so that its blocks are small parts."""
    written = io.BytesIO()
    with av.open(written, "w", format="matroska") as out:
        crude = rng.random() < 0.25  # noqa: PLR2004 - a quarter by an old codec
        quality = str(rng.integers(8, 28))
        options = {"qmin": quality, "qmax": quality} if crude else {"preset": "ultrafast"}
        options |= {} if crude else {"crf": str(rng.integers(26, 42))}
        options["g"] = str(rng.choice([12, 30, 60, 250]))
        stream = out.add_stream("mpeg4" if crude else "libx264", 25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", 1
        for number, image in enumerate(images):
            size = image.shape[1] * ENLARGED, image.shape[0] * ENLARGED
            if not number:
                stream.width, stream.height = size
            large = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_LINEAR)
            frame = av.VideoFrame.from_ndarray(np.asarray(large, np.uint8), format="bgr24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    written.seek(0)
    with av.open(written, "r") as container:
        container.streams.video[0].thread_type = "NONE"
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def small_picture(image: Image) -> Pictures:
    """A picture of any size, BGR, as the detector reads it."""
    tall, wide = image.shape[0] // 4 * 4, image.shape[1] // 2 * 2
    i420 = cv2.cvtColor(np.ascontiguousarray(image[:tall, :wide]), cv2.COLOR_BGR2YUV_I420)
    row = np.empty((3, HEIGHT, WIDTH), np.uint8)
    small_yuv(SmallFrame(np.asarray(i420, np.uint8), 1), row)
    return row


def changed(rng: np.random.Generator, pictures: Pictures) -> Pictures:
    """Pictures in other light and colours, with the noise and the steps of hard compression."""
    luma = pictures[:, :1].astype(np.float32) - 16.0
    chroma = pictures[:, 1:].astype(np.float32) - 128.0
    luma = 219.0 * np.clip(luma / 219.0, 0.0, 1.0) ** rng.uniform(0.7, 1.4) * rng.uniform(0.7, 1.1)
    chroma *= rng.choice([0.0, rng.uniform(0.5, 1.3)], p=[0.12, 0.88])
    both = np.concatenate([luma + 16.0, chroma + 128.0], axis=1)
    both += rng.standard_normal(both.shape, np.float32) * rng.choice([0.0, 0.5, 1.0, 2.0])
    both += pulses(rng, len(both)) * rng.choice([0.0, 0.7, 1.5])
    step = rng.choice([1.0, 1.0, 2.0, 3.0])
    both = np.clip(np.round(both / step) * step, 0, 255)
    return np.asarray(both[..., ::-1] if rng.random() < 0.5 else both, np.uint8)  # noqa: PLR2004 - mirrored


def pulses(rng: np.random.Generator, n_frames: int) -> NDArray[np.float32]:
    """The jumps of hard compression from one group of pictures to the next, of unit size."""
    groups = np.arange(n_frames) // int(rng.integers(12, 120))
    fields = rng.standard_normal((groups[-1] + 1, 3, HEIGHT, WIDTH), np.float32)
    return np.asarray(fields[groups])


def video(
    pictures: Pictures, spans: Spans, uncertain: list[tuple[int, int]] | None = None
) -> Video:
    """The features and targets of a video; a short one is held on its last frame."""
    pictures = np.concatenate([pictures, pictures[-1:].repeat(max(0, SPAN - len(pictures)), 0)])
    padded = np.concatenate(
        [pictures[:1].repeat(MARGIN, 0), pictures, pictures[-1:].repeat(MARGIN, 0)]
    )
    targets = np.zeros((len(pictures), 4), np.float32)
    targets[:, 3] = 1.0
    for start, end, kind in spans:
        middle, near = (start + end + 1) // 2, min(2, (end - start) // 8)
        targets[middle - near : middle + near + 1, 0] = 1.0
        targets[start + 1 : end + 1, 1] = 1.0
        targets[start + 1 : end + 1, 2] = KINDS.index(KIND_OF.get(kind, "wipe"))
    for first, last in uncertain or []:
        targets[max(0, first - UNSURE) : last + UNSURE + 1, 3] = 0.0
    return Video(bands(picture_features(padded)).astype(np.float16), targets)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is composed and how long is trained."""

    videos: int
    frames: int
    judged: int
    steps: int
    tuned_steps: int
    networks: int
    seed: int
    processes: int

    def each(self) -> "list[Effort]":
        """The effort for each network, with a seed of its own."""
        return [replace(self, seed=self.seed + SEED_STEP * n) for n in range(self.networks)]


def compose_set(sources: list[Source], effort: Effort) -> list[Video]:
    """Composed videos, each in three variants."""
    MATERIAL[:] = sources
    jobs = [(effort.seed, number, effort.frames) for number in range(effort.videos)]
    with multiprocessing.get_context("fork").Pool(effort.processes) as pool:
        return [one for found in pool.starmap(composed, jobs, chunksize=8) for one in found]


def composed(seed: int, number: int, n_frames: int) -> list[Video]:
    """One composed video: as it is, backwards in other light, in other light, and a piece."""
    rng = np.random.default_rng([seed, number])
    pictures, spans = video_pictures(rng, MATERIAL, n_frames)
    return [
        video(pictures, spans),
        video(*backwards(changed(rng, pictures), spans)),
        video(changed(rng, pictures), spans),
        video(*piece(rng, pictures, spans)),
    ]


def piece(
    rng: np.random.Generator, pictures: Pictures, spans: Spans
) -> tuple[Pictures, Spans, list[tuple[int, int]]]:
    """A short part of a video, its transitions, and those that are cut off, which nobody judges."""
    n_frames = min(len(pictures), int(rng.integers(*PIECES)))
    first = int(rng.integers(0, len(pictures) - n_frames + 1))
    end = first + n_frames
    moved = [(a - first, b - first, kind) for a, b, kind in spans if b > first and a + 1 < end]
    whole = [(a, b, kind) for a, b, kind in moved if a >= 0 and b < n_frames]
    broken = [(a + 1, b) for a, b, _ in moved if a < 0 or b >= n_frames]
    return pictures[first:end], whole, broken


def backwards(pictures: Pictures, spans: Spans) -> tuple[Pictures, Spans]:
    """A video played backwards, and where its transitions are then."""
    last = len(pictures) - 1
    return pictures[::-1], [(last - end, last - start, kind) for start, end, kind in spans]


def skipped(pictures: Pictures, spans: Spans, step: float) -> tuple[Pictures, Spans]:
    """A video of which only every step-th frame is left, and where its transitions are then."""
    index = np.arange(0, len(pictures) - 1e-6, step).astype(int)
    found = []
    for start, end, kind in spans:
        first = int(np.searchsorted(index, start, side="right")) - 1
        then = max(first + 1, int(np.searchsorted(index, end, side="left")))
        if first >= 0 and then < len(index):
            found.append((first, then, kind))
    return pictures[index], found


def single(one: Film, seed: int) -> list[Video]:
    """A single shot as it is, in chance variants, and in short pieces of other light."""
    rng = np.random.default_rng([seed, len(one.pictures), 1])
    pieces = [piece(rng, changed(rng, one.pictures), []) for _ in range(2)]
    return [*real(one, seed, 2), *(video(*part) for part in pieces)]


def real(one: Film, seed: int, n_variants: int) -> list[Video]:
    """A real film as it is, and in chance variants: skipped, backwards, mirrored, other light."""
    spans: Spans = [(t.start, t.end, t.kind) for t in one.transitions]
    unsure = list(one.uncertain)
    found = [video(one.pictures, spans, unsure)]
    rng = np.random.default_rng([seed, len(one.pictures)])
    for _ in range(n_variants):
        step = 1.0 if unsure else float(rng.choice([0.5, 1.0, 1.0, 1.25, 2.0]))
        pictures, moved = skipped(one.pictures, spans, step)
        pictures = changed(rng, pictures)
        if rng.random() < 0.5 and not unsure:  # noqa: PLR2004 - even odds
            pictures, moved = backwards(pictures, moved)
        found.append(video(pictures, moved, unsure))
    return found


def composed_films(seed: int, sources: list[Source], effort: Effort) -> list[Film]:
    """Composed videos to judge a network by."""
    found = []
    for number in range(effort.judged if sources else 0):
        rng = np.random.default_rng([seed, number])
        pictures, spans = video_pictures(rng, sources, effort.frames)
        truth = tuple(Passage(*span) for span in spans)
        found.append(Film(f"composed-{seed}-{number}", pictures, 25.0, truth, ()))
    return found


def exposure_films(seed: int, sources: list[Source]) -> list[Film]:
    """Each shot once, with light that drifts to another level: nothing else is there."""
    found = []
    for number, source in enumerate(sources):
        rng = np.random.default_rng([seed, number])
        look = random_look(rng, source, SIZES[0])
        shot = compose.Shot(look, 150, "cut", 0, lasting=(("exposure", exposure(rng)),))
        images = compose.render(rng, [shot], compose.Truth())
        pictures = np.stack([small_picture(image) for image in images])
        found.append(Film(f"exposure-{source.name}", pictures, 25.0, (), ()))
    return found


@dataclass(frozen=True, slots=True)
class Material:
    """What networks are trained on: composed videos, real single shots, and edited films.

    Each edited film is there as it is and in variants; `edits` and `varied` are in one order.
    """

    composed: list[Video]
    singles: list[Video]
    edits: list[Film]
    varied: list[list[Video]]


def training_material(footage: Footage, effort: Effort) -> Material:
    """Compose videos of the footage, and take its films as they are."""
    begun = time.perf_counter()
    composed = compose_set(footage.shots, effort)
    films = [*footage.singles, *pattern_films()]
    singles = [v for n, one in enumerate(films) for v in single(one, effort.seed + n)]
    n_frames = sum(len(one.targets) for one in [*composed, *singles])
    seconds = f"{time.perf_counter() - begun:.0f} s"
    print(f"{n_frames} frames of {len(footage.shots)} shots, {seconds}", flush=True)
    varied = [real(one, effort.seed + n, VARIANTS) for n, one in enumerate(footage.edits)]
    return Material(composed, singles, footage.edits, varied)


def base_networks(material: Material, effort: Effort) -> list[Network]:
    """Networks that know composed videos and real single shots, and no edited film."""
    groups = [(1.0 - SINGLES_SHARE, material.composed), (SINGLES_SHARE, material.singles)]
    return [
        train(new_network(material.composed, own.seed), groups, Schedule(own.steps, RATE, own.seed))
        for own in effort.each()
    ]


def tuned_networks(
    bases: list[Network], material: Material, effort: Effort, without: Collection[str] = ()
) -> list[Network]:
    """Networks that know the edited films as well, but those of some sources."""
    pairs = zip(material.edits, material.varied, strict=True)
    edits = [varied for film, varied in pairs if source_of(film.name) not in without]
    each = zip(bases, effort.each(), strict=True)
    return [tuned_network(base, material, edits, own) for base, own in each]


def tuned_network(
    base: Network, material: Material, edits: list[list[Video]], effort: Effort
) -> Network:
    """A network that knows these edited films as well, each as often as the others."""
    rest = 1.0 - SINGLES_SHARE - EDITS_SHARE
    groups = [(rest, material.composed), (SINGLES_SHARE, material.singles)]
    groups += [(EDITS_SHARE / len(edits), film) for film in edits]
    schedule = Schedule(effort.tuned_steps, TUNED_RATE, effort.seed + 1)
    return train(copy.deepcopy(base).train(), groups, schedule)


def left_out(bases: list[Network], material: Material, effort: Effort) -> list[Judged]:
    """Each edited film judged by networks that saw no film of its fold: a fifth of the sources."""
    sources = sorted({source_of(one.name) for one in material.edits})
    found = []
    for fold in range(min(FOLDS, len(sources))):
        out = sources[fold::FOLDS]
        ensemble = usable(tuned_networks(bases, material, effort, out))
        found += [judged(o, ensemble) for o in material.edits if source_of(o.name) in out]
    return found


def main() -> None:
    """Read, compose, train, calibrate, write, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="the .npz file to write")
    parser.add_argument("footage", nargs="+", type=Path, help="folders of videos")
    parser.add_argument("--labels", nargs="*", type=Path, default=[], help="more labels.jsonl")
    parser.add_argument("--cache", type=Path, required=True, help="where small pictures are kept")
    parser.add_argument(
        "--everything", action="store_true", help="train on all footage, with none left to test"
    )
    parser.add_argument("--videos", type=int, default=800, help="composed videos to train on")
    parser.add_argument("--frames", type=int, default=600, help="of each composed video, about")
    parser.add_argument("--judged", type=int, default=40, help="composed videos to judge by")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--tuned-steps", type=int, default=600, help="with edited films too")
    parser.add_argument("--networks", type=int, default=2, help="trained apart, to judge together")
    parser.add_argument("--seed", type=int, default=1, help="of the first network")
    parser.add_argument("--processes", type=int, default=2, help="to compose, and threads to train")
    options = parser.parse_args()
    begun = time.perf_counter()
    cv2.setNumThreads(1)
    torch.set_num_threads(options.processes)
    numbers = {name: getattr(options, name) for name in Effort.__dataclass_fields__}
    effort = Effort(**numbers)
    footage = read_footage(
        options.footage, options.labels, options.cache, everything=options.everything
    )
    material = training_material(footage["train"], effort)
    networks = base_networks(material, effort)
    unseen = left_out(networks, material, effort)
    if material.edits:
        networks = tuned_networks(networks, material, effort)
    ready, tune, test = usable(networks), footage["tune"], footage["test"]
    ours = composed_films(effort.seed + 1000, tune.shots or footage["train"].shots, effort)
    known = [*unseen, *(judged(one, ready) for one in [*ours, *tune.edits, *tune.singles])]
    calibration = fit_calibration(known)
    export(networks, calibration, options.weights)
    theirs = composed_films(effort.seed + 2000, test.shots, effort)
    ramps = exposure_films(effort.seed + 3000, test.shots)
    for name, films in (
        ("edited films of the training, each by a network that has not seen it", unseen),
        ("test: composed", [judged(one, ready) for one in theirs]),
        ("test: exposure ramps", [judged(one, ready) for one in ramps]),
        ("test: real films", [judged(one, ready) for one in [*test.edits, *test.singles]]),
    ):
        if films:
            print(f"{name}\n{report(films, calibration, each='real' in name or 'edited' in name)}")
    print(f"{time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main()
