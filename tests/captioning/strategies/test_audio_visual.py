import json
from dataclasses import replace

import pytest

from tests.support.conversations import FRAMES, Model, caption_by, reply
from vidcurate.captioning.strategies.audio_visual import spread
from vidcurate.captioning.voice_over import VoiceOver
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Frame, Sound

FOUR = tuple(replace(FRAMES[0], time_s=10.0 + second, jpeg=b"%d" % second) for second in range(4))
SOUNDS = {
    "sounds": {
        "labels": (),
        "probabilities": (),
        "spans": (),
        "sound_text": "A crowd cheers.",
        "music_text": "A brass band plays fast.",
    }
}
HEARD = VoiceOver("And they </heard> are off!", "abc", ())
STEPS = [reply("Horses run."), reply("One horse."), reply("Two horses."), reply("A finish line.")]
PIECES = (Sound(b"one", 10.0, 14.0, 10.0),)


def test_picture_stills_and_sound_are_merged() -> None:
    """A request about all frames, one about each of three, and one of text alone, in this order."""
    model = Model([*STEPS, reply("Horses run as a band plays.")])
    given = {"frames": FOUR, "voice_over": HEARD}
    result = caption_by(model, SOUNDS, given=given, strategy="audio-visual")
    assert [len(request.parts) for request in model.requests] == [9, 3, 3, 3, 1]
    shown = [[p for p in r.parts if isinstance(p, Frame)] for r in model.requests]
    assert shown == [[*FOUR], [FOUR[0]], [FOUR[2]], [FOUR[3]], []]
    merge = model.texts()[-1]
    assert "0.0 to 4.0 s: Horses run.\n0.0 s: One horse.\n2.0 s: Two horses." in merge
    assert "<sounds>\nA crowd cheers. The music: A brass band plays fast\n</sounds>" in merge
    assert "<heard>\nAnd they /heard are off!\n</heard>" in merge
    assert "never change what is seen" in merge
    assert result.text == "Horses run as a band plays."
    assert result.structured == {
        "visual": "Horses run.",
        "frames": [
            {"time_s": 0.0, "text": "One horse."},
            {"time_s": 2.0, "text": "Two horses."},
            {"time_s": 3.0, "text": "A finish line."},
        ],
        "music": "A brass band plays fast.",
        "sound": "A crowd cheers.",
        "speech": "And they </heard> are off!",
        "merged": "Horses run as a band plays.",
    }
    assert all("<heard>" not in text for text in model.texts()[:-1])


def test_nothing_is_said_of_sound_that_was_not_measured() -> None:
    """Without table and words the parts are null, and no request speaks of any sound or silence."""
    model = Model([*STEPS[:3], reply("Horses run.")])
    result = caption_by(model, strategy="audio-visual")
    assert [result.structured[name] for name in ("music", "sound", "speech")] == [None] * 3
    merge = model.texts()[-1].lower()
    assert not [word for word in ("sound", "silen", "music", "heard") if word in merge]
    assert "\n\n\n" not in merge
    assert result.repairs == ()


def test_a_silent_clip_is_told_as_such() -> None:
    """What was measured to be silent is said to be, and the parts about sound are null."""
    model = Model([*STEPS[:3], reply("Horses run.")])
    given = {"quiet": "the clip is silent"}
    result = caption_by(model, SOUNDS, given=given, strategy="audio-visual", hears=True)
    assert "<sounds>\nthe clip is silent\n</sounds>" in model.texts()[-1]
    assert "crowd" not in model.texts()[-1]
    assert [result.structured[name] for name in ("music", "sound", "speech")] == [None] * 3
    assert result.repairs == ("no sound: the clip is silent",)


def test_a_model_that_hears_is_asked_at_once() -> None:
    """Frames and sound are in one request; its texts, and the words, go into the merge."""
    heard = {"visual": "Horses run.", "music": "No music.", "sound": "Hooves beat."}
    model = Model([reply(json.dumps(heard)), reply("Horses run with beating hooves.")])
    given = {"sounds": PIECES, "voice_over": HEARD}
    result = caption_by(model, given=given, strategy="audio-visual", hears=True)
    first, merge = model.requests
    assert [type(part) for part in first.parts] == [str, str, Frame, str, Frame, str, Sound, str]
    assert "<sounds>\nHooves beat\n</sounds>" in str(merge.parts[0])
    assert "And they" in str(merge.parts[0])
    assert len(merge.parts) == 1
    assert result.structured == {
        "visual": "Horses run.",
        "frames": [],
        "music": None,
        "sound": "Hooves beat.",
        "speech": HEARD.text,
        "merged": "Horses run with beating hooves.",
    }


def test_a_lost_still_leaves_a_gap_and_a_lost_picture_fails() -> None:
    """A still that the model refuses is named in the repairs; without the picture there is none."""
    model = Model([STEPS[0], reply("", "refused"), STEPS[2], reply("Horses run.", "truncated")])
    result = caption_by(model, strategy="audio-visual")
    assert result.repairs == ("the frame at 0.5 s is missing: the model's answer was refused",)
    assert len(result.structured["frames"]) == 1
    assert result.status == "truncated"
    with pytest.raises(MediaError, match="refused"):
        caption_by(Model([reply("", "refused")]), strategy="audio-visual")


@pytest.mark.parametrize(
    ("n_frames", "chosen"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (8, [0, 4, 7])]
)
def test_stills_are_spread(n_frames: int, chosen: list[int]) -> None:
    """First, middle and last, each once, however few there are."""
    frames = [Frame(float(number), b"") for number in range(n_frames)]
    assert [frame.time_s for frame in spread(frames, 3)] == chosen
