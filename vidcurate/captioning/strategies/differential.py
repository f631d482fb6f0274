"""differential: describe the first frame, then what changes in each later one, then merge.

After ShareGPT4Video (Chen et al. 2024), whose captions grow from the differences between
neighbouring frames, so that a clip may have any number of them.
"""

from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.options import Differential
from vidcurate.captioning.strategies.merging import Merged, as_lines, merge
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import (
    Conversation,
    Frame,
    ModelRequest,
    Status,
    answer_text,
)
from vidcurate.records import SpanText


def differential(clip_input: ClipInput) -> Conversation[CaptionText]:
    """Merge the notes about all frames into one text, in order of time.

    A frame whose request fails leaves a gap, and the next frame is compared with the last described
    one. Raises MediaError where no request about a frame succeeds, or the merging fails.
    """
    strategy = clip_input.config.strategy
    assert isinstance(strategy, Differential)
    notes: list[SpanText] = []
    gaps: list[str] = []
    before: Frame | None = None
    status: Status = "ok"
    for frame in clip_input.frames:
        time_s = frame.time_s - clip_input.clip.start_s
        try:
            carried = as_lines(notes[-strategy.carried_notes :])[-strategy.max_prompt_chars :]
            answer = yield request_about(clip_input, frame, before, carried)
            notes.append(SpanText(time_s, time_s, answer_text(answer)))
        except MediaError as error:
            gaps.append(f"{time_s:.1f} s is missing: {error}")
        else:
            before, status = frame, answer.status
    if not notes:
        raise MediaError(gaps[-1])
    if len(notes) == 1:
        merged = Merged(notes[0].text, status, ())
    else:
        merged = yield from merge(
            notes,
            strategy.max_prompt_chars,
            lambda lines: clip_input.prompt("merge-notes", notes=lines),
        )
    return CaptionText(merged.text, merged.status, repairs=(*gaps, *merged.gaps))


def request_about(
    clip_input: ClipInput, frame: Frame, before: Frame | None, carried: str
) -> ModelRequest:
    """Ask for all that a frame shows, or for what differs from the frame before."""
    now = f"At {clip_input.time_in_clip(frame)} s:"
    if before is None:
        return ModelRequest((clip_input.prompt("first-frame"), now, frame))
    prompt = clip_input.prompt("next-frame", notes=carried)
    return ModelRequest(
        (prompt, f"Before, at {clip_input.time_in_clip(before)} s:", before, now, frame)
    )
