import io
import wave
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.chat_bench import grey_jpeg
from tests.support.tiny_chat_models import save_smol
from tests.support.tiny_hearing_models import (
    gemma3n_processor,
    phi4_processor,
    save_qwen_audio,
    save_qwen_omni,
)
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.chat.conversation import (
    Answer,
    ChoiceAnswer,
    Frame,
    ModelRequest,
    Outcome,
    Sound,
    ask_choice,
)
from vidcurate.models.chat.options import TransformersConfig
from vidcurate.models.chat.transformers import (
    TransformersModel,
    check_transformers,
    open_transformers,
)
from vidcurate.models.chat.transformers_inputs import inputs_of, with_fewer_frames

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


def tone(frequency_hz: int, seconds: float = 1.0) -> Sound:
    """A sound of one pitch."""
    times_s = np.arange(int(16_000 * seconds)) / 16_000
    samples = (np.sin(2 * np.pi * frequency_hz * times_s) * 20_000).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(samples.tobytes())
    return Sound(file.getvalue(), 0.0, seconds)


LOW, MIDDLE, HIGH = tone(100), tone(1000, 0.5), tone(3000)
FRAMES = tuple(Frame(0.5 * n, grey_jpeg(40 * n + 20)) for n in range(4))


@pytest.fixture(scope="module")
def omni(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """A tiny Qwen2.5-Omni, loaded as a user's: it sees, hears and would also speak."""
    folder = save_qwen_omni(tmp_path_factory.mktemp("omni"))
    return opened(folder, hears=True)


@pytest.fixture(scope="module")
def ear(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """A tiny Qwen2-Audio, which hears and sees nothing."""
    return opened(save_qwen_audio(tmp_path_factory.mktemp("audio")), hears=True)


def opened(folder: Path, **options: object) -> TransformersModel:
    """A model of random weights."""
    return open_transformers({"model": str(folder), "max_tokens": 4, **options})


def texts(outcomes: Sequence[Outcome]) -> list[str]:
    """The texts of answers, none of which is an error."""
    assert all(isinstance(outcome, Answer) for outcome in outcomes)
    return [outcome.text for outcome in outcomes if isinstance(outcome, Answer)]


@pytest.mark.parametrize("name", ["omni", "ear"])
def test_sounds_of_a_batch_go_to_their_requests(name: str, request: pytest.FixtureRequest) -> None:
    """Requests with no, one and two sounds are answered together as they are alone."""
    model = request.getfixturevalue(name)
    seen = FRAMES[:1] if name == "omni" else ()
    requests = [
        ModelRequest(("Listen:", LOW)),
        ModelRequest(("Only words",)),
        ModelRequest(("Two:", HIGH, *seen, "and", MIDDLE)),
    ]
    assert texts(model.answer(requests)) == texts([model.ask(one) for one in requests])


def test_sound_is_heard(omni: TransformersModel) -> None:
    """A processor gets the samples themselves, at 16 kHz, in the order in which they are asked."""
    given = inputs_of(omni.processor, omni.options, [ModelRequest(("a", HIGH, "b", MIDDLE, LOW))])
    seconds = given["feature_attention_mask"].sum(-1) * 0.01
    assert seconds.tolist() == pytest.approx([1.0, 0.5, 1.0], abs=0.02)
    pitches = given["input_features"].mean(-1).argmax(-1).tolist()
    assert pitches[0] > pitches[1] > pitches[2]


def test_the_part_that_writes_is_read_from_a_model_that_speaks(omni: TransformersModel) -> None:
    """Only the weights of the part that writes are loaded, and they are those of the folder."""
    kept = pytest.importorskip("safetensors.torch").load_file(
        Path(omni.options.model) / "model.safetensors"
    )
    own = dict(omni.model.state_dict())
    assert {f"thinker.{name}" for name in own} == set(kept)
    assert all(tensor.equal(kept[f"thinker.{name}"]) for name, tensor in own.items())


def test_a_model_that_hears_counts_the_seconds_of_a_video(omni: TransformersModel) -> None:
    """Qwen2.5-Omni takes one frame rate, so clips of other rates are answered one by one."""
    slow = [replace(f, time_s=60.0 + 20 * n, clip_start_s=50.0) for n, f in enumerate(FRAMES)]
    options = TransformersConfig(model=omni.options.model, as_video=True)
    given = inputs_of(omni.processor, options, [ModelRequest(("Look.", *slow))])
    assert given["video_second_per_grid"].tolist() == pytest.approx([40.0])
    both = [ModelRequest(("Look.", *slow)), ModelRequest(("Look.", *FRAMES))]
    with pytest.raises(MediaError, match="one frame rate at a time"):
        inputs_of(omni.processor, options, both)


def test_what_a_model_cannot_take_is_refused(
    ear: TransformersModel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Pictures for a model that hears only, and sound for one that sees only, are errors."""
    error = ear.ask(ModelRequest(("Look", FRAMES[0])))
    assert isinstance(error, MediaError)
    assert "takes no pictures" in str(error)
    folder = save_smol(tmp_path_factory.mktemp("smol"))
    deaf = opened(folder).ask(ModelRequest(("Listen", LOW)))
    assert isinstance(deaf, MediaError)
    assert "takes no sound" in str(deaf)
    with pytest.raises(UsageError, match="takes no sound: leave out hears"):
        check_transformers(TransformersConfig(model=str(folder), hears=True))
    with pytest.raises(UsageError, match="cannot look at pictures"):
        check_transformers(TransformersConfig(model=ear.options.model))


@pytest.mark.parametrize("make", [phi4_processor, gemma3n_processor])
def test_processors_of_other_families_take_sound(make: Callable[[], Any]) -> None:
    """Phi-4-multimodal and Gemma 3n get each sound of a batch in its place."""
    requests = [ModelRequest(("a", HIGH, FRAMES[0], "b", MIDDLE)), ModelRequest((LOW, FRAMES[1]))]
    given = inputs_of(make(), TransformersConfig(model="eye"), requests)
    features = given[
        "audio_input_features" if "audio_input_features" in given else "input_features"
    ]
    assert len(features) == 3
    mask = given[
        "audio_attention_mask" if "audio_attention_mask" in given else "input_features_mask"
    ]
    seconds = (mask.sum(-1) / 100).tolist()
    assert seconds == pytest.approx([1.0, 0.5, 1.0], abs=0.05)


def test_fewer_frames_leave_sound_alone() -> None:
    """Where memory is short every second picture goes with its words, and no sound does."""
    parts = ("Hear", LOW, "Frame 0:", FRAMES[0], MIDDLE, FRAMES[1], "Frame 2:", FRAMES[2])
    fewer = with_fewer_frames(ModelRequest(parts))
    assert fewer is not None
    assert fewer.parts == ("Hear", LOW, "Frame 0:", FRAMES[0], MIDDLE, "Frame 2:", FRAMES[2])


def all_of(model: TransformersModel, request: ModelRequest, tokens: Sequence[int]) -> float:
    """The probability of some first tokens of an answer, straight from the model."""
    inputs: dict[str, Any] = dict(inputs_of(model.processor, model.options, [request]))
    with torch.inference_mode():
        scores = model.model(**inputs).logits[0, -1].float()
    return float(torch.softmax(scores, -1)[list(tokens)].sum())


def test_the_probability_of_a_choice_is_the_models_own(omni: TransformersModel) -> None:
    """A choice has the probabilities of all first tokens that begin it, however unlikely."""
    request = ModelRequest(("Is it loud?", LOW), choices=("yes", "no"), max_tokens=1)
    answer = omni.ask(request)
    assert isinstance(answer, Answer)
    assert answer.score_from == "logprobs"
    numbers = omni.processor.tokenizer.convert_tokens_to_ids
    told = {choice: exp(value) for choice, value in (answer.choice_logprobs or {}).items()}
    for choice in ("yes", "no"):
        firsts = [numbers(choice[0]), numbers(choice[0].upper())]
        assert told[choice] == pytest.approx(all_of(omni, request, firsts), rel=1e-3)


def test_choices_are_asked_apart_from_texts(omni: TransformersModel) -> None:
    """In a mixed batch each request has its own kind of answer, whatever the temperature is."""
    warm = replace(omni, options=omni.options.model_copy(update={"temperature": 1.5}))
    choosing = ModelRequest(("Is it?", FRAMES[0]), choices=("yes", "no"))
    first, text, last = warm.answer([choosing, ModelRequest(("Tell.",)), choosing])
    assert isinstance(first, Answer)
    assert isinstance(text, Answer)
    assert isinstance(last, Answer)
    assert text.choice_logprobs is None
    assert first.choice_logprobs == pytest.approx(last.choice_logprobs)
    [result] = omni.converse([ask_choice(["Is it?", FRAMES[0]], ("yes", "no"))])
    assert isinstance(result, ChoiceAnswer)
    assert sum(result.probabilities.values()) == pytest.approx(1.0)
    assert 0.0 < result.outside < 1.0
