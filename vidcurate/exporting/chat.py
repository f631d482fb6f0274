"""What chat targets share: a clip's turns, how many frames a trainer sees, and marks in texts."""

from collections.abc import Iterable, Sequence

from vidcurate.exporting.questions import Turn, turns_of
from vidcurate.exporting.target import Bundle, Sample
from vidcurate.exporting.training import Bucket, Fate, FileFacts

MARKS = ("<video>", "<image>", "<audio>")


def turns(bundle: Bundle, sample: Sample) -> list[Turn]:
    """Return what is asked about a clip, and answered by its texts."""
    options = bundle.options
    return turns_of(
        sample.captions, sample.row, options.questions, options.seed, every=options.all_texts
    )


def sampled_fate(facts: FileFacts, n_sampled: int, per_second: int) -> Fate:
    """Tell what becomes of a clip of which so many frames are sampled, evenly spread.

    Fewer than `per_second` a second stretch the time between them.
    """
    seconds = facts.n_frames / facts.fps
    wanted = max(1, int(seconds * per_second))
    told = f"{n_sampled} of {facts.n_frames} frames are sampled"
    bucket = Bucket(facts.width, facts.height, n_sampled)
    if n_sampled + 1 < min(wanted, facts.n_frames):
        every = float(seconds / n_sampled)
        why = f"{told}: one every {every:.1f} s, more than 1/{per_second} s"
        return Fate("stretched", bucket, why)
    return Fate("whole", bucket, told)


def check_marks(texts: Sequence[str], wanted: str, where: str) -> None:
    """Check that a dialogue has one mark, in its first turn, for its one video; raises ValueError.

    A mark in an answer would stand for a medium that is not there.
    """
    first = [mark for mark in MARKS for _ in range(texts[0].count(mark))]
    later = [mark for text in texts[1:] for mark in MARKS if mark in text]
    if first != [wanted] or later:
        raise ValueError(f"{where}: {wanted} must stand once in the first turn, and nowhere else")


def check_roles(roles: Iterable[str], pair: tuple[str, str], where: str) -> None:
    """Check that question and answer alternate; raises ValueError."""
    found = list(roles)
    if not found or found != list(pair) * (len(found) // 2):
        raise ValueError(f"{where}: turns must be {pair[0]} and {pair[1]} by turns")
