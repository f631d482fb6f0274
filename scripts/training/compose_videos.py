"""Composes videos whose cuts and disturbances are known, from single shots, to train and test.

A transition's start is the last pure frame of the old shot, its end the first pure frame of the
new one; a hard cut's end is its start + 1. A jump is a hard cut inside one take. A picture that
freezes and then goes on later in the take is a fault of the recording and no boundary: that is how
it differs from a jump. The same seed and shots give the same videos.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from scripts.training import video_baits as baits
from scripts.training import video_transitions as transitions
from scripts.training.encodings import Grid
from scripts.training.video_shots import (
    CARD,
    Look,
    Source,
    card,
    difference,
    is_blank,
    jumped,
    load,
    random_look,
)

Image = NDArray[np.uint8]
Choice = TypeVar("Choice")

KINDS = {
    "cut": 0.31,
    "jump": 0.14,
    "dissolve": 0.15,
    "fade": 0.09,
    "wipe": 0.13,
    "push": 0.06,
    "zoom": 0.04,
    "whip": 0.08,
}
MIXED = {"zoom": (3, 30), "whip": (3, 24)}
SHORTEST_MIXED, LONGEST_MIXED, LONGEST = 3, 60, 150
SIZES = ((320, 180), (256, 144), (426, 240), (320, 240), (240, 320), (320, 134), (214, 120))
RATES = ("24", "25", "30000/1001", "30", "50", "60", "15")
CODECS = {"libx264": 0.75, "mpeg4": 0.15, "mpeg2video": 0.1}
LENGTHS = ((8, 24), (24, 80), (80, 180))
PACES = (0.4, 0.5, 0.8, 1.0, 1.0, 1.0, 1.0, 1.25, 2.0)
SAME_VIDEO_SHARE, VARIES_SHARE, BAIT_SHARE = 0.5, 0.15, 0.4
OPENING_SHARE = 0.2
CARD_SHARE, ALIKE_SHARE, STUTTER_SHARE, CADENCE_SHARE = 0.06, 0.25, 0.15, 0.15
VISIBLE, TRIES, LONG_ENOUGH, EASED_SHARE = 6.0, 6, 8, 0.5
# Frames that a disturbance of a whole video is taken to have lasted before.
ALWAYS = 1000
DRESSES = {"grain": 0.15, "letterbox": 0.15, "subtitles": 0.1, "shake": 0.04}


@dataclass(frozen=True, slots=True)
class Style:
    """How videos are edited and encoded: odds of kinds, frames of shots, ways of the encoder.

    `lengths` are of short, medium and long shots; `disturbed` is how much of the usual disturbance
    there is; `keyframes` are the most frames from one keyframe to the next, None for what the
    encoder does by itself, and the frames from one to the next of a grid of them, None for no such;
    `scene_cuts` says whether encoders may begin shots with keyframes.
    """

    kinds: dict[str, float]
    lengths: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    disturbed: float
    codecs: dict[str, float]
    presets: tuple[str, ...]
    keyframes: tuple[tuple[int | None, int | None], ...]
    scene_cuts: tuple[bool, ...]


DENSE = Style(KINDS, LENGTHS, 1.0, CODECS, ("ultrafast",), ((None, None),), (True,))
# The frames of a piece in which a service encodes.
PIECE = 128
# As films on the web are: long shots, mostly cuts, and encoders of which most look for these.
WEB = Style(
    {"cut": 0.6, "jump": 0.22, "dissolve": 0.06, "fade": 0.04, "wipe": 0.02, "whip": 0.06},
    ((16, 60), (60, 150), (150, 360)),
    0.2,
    {"libx264": 0.75, "libx265": 0.1, "libvpx-vp9": 0.1, "mpeg4": 0.05},
    ("veryfast", "fast", "medium", "medium"),
    (
        *[(None, None)] * 4,
        *[(None, PIECE)] * 2,
        (300, None),
        (120, None),
        (48, None),
        (None, 96),
        (None, 60),
    ),
    (True, True, True, True, False),
)
# Codecs of which keyframes on a grid are asked for.
GRIDDED = ("libx264", "libx265")


@dataclass(slots=True)
class Truth:
    """What is in a video, in frame indexes; bait spans hold first frame and frame after last.

    `lasting` are disturbances of whole shots, their transitions too.
    """

    n_frames: int = 0
    transitions: list[dict[str, object]] = field(default_factory=list)
    baits: list[dict[str, object]] = field(default_factory=list)
    lasting: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot of a video: its look, its pure frames, and the transition that follows it.

    `begun` are its frames in the transition before; `lasting` disturbs all its frames, named as
    they are; `order` says which frame is seen when.
    """

    look: Look
    n_pure: int
    kind: str
    n_mixed: int
    begun: int = 0
    lasting: tuple[tuple[str, baits.Disturb], ...] = ()
    order: baits.Order = int

    def at(self, k: int) -> Image:
        """The shot's frame `k` after its first pure one, with what lasts."""
        image, n_frames = self.look.at(self.order(k + self.begun)), self.begun + self.n_pure
        for _, disturb in self.lasting:
            image = disturb(image, k + self.begun, n_frames + self.n_mixed)
        return image


