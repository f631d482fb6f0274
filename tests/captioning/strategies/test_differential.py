from collections.abc import Sequence

import pytest

from tests.support.conversations import CLIP, Model, reply
from vidcurate.captioning.clip_input import CaptionText, ClipInput
from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.strategies.registry import STRATEGIES, prompts_of
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Frame, ModelRequest, Outcome, run_conversation

FIRST, NEXT, MERGE = "This is the first", "These are two still", "Below are notes"


def video(outcomes: Sequence[Outcome], n_frames: int = 4, **options: int) -> tuple[object, Model]:
    """What the strategy makes of so many frames, and the model that was asked."""
    config = CaptionConfig(backend="openai", model="eye", strategy="differential", **options)
    frames = tuple(Frame(10.0 + n / 2, f"jpeg {n}".encode()) for n in range(n_frames))
    clip_input = ClipInput(CLIP, frames, {}, prompts_of(config), config)
    model = Model(outcomes)
    return run_conversation(STRATEGIES["differential"].converse(clip_input), model.ask), model


def jpegs(request: ModelRequest) -> list[bytes]:
    """The pictures of a request."""
    return [part.jpeg for part in request.parts if isinstance(part, Frame)]


def test_each_frame_is_described_by_its_change() -> None:
    """The first alone, then pairs with the note before, then all notes with their times."""
    result, model = video(
        [reply("a hare"), reply("it sits"), reply("it runs"), reply("gone"), reply("T")]
    )
    assert result == CaptionText("T", "ok")
    first, *pairs, last = model.texts()
    assert first.startswith(FIRST)
    assert all(text.startswith(NEXT) for text in pairs)
    assert [jpegs(request) for request in model.requests] == [
        [b"jpeg 0"],
        [b"jpeg 0", b"jpeg 1"],
        [b"jpeg 1", b"jpeg 2"],
        [b"jpeg 2", b"jpeg 3"],
        [],
    ]
    assert "0.5 s: it sits" in pairs[1]
    assert "a hare" not in pairs[1]
    assert last.startswith(MERGE)
    assert "0.0 s: a hare\n0.5 s: it sits\n1.0 s: it runs\n1.5 s: gone" in last


def test_more_notes_may_be_carried() -> None:
    """The option sets how many earlier notes go with the next frame."""
    answers = [reply(f"note {n}") for n in range(5)]
    _, model = video(answers, carried_notes=2)
    assert "note 0\n0.5 s: note 1" in model.texts()[2]
    assert "note 0" not in model.texts()[3]


def test_a_frame_that_fails_costs_itself() -> None:
    """The next frame is compared with the last described one, and the gap is noted."""
    bad = reply("", "refused")
    result, model = video([reply("a"), MediaError("down"), bad, reply("c"), reply("T")])
    assert isinstance(result, CaptionText)
    assert (result.text, result.status) == ("T", "ok")
    assert result.repairs == (
        "0.5 s is missing: down",
        "1.0 s is missing: the model's answer was refused",
    )
    assert jpegs(model.requests[3]) == [b"jpeg 0", b"jpeg 3"]


def test_a_first_frame_that_fails_is_replaced() -> None:
    """Until one frame is described, the next is described in full."""
    result, model = video([MediaError("down"), reply("b"), reply("c"), reply("d"), reply("T")])
    assert isinstance(result, CaptionText)
    assert model.texts()[1].startswith(FIRST)


def test_one_note_needs_no_merging() -> None:
    """A single frame's text is the caption, with its own status, whatever failed after it."""
    result, model = video([reply("cut", "truncated")], n_frames=1)
    assert result == CaptionText("cut", "truncated")
    result, model = video([reply("cut", "truncated"), reply("", "refused")], n_frames=2)
    assert isinstance(result, CaptionText)
    assert (result.text, result.status) == ("cut", "truncated")
    assert len(model.requests) == 2


@pytest.mark.parametrize("n_answers", [0, 4])
def test_no_note_or_no_merging_is_an_error(n_answers: int) -> None:
    """Where no frame is described, or merging fails, the clip fails with the reason."""
    outcomes = [reply("a")] * n_answers + [MediaError("down")] * 5
    result, _ = video(outcomes)
    assert isinstance(result, MediaError)
    assert "down" in str(result)


def test_any_number_of_frames_is_described() -> None:
    """Of 200 frames the notes are merged in steps, and no request is longer than allowed."""
    notes = [reply(f"change {n}: " + "something moves " * 5) for n in range(200)]
    result, model = video([*notes, *[reply("part")] * 80], n_frames=200, max_prompt_chars=1000)
    assert isinstance(result, CaptionText)
    assert result.text == "part"
    merging = [text for text in model.texts() if text.startswith(MERGE)]
    assert len(merging) > 20
    assert max(map(len, model.texts())) < 1000 + 1600
    assert all(any(f"change {n}:" in text for text in merging) for n in range(200))
