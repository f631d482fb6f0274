from collections.abc import Sequence

from tests.support.talks import Model, says
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.strategies.hierarchical import Narrated, Narrator, narrate
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import Outcome, hold
from vidcurate.records import Scene, ToldSpan

SCENES = (
    Scene(0.0, 6.0, (ToldSpan(0.0, 2.0, "A hare sits."), ToldSpan(2.0, 6.0, "It runs."))),
    Scene(6.0, 9.0, (ToldSpan(6.0, 9.0, "A butterfly."),)),
    Scene(9.0, 20.0, (ToldSpan(9.0, 12.0, "Rain."), ToldSpan(12.0, 20.0, "Sun."))),
)


def told(
    outcomes: Sequence[Outcome], scenes: Sequence[Scene] = SCENES, most_chars: int = 1000
) -> tuple[Narrated | MediaError, Model]:
    """What telling a video comes to, and the model that was asked."""
    narrator = Narrator(load_prompt("scene"), load_prompt("video"), "German", most_chars)
    model = Model(outcomes)
    return hold(narrate(scenes, narrator), model.ask), model


def test_each_level_is_told_from_the_one_below() -> None:
    """Scenes are told from clips, the video from scenes; a scene of one clip needs no request."""
    result, model = told([says("Hare."), says("Weather."), says("Video.")])
    assert result == Narrated(
        "Video.",
        "ok",
        (ToldSpan(0, 6, "Hare."), ToldSpan(6, 9, "A butterfly."), ToldSpan(9, 20, "Weather.")),
        (),
    )
    first, second, video = model.texts()
    assert "0.0 to 2.0 s: A hare sits.\n2.0 to 6.0 s: It runs." in first
    assert "9.0 to 12.0 s: Rain." in second
    assert "0.0 to 6.0 s: Hare.\n6.0 to 9.0 s: A butterfly.\n9.0 to 20.0 s: Weather." in video
    assert all("German" in text for text in model.texts())


def test_a_scene_that_fails_leaves_a_gap() -> None:
    """The video is told without it, and the gap is named."""
    result, _ = told([MediaError("no answer"), says("Weather."), says("Video.", "truncated")])
    assert isinstance(result, Narrated)
    assert [scene.start_s for scene in result.scenes] == [6.0, 9.0]
    assert result.gaps == ("0.0 to 6.0 s is missing: no answer",)
    assert result.status == "truncated"


def test_a_video_without_scenes_told_is_an_error() -> None:
    """Where every scene fails, or the video's own request, the reason is told."""
    down = MediaError("down")
    no_scene, _ = told([down, down], [SCENES[0], SCENES[2]])
    no_video, _ = told([says("a"), says("b"), down])
    for result in (no_scene, no_video):
        assert isinstance(result, MediaError)
        assert "down" in str(result)


def test_no_request_grows_with_the_video() -> None:
    """A video of 300 scenes is merged in steps, each within the bound."""
    scenes = [Scene(n, n + 1, (ToldSpan(n, n + 1, f"Scene {n} " * 9),)) for n in range(300)]
    result, model = told([says("part")] * 300, scenes, 1000)
    assert isinstance(result, Narrated)
    assert (result.text, len(result.scenes)) == ("part", 300)
    longest = 1000 + len(load_prompt("video").text)
    assert max(map(len, model.texts())) <= longest
    assert all(any(f"Scene {n} " in text for text in model.texts()) for n in range(300))
