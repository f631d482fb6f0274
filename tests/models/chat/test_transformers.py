from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.chat_bench import grey_jpeg
from tests.support.pipeline import process, rows
from tests.support.tiny_chat_models import save_blip, save_qwen, save_smol, save_text_only
from tests.support.videos import render
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.chat.conversation import Answer, Conversation, Frame, ModelRequest
from vidcurate.models.chat.options import ModelConfig
from vidcurate.models.chat.transformers import (
    TransformersModel,
    check_transformers,
    open_transformers,
    sampling_of,
)
from vidcurate.models.chat.transformers_inputs import inputs_of, video_metadata, with_fewer_frames
from vidcurate.records import CAPTIONS

pytest.importorskip("transformers")

FRAMES = tuple(Frame(0.5 * n, grey_jpeg(40 * n + 20)) for n in range(4))
FOUR = ModelRequest(("Look.", *(part for n, f in enumerate(FRAMES) for part in (f"Frame {n}:", f))))
Save = Callable[[Path], Path]


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen2.5-VL model on disk."""
    return save_qwen(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module")
def smol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SmolVLM model on disk."""
    return save_smol(tmp_path_factory.mktemp("smol"))


def opened(folder: Path, **options: object) -> TransformersModel:
    """A model of random weights, loaded as a user's."""
    return open_transformers({"model": str(folder), "max_tokens": 5, **options})


def answered(model: TransformersModel, requests: Sequence[ModelRequest]) -> list[Answer]:
    """The answers, none of which is an error."""
    outcomes = model.answer(requests)
    assert all(isinstance(outcome, Answer) for outcome in outcomes)
    return [outcome for outcome in outcomes if isinstance(outcome, Answer)]


@pytest.mark.parametrize("name", ["qwen", "smol"])
def test_a_batch_answers_as_its_requests_alone(name: str, request: pytest.FixtureRequest) -> None:
    """Requests of other lengths and numbers of pictures change no answer, and each is counted."""
    model = opened(request.getfixturevalue(name))
    requests = [ModelRequest(("Hello", FRAMES[0])), FOUR, ModelRequest(("Only words",))]
    together = answered(model, requests)
    alone = [answered(model, [request])[0] for request in requests]
    assert [a.text for a in together] == [a.text for a in alone]
    assert [a.prompt_tokens for a in together] == [a.prompt_tokens for a in alone]
    tokens = [a.prompt_tokens or 0 for a in together]
    assert tokens[1] > tokens[0] > 0
    assert all(a.model == model.options.model and a.seconds > 0 for a in together)


def test_a_cut_answer_is_marked(qwen: Path) -> None:
    """A model that does not end within max_tokens gives that many, and the status says so."""
    model = opened(qwen)
    model.model.generation_config.eos_token_id = [10**6]  # one that it never writes
    [answer] = answered(model, [FOUR])
    assert (answer.status, answer.completion_tokens) == ("truncated", 5)
    [longer] = answered(model, [replace(FOUR, max_tokens=9)])
    assert (longer.status, longer.completion_tokens) == ("truncated", 9)
    [first] = answered(model, [replace(FOUR, max_tokens=1)])
    model.model.generation_config.eos_token_id = ending(model, first.text)
    assert [a.status for a in answered(model, [FOUR])] == ["ok"]


def ending(model: TransformersModel, text: str) -> list[int]:
    """The tokens of a text, as those that end all others."""
    return [int(n) for n in model.processor.tokenizer(text)["input_ids"]]


def test_pictures_count(qwen: Path) -> None:
    """What is written depends on what is seen."""
    model = opened(qwen, max_tokens=40)
    texts = {answered(model, [ModelRequest(("What?", frame))])[0].text for frame in FRAMES}
    assert len(texts) > 1


