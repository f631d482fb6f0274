"""What chat targets share: a clip's turns, how many frames a trainer sees, and marks in texts."""

from collections.abc import Mapping, Sequence

from vidcurate.exporting.layouts.captions import caption_line
from vidcurate.exporting.layouts.questions import Turn, turns_of
from vidcurate.exporting.target import Bundle, Sample
from vidcurate.exporting.training import Bucket, Fate, FileFacts

VIDEO = "<video>"
MARKS = (VIDEO, "<image>", "<audio>")
USER, ASSISTANT = "user", "assistant"


def turns(bundle: Bundle, sample: Sample) -> list[Turn]:
    """Return what is asked about a clip, and answered by its texts.

    A text that was rewritten since is no answer.
    """
    options = bundle.options
    old = caption_line(sample.row.get("caption_before") or "")
    texts = [text for text in sample.captions if text != old or text == sample.caption]
    every = options.all_texts
    return turns_of(texts, sample.row, options.questions, options.seed, every=every)


def messages(bundle: Bundle, sample: Sample) -> list[dict[str, str]]:
    """Return a clip's turns as messages of user and assistant, the first with the video's mark."""
    found = []
    for number, turn in enumerate(turns(bundle, sample)):
        mark = "" if number else VIDEO
        found.append({"role": USER, "content": f"{mark}{turn.question}"})
        found.append({"role": ASSISTANT, "content": turn.answer})
    return found


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


def check_dialogue(
    roles: Sequence[str], texts: Sequence[str], pair: tuple[str, str], mark: str, where: str
) -> None:
    """Check that question and answer alternate, and that the first question has the one mark.

    Another would stand for a medium that is not there. Raises ValueError.
    """
    if not roles or list(roles) != list(pair) * (len(roles) // 2):
        raise ValueError(f"{where}: turns must be {pair[0]} and {pair[1]} by turns")
    first = [known for known in MARKS for _ in range(texts[0].count(known))]
    if first != [mark] or any(known in text for known in MARKS for text in texts[1:]):
        raise ValueError(f"{where}: {mark} must stand once in the first turn, and nowhere else")


def check_messages(found: Sequence[Mapping[str, str]], where: str) -> str:
    """Check messages, and return the first answer; raises ValueError."""
    roles, texts = [m["role"] for m in found], [m["content"] for m in found]
    check_dialogue(roles, texts, (USER, ASSISTANT), VIDEO, where)
    return texts[1]
