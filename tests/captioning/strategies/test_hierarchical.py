from collections.abc import Sequence

from tests.support.conversations import Model, reply
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.strategies.hierarchical import (
    SummaryPrompts,
    VideoSummary,
    summarise_video,
)
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Outcome, run_conversation
from vidcurate.records import Scene, SpanText

SCENES = (
    Scene(0.0, 6.0, (SpanText(0.0, 2.0, "A hare sits."), SpanText(2.0, 6.0, "It runs."))),
    Scene(6.0, 9.0, (SpanText(6.0, 9.0, "A butterfly."),)),
    Scene(9.0, 20.0, (SpanText(9.0, 12.0, "Rain."), SpanText(12.0, 20.0, "Sun."))),
)


def caption_by(
    outcomes: Sequence[Outcome], scenes: Sequence[Scene] = SCENES, max_chars: int = 1000
) -> tuple[VideoSummary | MediaError, Model]:
    """What telling a video comes to, and the model that was asked."""
    prompts = SummaryPrompts(load_prompt("scene"), load_prompt("video"), "German", max_chars)
    model = Model(outcomes)
    return run_conversation(summarise_video(scenes, prompts), model.ask), model


def test_each_level_is_written_from_the_one_below() -> None:
    """Scenes come from clips, the video from scenes; a scene of one clip needs no request."""
    result, model = caption_by([reply("Hare."), reply("Weather."), reply("Video.")])
    assert result == VideoSummary(
        "Video.",
        "ok",
        (SpanText(0, 6, "Hare."), SpanText(6, 9, "A butterfly."), SpanText(9, 20, "Weather.")),
        (),
    )
    first, second, video = model.texts()
    assert "0.0 to 2.0 s: A hare sits.\n2.0 to 6.0 s: It runs." in first
    assert "9.0 to 12.0 s: Rain." in second
    assert "0.0 to 6.0 s: Hare.\n6.0 to 9.0 s: A butterfly.\n9.0 to 20.0 s: Weather." in video
    assert all("German" in text for text in model.texts())


def test_a_scene_that_fails_leaves_a_gap() -> None:
    """The video is described without it, and the gap is named."""
    result, _ = caption_by(
        [MediaError("no answer"), reply("Weather."), reply("Video.", "truncated")]
    )
    assert isinstance(result, VideoSummary)
    assert [scene.start_s for scene in result.scenes] == [6.0, 9.0]
    assert result.gaps == ("0.0 to 6.0 s is missing: no answer",)
    assert result.status == "truncated"


def test_a_video_without_any_scene_text_is_an_error() -> None:
    """Where every scene fails, or the request for the video, the reason is raised."""
    down = MediaError("down")
    no_scene, _ = caption_by([down, down], [SCENES[0], SCENES[2]])
    no_video, _ = caption_by([reply("a"), reply("b"), down])
    for result in (no_scene, no_video):
        assert isinstance(result, MediaError)
        assert "down" in str(result)


def test_no_request_grows_with_the_video() -> None:
    """A video of 300 scenes is merged in steps, each within the bound."""
    scenes = [Scene(n, n + 1, (SpanText(n, n + 1, f"Scene {n} " * 9),)) for n in range(300)]
    result, model = caption_by([reply("part")] * 300, scenes, 1000)
    assert isinstance(result, VideoSummary)
    assert (result.text, len(result.scenes)) == ("part", 300)
    longest = 1000 + len(load_prompt("video").text)
    assert max(map(len, model.texts())) <= longest
    assert all(any(f"Scene {n} " in text for text in model.texts()) for n in range(300))
