"""What becomes of clips, against counts and reasons worked out by hand."""

from fractions import Fraction

import pytest

from tests.support.bundles import training
from tests.support.clip_facts import Made, facts_of
from vidcurate.clips.rendition import Size
from vidcurate.exporting.forecast.advice import SplitLengths
from vidcurate.exporting.forecast.checking import CheckRequest, TargetContract, check
from vidcurate.exporting.forecast.clip_facts import ClipFacts
from vidcurate.exporting.forecast.contract import Setting, merged_reason
from vidcurate.exporting.forecast.size_estimate import EncodingChoice
from vidcurate.exporting.rendition import RenditionOptions
from vidcurate.exporting.target import Bundle, Target
from vidcurate.exporting.training import Bucket, Fate, FileFacts, Training

SIZES = (Size(832, 480), Size(480, 832))
TRAINING = training("wan", SIZES, (33, 81))
OPTIONS = RenditionOptions(Fraction(16), SIZES, side_multiple=16, lengths=(33, 81))
SPLIT = SplitLengths(2.0, 60.0)


def first_frames(file: FileFacts, trained: Training) -> Fate:
    """A trainer that takes the first frames, of the longest length that a file fills."""
    filled = [n for n in trained.lengths if n <= file.n_frames]
    if not filled:
        return Fate("dropped", None, f"{file.n_frames} frames, fewer than {trained.lengths[0]}")
    bucket = Bucket(file.width, file.height, max(filled))
    if bucket.n_frames == file.n_frames:
        return Fate("whole", bucket)
    return Fate("cut", bucket, f"the first {bucket.n_frames} of {file.n_frames} frames")


def no_comma(caption: str) -> str:
    """A rule for captions."""
    return f"{caption.count(',')} commas" if "," in caption else ""


def nothing(_bundle: Bundle) -> None:
    """A writer that is not asked."""


TRAINER = Target(
    "trainer",
    "A trainer that takes the first frames.",
    nothing,
    lambda _bundle: (),
    fate=first_frames,
    caption_fault=no_comma,
    model="wan",
    models=("wan",),
)
LIBRARY = Target("library", "Files as they are.", nothing, lambda _bundle: ())


def contract(facts: ClipFacts, target: Target = TRAINER, **changes: object) -> TargetContract:
    """The contract of one target."""
    asked = {"setting": Setting(OPTIONS, TRAINING), "media": "encode", "split": SPLIT, **changes}
    return check(facts, CheckRequest(targets=(target,), **asked)).targets[0]  # type: ignore[arg-type]


def test_every_clip_has_one_fate() -> None:
    """81, 100, 40 and 20 frames at 16 fps are taken whole, cut twice and left out."""
    facts = facts_of(Made(81 / 16), Made(6.25), Made(2.5), Made(1.25))
    found = contract(facts)
    assert found.actions == {"whole": 1, "cut": 2, "stretched": 0, "shortened": 0, "dropped": 1}
    assert (found.clips, found.kept) == (4, 3)
    assert (found.frames, found.trained_frames, found.lost_frames) == (241, 195, 46)
    assert found.lost_s == 46 / 16


def test_reasons_that_differ_in_numbers_are_one_group() -> None:
    """Two cut clips are one group with the numbers from-to, and are named with their spans."""
    found = contract(facts_of(Made(6.25), Made(2.5), Made(1.25)))
    cut, dropped = found.groups
    assert (cut.action, cut.by, cut.clips) == ("cut", "trainer", 2)
    assert cut.reason == "the first 33-81 of 40-100 frames"
    assert [(e.clip_id, e.video, e.start_s, e.end_s) for e in cut.examples] == [
        ("c0", "v0.mp4", 1.0, 7.25),
        ("c1", "v1.mp4", 1.0, 3.5),
    ]
    assert (dropped.action, dropped.by, dropped.clips) == ("dropped", "export", 1)
    assert dropped.reason == "fewer than 33 frames at 16 fps"


def test_what_the_export_cuts_is_named_as_its_own() -> None:
    """A file cut to a length is whole for its trainer, and the clip is cut all the same."""
    cutting = RenditionOptions(
        Fraction(16), SIZES, side_multiple=16, lengths=(33, 81), cuts_to_length=True
    )
    found = contract(facts_of(Made(6.25), Made(81 / 16)), setting=Setting(cutting, TRAINING))
    assert found.actions["cut"] == found.actions["whole"] == 1
    [group] = found.groups
    assert (group.by, group.reason) == ("export", "the first 81 of 100 frames")
    assert found.lost_frames == 19


def test_buckets_are_counted_in_clips_frames_and_pixels() -> None:
    """Landscape and portrait clips are two buckets; one is smaller than a batch of two."""
    facts = facts_of(Made(6), Made(7), Made(6, 720, 1280))
    found = contract(facts, batch_size=2)
    assert [str(b) for b in found.buckets] == ["832x480x81", "480x832x81"]
    first, second = found.buckets
    assert (first.clips, first.frames, first.pixels) == (2, 162, 162 * 832 * 480)
    assert first.hours == pytest.approx(162 / 16 / 3600, abs=1e-6)
    assert (second.clips, found.below_batch) == (1, 1)


def test_without_a_trainer_files_are_taken_as_they_are() -> None:
    """Clips keep rate and size, and are counted by size alone."""
    facts = facts_of(Made(6), Made(7.5), Made(1, 640, 480, Fraction(30_000, 1001)))
    found = contract(facts, LIBRARY, setting=Setting(RenditionOptions()))
    assert (found.model, found.kept, found.groups, found.advice) == (None, 3, (), ())
    assert [(str(b), b.clips, b.frames) for b in found.buckets] == [
        ("1280x720", 2, 144 + 180),
        ("640x480", 1, 29),
    ]