def test_keyframes_may_be_one_video(qwen: Path) -> None:
    """As a video, pictures are merged in pairs, which takes fewer tokens than pictures do."""
    [pictures] = answered(opened(qwen), [FOUR])
    [video] = answered(opened(qwen, as_video=True), [FOUR])
    assert (video.prompt_tokens or 0) < (pictures.prompt_tokens or 0)
    words = ModelRequest(("Only words",))
    assert len(answered(opened(qwen, as_video=True), [FOUR, words])) == 2
    assert len(answered(opened(qwen, as_video=True), [words])) == 1


def test_a_video_has_the_keyframes_own_times(qwen: Path) -> None:
    """A processor gets the time in the clip of each keyframe, for each clip of a batch."""
    slow = [replace(f, time_s=60.0 + 20 * n, clip_start_s=50.0) for n, f in enumerate(FRAMES)]
    timing = video_metadata(slow)
    assert timing["frames_indices"] == [10_000, 30_000, 50_000, 70_000]
    assert (timing["fps"], timing["duration"]) == (1000.0, 80.0)
    processor = opened(qwen, as_video=True).processor
    requests = [ModelRequest(("Look.", *slow)), ModelRequest(("Look.", *FRAMES))]
    given = inputs_of(processor, ModelConfig(model=str(qwen), as_video=True), requests)
    seconds = [float(s) for s in given["second_per_grid_ts"]]
    assert seconds == pytest.approx([40.0, 1.0])  # a patch is two frames


def test_none_samples_as_the_model_does(qwen: Path) -> None:
    """Without a temperature no sampling is set, and 0 is greedy."""
    assert sampling_of(ModelConfig(model=str(qwen), temperature=None)) == {}
    assert sampling_of(ModelConfig(model=str(qwen), temperature=0)) == {"do_sample": False}
    warm = {"do_sample": True, "temperature": 0.7}
    assert sampling_of(ModelConfig(model=str(qwen), temperature=0.7)) == warm


def test_each_request_has_its_own_token_limit(qwen: Path) -> None:
    """A request that allows fewer tokens than others of its batch gets no more than these."""
    model = opened(qwen)
    model.model.generation_config.eos_token_id = [10**6]
    found = answered(model, [replace(FOUR, max_tokens=2), replace(FOUR, max_tokens=6)])
    assert [(a.completion_tokens, a.status) for a in found] == [(2, "truncated"), (6, "truncated")]


def test_a_model_without_a_chat_sees_one_picture(tmp_path: Path) -> None:
    """BLIP writes of the middle keyframe and says so; a request without any is an error."""
    model = opened(save_blip(tmp_path))
    good, bad = model.answer([FOUR, ModelRequest(("Only words",))])
    assert isinstance(good, Answer)
    assert good.notes == ("the model takes one keyframe: that at 1.00 s, of 4",)
    assert isinstance(bad, MediaError)
    assert "with a picture only" in str(bad)
    [led] = answered(opened(tmp_path, plain_prompt="a red wall"), [FOUR])
    assert isinstance(led.text, str)


def test_conversations_run_in_batches(qwen: Path) -> None:
    """A model of this process holds conversations as any other, in order."""
    model = opened(qwen, batch_size=2)

    def twice(number: int) -> Conversation[tuple[int, str]]:
        first = yield ModelRequest((f"clip {number}", FRAMES[number]))
        second = yield ModelRequest((first.text or "nothing", FRAMES[number]))
        return number, second.text

    results = list(model.converse(twice(number) for number in range(3)))
    assert [r[0] for r in results if not isinstance(r, MediaError)] == [0, 1, 2]


class Greedy:
    """A model that takes more memory than there is for more than so many pictures at once."""

    def __init__(self, model: TransformersModel, most: int) -> None:
        self.model, self.most = model.model, most
        self.asked: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def generate(self, **inputs: object) -> object:
        """Text, unless there are too many pictures."""
        n_pictures = len(inputs.get("image_grid_thw", ()))  # type: ignore[arg-type]
        self.asked.append(n_pictures)
        if n_pictures > self.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return self.model.generate(**inputs)


