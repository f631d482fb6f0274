from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.speech_server import Reply, SpeechScript, four_words, transcribing
from vidcurate.errors import MediaError, ServerDownError, ServerError, UsageError
from vidcurate.models.audio.speech_server import SpeechServer, open_speech_server
from vidcurate.models.audio.transcription import Heard, HeardSegment
from vidcurate.models.notices import take_notices
from vidcurate.stages.sources.transcribe_options import SpeechServerConfig

SECOND = np.zeros(16_000, np.float32)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpeechScript]:
    """A running server that hears four words."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with transcribing(SpeechScript()) as script:
        yield script
    take_notices()


def opened(script: SpeechScript, **options: float) -> SpeechServer:
    """The server as a model, with short waits."""
    given = {"backoff_s": 0.001, "concurrency": 2, **options}
    return open_speech_server(SpeechServerConfig(model="ear", base_url=script.url, **given))


def heard(
    server: SpeechServer, *seconds: int, language: str | None = None
) -> list[Heard | MediaError]:
    """What is heard in sounds of some seconds."""
    sounds: list[NDArray[np.float32]] = [np.tile(SECOND, n) for n in seconds]
    return list(server.hear(sounds, language))


def only_segment(result: Heard | MediaError) -> HeardSegment:
    """The one sentence of a result."""
    assert isinstance(result, Heard)
    (segment,) = result.segments
    return segment


def test_words_have_times_and_the_stops_of_the_text(script: SpeechScript) -> None:
    """Words come in order with their times; the stops that a server leaves out of them are kept."""
    first, second = heard(opened(script), 2, 4, language="en")
    segment = only_segment(second)
    assert [word.text for word in segment.words] == [" Look,", " the", " hare", " runs."]
    assert [word.start_s for word in segment.words] == pytest.approx([0.4, 1.2, 2.0, 2.8])
    assert segment.mean_log_probability == -0.2
    assert segment.has_word_times
    assert only_segment(first).words[0].end_s == pytest.approx(0.7)
    fields, seconds = max(script.asked, key=lambda asked: asked[1])
    assert seconds == pytest.approx(4)
    assert fields["model"] == ["ear"]
    assert fields["language"] == ["en"]


@pytest.mark.parametrize(
    ("refused", "n_asked"), [("timestamp_granularities[]", 2), ("response_format", 3)]
)
def test_a_server_that_tells_no_times_is_asked_for_less(
    script: SpeechScript, refused: str, n_asked: int
) -> None:
    """What it refuses is left out from then on, and said once; words then share the time."""

    def say(fields: Mapping[str, list[str]], seconds: float) -> Reply:
        is_asked = fields.get(refused, ["json"]) != ["json"]
        if is_asked:
            return 400, {"error": {"message": "unsupported value", "param": refused}}
        return four_words(fields, seconds)

    script.say = say
    first, second = heard(opened(script, concurrency=1), 4, 4)
    segment = only_segment(first)
    assert [word.text for word in segment.words] == [" Look,", " the", " hare", " runs."]
    assert not segment.has_word_times
    assert segment.words[-1].end_s == pytest.approx(segment.end_s)
    assert second == first
    assert len(script.asked) == n_asked + 1
    assert len(take_notices()) == n_asked - 1


def test_a_fault_that_passes_is_tried_again(script: SpeechScript) -> None:
    """After 503 the same sound is sent once more; a server of faults alone ends the run."""
    replies = [(503, {"error": {"message": "loading"}})]
    script.say = lambda fields, seconds: replies.pop() if replies else four_words(fields, seconds)
    (result,) = heard(opened(script), 2)
    assert isinstance(result, Heard)
    assert len(script.asked) == 2
    script.say = lambda _fields, _seconds: (401, {"error": {"message": "no key"}})
    (refused,) = heard(opened(script), 2)
    assert isinstance(refused, ServerDownError)
    assert "set $OPENAI_API_KEY to a key" in str(refused)


def test_an_answer_that_is_none_leaves_the_video_to_be_done(script: SpeechScript) -> None:
    """Something else than a transcription is an error that names what is missing."""
    script.say = lambda _fields, _seconds: (200, {"choices": []})
    (result,) = heard(opened(script, max_retries=0), 1)
    assert isinstance(result, ServerError)
    assert "the answer is not a transcription: it has no text" in str(result)


def test_a_silent_answer_has_no_words(script: SpeechScript) -> None:
    """An empty text is nothing heard, and no fault."""
    script.say = lambda _fields, _seconds: (200, {"text": "", "segments": []})
    assert heard(opened(script), 1) == [Heard((), None)]


def test_an_address_without_http_is_refused() -> None:
    """The option at fault is named before anything is sent."""
    with pytest.raises(UsageError, match="must begin with http"):
        open_speech_server(SpeechServerConfig(model="ear", base_url="localhost:8000"))
