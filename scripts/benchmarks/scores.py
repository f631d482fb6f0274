"""One table of what every judgement of a clip gets wrong, measured on little.

Each line comes from the bench of that judgement, on fewer clips than it takes by itself, so it is
a check and not a figure to quote. What is not measured says why.
"""

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scripts.benchmarks import consistency as bench_consistency
from scripts.benchmarks import dedup as bench_dedup
from scripts.benchmarks import judge as bench_judge
from scripts.benchmarks import motion as bench_motion
from scripts.benchmarks import safety as bench_safety
from scripts.benchmarks import speech as bench_speech
from scripts.benchmarks import text as bench_text
from scripts.benchmarks import watermark as bench_watermark
from scripts.benchmarks.appearance import area, read_video
from vidcurate.captioning.quality.judging import JudgingConfig
from vidcurate.models.vision.nsfw import open_nsfw
from vidcurate.stages.selection.dedup import DedupConfig

OPACITIES = (0.2, 0.4, 0.6)  # of marks that a person would see
SUSPICIOUS = (0.5, 0.8)
# Of shares of speech, singing, music and silence those that a kind of sound should have as 1.
HEARD = {"speech": (0,), "tune": (2,), "speech over tune": (0, 2), "noise": (), "silence": (3,)}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is measured on: videos, footage without text, and files of speech; how much of each."""

    videos: Sequence[Path]
    footage: Sequence[Path]
    voices: Sequence[Path]
    size: int
    seed: int


def motion(inputs: Inputs) -> str:
    """Camera movements named right."""
    right: Counter[str] = Counter()
    for video in inputs.videos:
        for kind, found in bench_motion.named(video, inputs.size, inputs.seed):
            right[kind] += found[kind]
    each = inputs.size * len(inputs.videos)
    worst = min(right, key=lambda kind: right[kind])
    return (
        f"{share(right.total(), each * len(right))} of {each * len(right)} camera movements named "
        f"right, fewest of {worst}, {share(right[worst], each)}"
    )


def watermark(inputs: Inputs) -> str:
    """Marks found and clean clips taken for marked."""
    counts = [
        bench_watermark.measure(video, inputs.size, 1, inputs.seed) for video in inputs.videos
    ]
    clean, marked = Counter[str](), Counter[str]()
    for of_video in counts:
        clean.update(of_video[0.0])
        for opacity in OPACITIES:
            marked.update(of_video[opacity])
    found, alarms = (c["found"] + c["elsewhere"] for c in (marked, clean))
    return (
        f"of marks of 20 % and more {share(found, marked.total())} found, "
        f"{marked['still']} of {marked.total()} null; "
        f"of clean clips {share(alarms, clean.total())} taken for marked"
    )


def text(inputs: Inputs) -> str:
    """Text and overlays, as precision and recall."""
    has_text, has_overlay = Counter[str](), Counter[str]()
    for video in inputs.footage:
        for total, found in zip(
            (has_text, has_overlay),
            bench_text.measure(video, inputs.size, inputs.seed),
            strict=True,
        ):
            total.update(found)
    count = inputs.size * len(inputs.footage)
    any_text = bench_text.rates(has_text, frozenset(bench_text.KINDS) - {"clean"}, count)
    del has_overlay["credits"]
    overlay = bench_text.rates(has_overlay, bench_text.OVERLAYS, count)
    return f"text {any_text}; overlay {overlay}"


def speech(inputs: Inputs) -> str:
    """How far shares of sound are from the truth, and loudness from ffmpeg's."""
    voices = [bench_speech.samples_of(file) for file in inputs.voices]
    off = [
        abs(found[place] - (place in HEARD[kind]))
        for kind, found in bench_speech.shares_found(voices, 2 * inputs.size, inputs.seed)
        for place in range(4)
    ]
    apart = [row[0] for video in inputs.videos for row in bench_speech.loudness_apart(video)]
    return (
        f"shares off by {np.mean(off):.2f} in the mean, {max(off):.2f} at most; loudness within "
        f"{max(apart, default=0):.2f} LUFS of ffmpeg's"
    )