def next_source(rng: np.random.Generator, sources: list[Source], last: Source | None) -> Source:
    """Another shot than the last: of the same video half of the time, as videos have it."""
    if last is not None and last.video != CARD and rng.random() < CARD_SHARE:
        return card(rng)
    others = [s for s in sources if last is None or s.name != last.name]
    same = [s for s in others if last is not None and s.video == last.video]
    pool = same if same and rng.random() < SAME_VIDEO_SHARE else others
    return pool[int(rng.integers(len(pool)))]


def plan(
    rng: np.random.Generator,
    sources: list[Source],
    n_frames: int,
    size: tuple[int, int],
    style: Style = DENSE,
) -> list[Shot]:
    """Shots for a video of about so many frames; the last one is followed by nothing.

    At times the video comes out of a blank picture, or ends in one, by a fade.
    """
    shots: list[Shot] = []
    total, begun = 0, 0
    pace = float(rng.choice(PACES))
    cadence = baits.stutter(rng) if rng.random() < CADENCE_SHARE else None
    source = next_source(rng, sources, None)
    look = random_look(rng, source, size, pace)
    while total < n_frames:
        kind = str(rng.choice(list(style.kinds), p=list(style.kinds.values())))
        shortest, longest = style.lengths[rng.choice(3, p=[0.35, 0.45, 0.2])]
        n_pure = max(8, round(int(rng.integers(shortest, longest)) / max(pace, 0.6)))
        alike = kind == "jump" or (kind != "cut" and rng.random() < ALIKE_SHARE)
        later = jumped(rng, look, begun + n_pure) if alike else None
        kind = "cut" if kind == "jump" and later is None else kind
        if later is None:
            later = unlike(rng, sources, look, begun + n_pure, pace)
        if (is_blank(look) or is_blank(later)) and kind in ("dissolve", "zoom", "whip"):
            kind = "fade"
        n_mixed = mixed_frames(rng, kind, pace)
        lasting = tuple(
            (name, make(rng))
            for name, (make, p) in baits.LASTING.items()
            if rng.random() < p * style.disturbed
        )
        if look.source.video == CARD:
            lasting = ()
        order = cadence or (baits.stutter(rng) if rng.random() < STUTTER_SHARE else int)
        shots.append(Shot(look, n_pure, kind, n_mixed, begun, lasting, order))
        total, begun = total + n_pure + n_mixed, n_mixed
        look = later
    if shots[0].kind == "cut" and rng.random() < OPENING_SHARE:
        n_mixed = mixed_frames(rng, "fade", pace / 2.0)
        shots.insert(0, Shot(blank_look(rng, size), int(rng.integers(1, 20)), "fade", n_mixed))
        shots[1] = replace(shots[1], begun=n_mixed)
    if rng.random() < OPENING_SHARE:
        last = replace(shots[-1], kind="fade", n_mixed=mixed_frames(rng, "fade", pace / 2.0))
        shots[-1] = last
        shots.append(Shot(blank_look(rng, size), int(rng.integers(1, 20)), "cut", 0, last.n_mixed))
    return shots


def blank_look(rng: np.random.Generator, size: tuple[int, int]) -> Look:
    """A picture of nothing: black, or now and then white."""
    white = rng.random() < 0.1  # noqa: PLR2004 - odds
    image = np.full((96, 160, 3), 255 if white else 0, np.uint8)
    return random_look(rng, Source("blank", CARD, [image] * 200), size)