def test_captions_are_measured_against_rules_and_model() -> None:
    """A missing caption, one that breaks a rule and one that is too long are counted and named."""
    facts = facts_of(
        Made(6, caption=None),
        Made(6, caption="One,\ntwo, three."),
        Made(6, caption="word " * 600),
        Made(1, caption=None),
    )
    captions = contract(facts).captions
    assert (captions.clips, captions.missing) == (3, 1)
    assert [e.clip_id for e in captions.missing_examples] == ["c0"]
    [fault] = captions.faults
    assert (fault.reason, fault.clips) == ("2 commas", 1)
    assert captions.tokens is not None
    assert (captions.tokens.least, captions.tokens.most) == (4, 800)
    assert (captions.max_tokens, captions.over_limit, captions.rewritten) == (512, 1, 2)


def test_bars_are_no_part_of_the_picture() -> None:
    """A 16:9 picture in a square frame is counted as 16:9, and as too small without its bars."""
    facts = facts_of(Made(6, 1280, 1280, bars=0.21875), Made(6, 800, 800, bars=0.21875))
    assert [str(b) for b in contract(facts).buckets] == ["832x480x81"]
    assert contract(facts).kept == 1


def test_the_number_of_frames_is_exact() -> None:
    """Frame k is at k / fps, so that 5 s have 80 frames at 16 fps and one tick more has 81."""
    facts = facts_of(Made(5), Made(5 + 1 / 90_000), Made(3600.0))
    assert facts.frames_at(Fraction(16)).tolist() == [80, 81, 57_600]
    assert facts.frames_at(Fraction(30_000, 1001)).tolist()[0] == 150
    assert facts.frames_at(None).tolist() == [120, 120, 86_400]


def test_shorter_lengths_are_tried() -> None:
    """Half of the clips have 49 frames: a length of 49 wins them all, one of 33 no more."""
    only = training("wan", SIZES, (81,))
    options = RenditionOptions(Fraction(16), SIZES, side_multiple=16, lengths=(81,))
    facts = facts_of(*[Made(6)] * 5, *[Made(49 / 16)] * 5)
    found = contract(facts, setting=Setting(options, only)).advice
    changes = {advice.change: advice for advice in found}
    assert changes["--lengths 49,81"].clips == 5
    assert changes["--lengths 49,81"].seconds == pytest.approx(5 * 49 / 16, abs=0.001)
    assert "--lengths 33,49,81" not in changes
    short = changes["split.min_clip_s 5.1 instead of 2"]
    assert short.wins == "5 of 5 clips left out would not exist"


def test_long_clips_are_worth_dividing() -> None:
    """A minute holds eleven clips of 81 frames and trains one: shorter clips win the others."""
    facts = facts_of(*[Made(60)] * 3)
    [advice] = [a for a in contract(facts).advice if "max_clip_s" in a.change]
    assert advice.change == "split.max_clip_s 5.1 instead of 60"
    assert advice.clips == 3 * 11


def test_other_sizes_rates_and_enlarging_are_tried() -> None:
    """Small square clips win by sizes of their own or by enlarging; another rate by the model's."""
    facts = facts_of(*[Made(6)] * 5, *[Made(6, 400, 400)] * 5)
    slow = RenditionOptions(Fraction(8), SIZES, side_multiple=16, lengths=(33, 81))
    changes = {a.change.partition(" (")[0]: a for a in contract(facts).advice}
    assert changes["--enlarge"].clips == 5
    assert changes["--shape auto"].clips == 5
    assert changes["--shape auto"].wins.startswith("pictures lose ")
    by_rate = contract(facts, setting=Setting(slow, TRAINING)).advice
    assert "--fps 16" in [a.change for a in by_rate]


def test_nothing_is_advised_where_nothing_is_lost() -> None:
    """Clips of exactly a trained length and size need no change."""
    assert contract(facts_of(Made(81 / 16, 832, 480), Made(33 / 16, 832, 480))).advice == ()


def test_sizes_are_estimated_by_what_is_known() -> None:
    """Exported clips go before the table, and what was never measured is not made up."""
    facts = facts_of(Made(81 / 16, 832, 480, audio="aac"))
    pixels = 832 * 480 * 81

    def size(choice: EncodingChoice, exported: float | None = None) -> object:
        request = CheckRequest(
            (TRAINER,), Setting(OPTIONS, TRAINING), "encode", SPLIT, (), {}, choice, exported
        )
        return check(facts, request).size

    by_clips = size(EncodingChoice("x264", 18, "medium", 192), 0.08)
    assert by_clips.video_bytes == int(pixels * 0.08 / 8)  # type: ignore[attr-defined]
    assert by_clips.audio_bytes == 0  # type: ignore[attr-defined]
    better = size(EncodingChoice("x264", 12, "medium", 192))
    assert better.audio_bytes == int(81 / 16 * 24_000)  # type: ignore[attr-defined]
    worse = size(EncodingChoice("x264", 28, "medium"))
    assert better.video_bytes > 2 * worse.video_bytes > 0  # type: ignore[attr-defined]
    unknown = size(EncodingChoice("h264-nvenc", 19, "medium"))
    assert unknown.video_bytes is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("reasons", "merged"),
    [
        (["12 of 30 frames"], "12 of 30 frames"),
        (["9 of 30 frames", "12 of 30 frames"], "9-12 of 30 frames"),
        (["29.97 fps", "23.976 fps"], "23.976-29.97 fps"),
        (["no number", "no number"], "no number"),
    ],
)
def test_numbers_that_differ_become_a_span(reasons: list[str], merged: str) -> None:
    """Equal numbers stay, others become the least and the greatest."""
    assert merged_reason(reasons) == merged