def safety(inputs: Inputs) -> str:
    """Safe clips suspected."""
    highest, mean = bench_safety.suspected(list(inputs.footage), open_nsfw())
    over = {limit: (np.mean(highest > limit), np.mean(mean > limit)) for limit in SUSPICIOUS}
    shares = ", ".join(f"{h:.0%} and {m:.0%} over {limit}" for limit, (h, m) in over.items())
    return f"of {len(mean)} safe clips by nsfw_max and nsfw_mean {shares}; misses are not measured"


def consistency(inputs: Inputs) -> str:
    """Clips of one scene told from clips of two, by the half of each video that chose no limit."""
    single, joined = [], []
    for path in inputs.videos:
        with tempfile.TemporaryDirectory() as name:
            one, two = bench_consistency.clips_of(read_video(path, Path(name)))
        single.append(one[len(one) // 2 :, 0])
        joined.append(two[len(two) // 2 :, 0])
    share = area(np.concatenate(single), np.concatenate(joined))
    return f"a clip of one scene is more consistent than one of two in {share:.1%} of pairs"


def dedup(inputs: Inputs) -> str:
    """Copies found, and other shots taken for copies."""
    cases = []
    for path in inputs.videos:
        with tempfile.TemporaryDirectory() as name:
            found = bench_dedup.video_cases(path, 30 * inputs.size, Path(name))
            cases += [case for half, case in found if half == 1]
    precision, recall = bench_dedup.rates(cases, DedupConfig().min_similarity)
    return (
        f"precision {precision:.1%}, recall {recall:.1%} of {sum(c.n_shots for c in cases)} copies "
        f"of {len(bench_dedup.KINDS)} kinds"
    )


def judge(inputs: Inputs) -> str:
    """Spoilt captions found, and good ones blamed."""
    goods = bench_judge.read_captions(bench_judge.OWN)[1::2]
    band = JudgingConfig().word_range
    blamed = bench_judge.blamed(goods, band)
    cleaned = [replace(g, text=bench_judge.clean(g.text, g.language)[0].text) for g in goods]
    dice = random.Random(inputs.seed)  # noqa: S311 - reproducible dice
    rows = [(n, found.new) for _, n, found in bench_judge.detected(cleaned, band, dice)]
    n_spoilt, n_found = (sum(numbers) for numbers in zip(*rows, strict=True))
    return (
        f"{share(n_found, n_spoilt)} of {n_spoilt} spoilt captions found, "
        f"{share(blamed, len(goods))} of {len(goods)} good ones blamed"
    )


def share(part: int, whole: int) -> str:
    """A share in per cent."""
    return f"{part / max(1, whole):.0%}"


MEASURED: Mapping[str, Callable[[Inputs], str]] = {
    "motion": motion,
    "watermark": watermark,
    "text": text,
    "speech": speech,
    "safety": safety,
    "consistency": consistency,
    "dedup": dedup,
    "judge": judge,
}
NOT_MEASURED = {
    "bounds, quality": "facts of the signals, whose units the README states",
    "aesthetic": "needs LAION's vectors: python scripts/benchmarks/aesthetic.py FOLDER",
    "tags": "no labelled pictures can be fetched; the model's authors publish theirs",
    "alignment": "a cosine of the model's, whose authors publish its accuracy",
    "suitability": "a formula over the scores above; there is no truth to measure it by",
}


def main() -> None:
    """Print a line for each judgement as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--footage", nargs="+", type=Path, required=True, help="without text")
    parser.add_argument("--voices", nargs="+", type=Path, required=True, help="files of speech")
    parser.add_argument("--only", nargs="+", choices=MEASURED, default=list(MEASURED))
    parser.add_argument("--size", type=int, default=4, help="clips of each kind and video")
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    inputs = Inputs(
        *(arguments.videos, arguments.footage, arguments.voices, arguments.size, arguments.seed)
    )
    print(f"{'judgement':17}{'in full':30}measured on little, seed {inputs.seed}")
    for name in arguments.only:
        print(f"{name:17}{f'make bench BENCH={name}':30}{MEASURED[name](inputs)}", flush=True)
    for name, reason in NOT_MEASURED.items():
        print(f"{name:17}{'-':30}{reason}")


if __name__ == "__main__":
    main()