def unlike(
    rng: np.random.Generator, sources: list[Source], look: Look, shown: int, pace: float
) -> Look:
    """The next shot, of pictures that an eye can tell from the last one of this shot."""
    last = look.at(shown - 1)
    found = look
    for _ in range(TRIES):
        found = random_look(rng, next_source(rng, sources, look.source), look.size, pace)
        if difference(last, found.at(0)) > VISIBLE:
            break
    return found


def mixed_frames(rng: np.random.Generator, kind: str, pace: float) -> int:
    """Frames of a transition that show both shots: short ones are the more frequent."""
    if kind in ("cut", "jump"):
        return 0
    least, most = MIXED.get(kind, (SHORTEST_MIXED, LONGEST_MIXED))
    length = math.exp(rng.uniform(math.log(least), math.log(most)))
    length = length / min(1.0, pace) if length > LONG_ENOUGH else length
    return round(min(length, LONGEST))


def render(
    rng: np.random.Generator, shots: list[Shot], truth: Truth, disturbed: float = 1.0
) -> Iterator[Image]:
    """The frames of a video, BGR; notes in `truth` what they are."""
    for number, shot in enumerate(shots):
        truth.lasting += [
            {"start": truth.n_frames, "end": truth.n_frames + shot.n_pure, "kind": name}
            for name, _ in shot.lasting
        ]
        found = disturbances(rng, shot, shots[number - 1].look, truth, BAIT_SHARE * disturbed)
        for k in range(shot.n_pure):
            image = shot.at(frozen(found, k))
            for first, end, _, disturb in found:
                if disturb is not None and first <= k < end:
                    image = disturb(image, k - first, end - first)
            truth.n_frames += 1
            yield image
        if number + 1 == len(shots):
            return
        start = truth.n_frames - 1
        end = start + shot.n_mixed + 1
        truth.transitions.append({"start": start, "end": end, "kind": shot.kind})
        mix = mix_of(rng, shot, shots[number + 1])
        later = shots[number + 1]
        for k in range(shot.n_mixed):
            one, other = shot.at(shot.n_pure + k), later.at(k - later.begun)
            truth.n_frames += 1
            yield mix(one, other, (k + 1) / (shot.n_mixed + 1))


def mix_of(rng: np.random.Generator, shot: Shot, later: Shot) -> transitions.Mix:
    """How a shot turns into the next: a fade from or to a blank picture is a dissolve."""
    blank = is_blank(shot.look) or is_blank(later.look)
    plain = not shot.n_mixed or (shot.kind == "fade" and blank)
    mix = transitions.blend if plain else transitions.TRANSITIONS[shot.kind](rng)
    return transitions.eased(mix, rng.uniform(0.75, 1.35)) if rng.random() < EASED_SHARE else mix


OF_OTHERS = {"inset": baits.inset, "crosser": baits.crosser}
Bait = tuple[int, int, str, baits.Disturb | None]


def disturbances(
    rng: np.random.Generator, shot: Shot, other: Look, truth: Truth, share: float
) -> list[Bait]:
    """What happens inside a shot: up to two things, away from its ends, which they would hide."""
    found: list[Bait] = []
    for _ in range(2):
        if rng.random() > share:
            continue
        name = str(rng.choice([*baits.BAITS, "freeze", "inset", "crosser", "crosser", "crosser"]))
        make, (least, most) = baits.BAITS.get(name, (None, (6, 60)))
        length = int(rng.integers(least, most + 1))
        if length + 6 > shot.n_pure:
            continue
        first = int(rng.integers(3, shot.n_pure - length - 2))
        if name in OF_OTHERS:
            disturb: baits.Disturb | None = OF_OTHERS[name](rng, other.at)
        else:
            disturb = make(rng) if make is not None else None
        found.append((first, first + length, name, disturb))
        at = truth.n_frames + first
        truth.baits.append({"start": at, "end": at + length, "kind": name})
    return found


def frozen(found: list[Bait], k: int) -> int:
    """The frame of the shot that is seen `k` frames in: the first of a freeze for all of it."""
    return next((a for a, b, name, _ in found if name == "freeze" and a <= k < b), k)