def test_want_of_memory_halves_the_batch_and_then_the_pictures(qwen: Path) -> None:
    """The same answers come in smaller batches; a request too large alone is shown less, noted."""
    whole = opened(qwen)
    requests = [ModelRequest((f"clip {n}", frame)) for n, frame in enumerate(FRAMES)]
    greedy = Greedy(whole, 2)
    small = replace(whole, model=greedy)
    assert [a.text for a in answered(small, requests)] == [
        a.text for a in answered(whole, requests)
    ]
    assert greedy.asked == [4, 2, 2]
    [less] = answered(small, [FOUR])
    assert less.notes == ("2 keyframes shown because memory ran out",)
    [least] = answered(replace(whole, model=Greedy(whole, 1)), [FOUR])
    assert least.notes == ("1 keyframes shown because memory ran out",)
    tiny = replace(whole, model=Greedy(whole, 0))
    [error] = tiny.answer([FOUR])
    assert isinstance(error, MediaError)
    assert "memory does not hold" in str(error)


def test_other_faults_are_not_taken_for_want_of_memory(qwen: Path) -> None:
    """An error of the model itself is raised as it is."""
    whole = opened(qwen)

    class Broken(Greedy):
        def generate(self, **_inputs: object) -> object:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        replace(whole, model=Broken(whole, 1)).answer([FOUR])


def test_half_of_the_pictures_keep_their_words() -> None:
    """The pictures that stay are every second one, each after the words with its time."""
    fewer = with_fewer_frames(FOUR)
    assert fewer is not None
    assert fewer.parts == ("Look.", "Frame 0:", FRAMES[0], "Frame 2:", FRAMES[2])
    assert with_fewer_frames(ModelRequest(("Look.", FRAMES[0]))) is None


@pytest.mark.parametrize(("save", "words"), [(save_text_only, "cannot look at pictures")])
def test_a_model_that_sees_nothing_is_refused(tmp_path: Path, save: Save, words: str) -> None:
    """A text model is named as one before its weights are read."""
    with pytest.raises(UsageError, match=words):
        check_transformers(ModelConfig(model=str(save(tmp_path))))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """A wrong path, and weights that are not there, are usage errors that say what is needed."""
    with pytest.raises(UsageError, match="give OWNER/NAME of the hub, or a folder"):
        opened(tmp_path)
    save_qwen(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    check_transformers(ModelConfig(model=str(tmp_path)))
    with pytest.raises(UsageError, match="cannot load the model"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("options", "package"), [({"quantise": "4bit"}, "bitsandbytes"), ({"device_map": "auto"}, "")]
)
def test_packages_beyond_the_extra_are_named(
    qwen: Path, options: dict[str, str], package: str
) -> None:
    """Fewer bits and spreading over devices need packages, which the error names."""
    if find_spec(package or "accelerate"):
        pytest.skip("the package is here")
    with pytest.raises(UsageError, match=f"pip install {package or 'accelerate'}"):
        opened(qwen, **options)


def test_captions_come_of_a_model_on_disk(tmp_path: Path, smol: Path) -> None:
    """The stage caption asks a model of this process, and its rows say which."""
    video = render(tmp_path / "video.mp4", audio=False)
    options = {
        "split": {"min_clip_s": 1.0},
        "keyframes": {"method": "uniform", "count": 2},
        "caption": {
            "backend": "transformers",
            "model": str(smol),
            "max_tokens": 8,
            "clean": (),
        },
    }
    process(tmp_path / "out", options, video)
    found = rows(tmp_path / "out", CAPTIONS)
    assert len(found) == 3
    for caption in found:
        assert (caption.backend, caption.model) == ("transformers", str(smol))
        assert caption.text
        assert caption.status == "truncated"
        assert caption.completion_tokens == 8
        assert len(caption.frame_times_s) == 2