def dressed(rng: np.random.Generator, images: Iterator[Image]) -> Iterator[Image]:
    """A video with what lies over all of it, its transitions too: grain, bars, subtitles, shake."""
    worn = [baits.BAITS[name][0](rng) for name, p in DRESSES.items() if rng.random() < p]
    for k, image in enumerate(images, ALWAYS):
        seen = image
        for disturb in worn:
            seen = disturb(seen, k, 2 * k)
        yield seen


def write_video(
    rng: np.random.Generator, sources: list[Source], file: Path, n_frames: int, style: Style = DENSE
) -> Truth:
    """Compose and encode one video with chance size, rate, codec and quality; its truth."""
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    shots = plan(rng, sources, n_frames, (width, height), style)
    codec = str(rng.choice(list(style.codecs), p=list(style.codecs.values())))
    rate, truth = Fraction(str(rng.choice(RATES))), Truth()
    varies = codec == "libx264" and rng.random() < VARIES_SHARE
    with av.open(str(file), "w") as out:
        most, grid = chosen(rng, style.keyframes)
        sees_cuts = chosen(rng, style.scene_cuts)
        options = encoder_options(rng, codec, chosen(rng, style.presets), most, sees_cuts=sees_cuts)
        in_pieces = sees_cuts and codec == "libx264" and grid == PIECE
        asked = Grid(rng, grid, in_pieces) if grid and codec in GRIDDED else None
        rate = Fraction(30) if codec == "mpeg2video" else rate
        stream = out.add_stream(codec, rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = 1 / (rate * 4) if varies else 1 / rate
        pts = 0
        for number, image in enumerate(dressed(rng, render(rng, shots, truth, style.disturbed))):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            if asked is not None and asked.asks(number, last_begun(truth)):
                frame.pict_type = PictureType.I
            frame.pts, frame.time_base = pts, stream.codec_context.time_base
            pts += int(rng.integers(2, 9)) if varies else 1
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return truth


def last_begun(truth: Truth) -> int:
    """The first pure frame after the last transition, -1 where there was none."""
    return max((int(str(one["end"])) for one in truth.transitions), default=-1)


def encoder_options(
    rng: np.random.Generator, codec: str, preset: str, most: int | None, *, sees_cuts: bool
) -> dict[str, str]:
    """Options of an encoder, of chance quality; chance goes on alike whatever the codec."""
    factor, quality = str(rng.integers(16, 36)), str(rng.integers(2, 14))
    ours = {"crf": factor} | ({} if most is None else {"g": str(most)})
    if codec == "libx264":
        return ours | {"preset": preset} | ({} if sees_cuts else {"sc_threshold": "0"})
    if codec == "libx265":
        quiet = "log-level=none" if sees_cuts else "log-level=none:scenecut=0"
        return ours | {"preset": preset, "x265-params": quiet}
    if codec == "libvpx-vp9":
        return ours | {"b": "0", "deadline": "realtime", "cpu-used": "6"}
    return {"qmin": quality, "qmax": quality}


def chosen(rng: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    """One of several; where there is but one, no chance is used up."""
    return choices[int(rng.integers(len(choices)))] if len(choices) > 1 else choices[0]


def compose(
    sources: list[Source], file: Path, n_frames: int, seed: tuple[int, int], style: Style = DENSE
) -> Truth:
    """Write a video, and its truth as JSON beside it."""
    truth = write_video(np.random.default_rng(seed), sources, file, n_frames, style)
    file.with_suffix(".json").write_text(json.dumps(asdict(truth), indent=1), "utf-8")
    return truth


def main() -> None:
    """Compose videos from a folder of single shots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path, help="a folder of single-shot videos")
    parser.add_argument(
        "folder", type=Path, help="video-000.mp4, video-000.json … are written here"
    )
    parser.add_argument("--videos", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first video")
    parser.add_argument("--frames", type=int, default=1500, help="frames of each video, about")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--web", action="store_true", help="edited and encoded as on the web")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    sources = [load(file) for file in sorted(options.shots.glob("*.mp4"))]
    options.folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.first, options.first + options.videos):
        file = options.folder / f"video-{number:03d}.mp4"
        style = WEB if options.web else DENSE
        truth = compose(sources, file, options.frames, (options.seed, number), style)
        counts = f"{truth.n_frames} frames, {len(truth.transitions)} transitions"
        print(f"{file.name}: {counts}", flush=True)


if __name__ == "__main__":
    main()
