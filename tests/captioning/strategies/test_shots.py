import json
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.chat_bench import grey_jpeg
from tests.support.conversations import CLIP, Model, caption_by, reply
from tests.support.tiny_models import save_classifier
from vidcurate.captioning.expert_classifier import check_expert, open_expert
from vidcurate.captioning.file_options import caption_file_options
from vidcurate.captioning.forms import load_form
from vidcurate.captioning.options import CaptionConfig
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.strategies.experts import CAMERA_PHRASES, EXPRESSIONS, NOT_VISIBLE
from vidcurate.captioning.strategies.fusion import omitted_fields, spoken
from vidcurate.captioning.strategies.registry import cleaning_rules
from vidcurate.captioning.strategies.shots import vocabularies
from vidcurate.captioning.text.json_answer import fault_in
from vidcurate.captioning.usage import Usage
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.chat.conversation import Answer, Frame, ModelRequest, Outcome
from vidcurate.stages.captions.caption import estimated_requests

WOMAN = {
    "type": "Human",
    "sub_type": "Woman",
    "appearance": "red coat",
    "action": "turns her head",
    "expression": "a broad smile",
    "position": "left",
    "is_main_subject": True,
}
DOOR = {**WOMAN, "type": "Building", "sub_type": "Door", "action": "", "is_main_subject": False}
FORM: dict[str, Any] = {
    "subjects": [WOMAN, DOOR],
    "shot_type": "close_up",
    "shot_angle": "eye_level",
    "shot_position": "from afar",
    "camera_motion": "the camera pans left",
    "environment": "a yard",
    "lighting": "dusk",
}
PAN_RIGHT = {"motion": {"camera": "pan_right", "pan_right_share": 0.9, "pan_left_share": 0.0}}
FRAMING = ("close-up", "eye level", "side view")
TEXT, SHORT = "Close-up, eye level: a woman turns her head.", "A woman turns her head."


def choose(word: str, probability: float = 0.8) -> Answer:
    """An answer with its probability; the rest is that of answers that are no choice."""
    return replace(reply(word), choice_logprobs={word: log(probability)}, score_from="logprobs")


def no_word(text: str = "It is a wide shot.") -> Answer:
    """An answer with none of the words."""
    return replace(reply(text), choice_logprobs={}, score_from="logprobs")


def answers(
    *,
    form: dict[str, Any] = FORM,
    framing: tuple[str, ...] = FRAMING,
    expression: tuple[str, ...] = ("happy",),
    camera: tuple[str, ...] = ("pan left",),
) -> list[Outcome]:
    """What a model says to all requests, in their order."""
    words = (*framing, *expression, *camera)
    return [reply(json.dumps(form)), *map(choose, words), reply(TEXT), reply(SHORT)]


def questions(model: Model) -> list[str]:
    """What each request was about: its choices in short, or what it asks for."""
    return [
        request.choices[0] if request.choices else "form" if request.schema else "text"
        for request in model.requests
    ]


def test_the_form_then_experts_then_the_texts() -> None:
    """One general request, one for each field that an expert decides, then texts from fields."""
    model = Model(answers())
    result = caption_by(model, strategy="shots", omit_probability=0)
    assert questions(model) == [
        *("form", "long shot", "eye level", "front view"),
        *("neutral", "static", "text", "text"),
    ]
    shown = [sum(isinstance(p, Frame) for p in request.parts) for request in model.requests]
    assert shown == [2] * 6 + [0] * 2
    assert (result.text, result.short_text, result.status) == (TEXT, SHORT, "ok")
    assert "Woman; red coat; left" in model.texts()[4]
    t2v, i2v = model.texts()[6:]
    assert "shot position: side view" in t2v
    assert "red coat" in t2v
    assert "- action: turns her head\n- expression: a broad smile\ncamera motion:" in i2v
    assert "red coat" not in i2v


def test_an_expert_wins_over_the_general_answer() -> None:
    """What an expert decides replaces the answer, with its probability; `conflicts` says so."""
    model = Model(answers(framing=("medium shot", "eye level", "side view")))
    result = caption_by(model, strategy="shots")
    assert result.structured["shot_type"] == "medium_shot"
    assert result.structured["decided"]["shot_type"] == {
        "word": "medium shot",
        "probability": 0.8,
        "score_from": "logprobs",
        "by": "eye",
    }
    assert result.conflicts == (
        "shot_type: says 'close_up', decided medium shot (80%)",
        "shot_position: says 'from afar', decided side view (80%)",
    )
    assert result.structured["shot_position"] == "side_view"
    assert result.repairs == ()


def test_a_measured_camera_is_not_asked_for() -> None:
    """Where `motion` names a movement it stands in the form; otherwise the model is asked."""
    model = Model(answers(camera=()))
    result = caption_by(model, PAN_RIGHT, strategy="shots")
    assert "static" not in questions(model)
    assert result.structured["camera_motion"] == "the camera pans right"
    assert result.structured["decided"]["camera_motion"]["probability"] == 0.9
    assert result.conflicts[-1] == (
        "camera_motion: says 'the camera pans left', measured pan right (90%)"
    )


@pytest.mark.parametrize(
    "motion", [{"camera": "unknown"}, {"camera": "pan_right", "pan_right_share": 0.4}]
)
def test_an_unknown_camera_is_asked_for(motion: dict[str, Any]) -> None:
    """Without a movement for half of the clip the model decides, in words of `motion` and more."""
    model = Model(answers(camera=("follow the subject",)))
    result = caption_by(model, {"motion": motion}, strategy="shots")
    assert questions(model)[5] == "static"
    assert result.structured["camera_motion"] == "the camera follows the subject"
    unclear = caption_by(Model(answers(camera=("unclear",))), strategy="shots")
    assert unclear.structured["camera_motion"] is None


def test_an_expression_that_agrees_keeps_its_words() -> None:
    """A smile is happy and stays as it was told; another expression replaces it."""
    agreed = caption_by(Model(answers()), strategy="shots").structured["subjects"]
    assert agreed[0]["expression"] == "a broad smile"
    assert agreed[1]["expression"] is None
    sad = caption_by(Model(answers(expression=("sad",))), strategy="shots")
    assert sad.structured["subjects"][0]["expression"] == "sad"
    assert (
        "expression of subject 1, Woman: says 'a broad smile', decided sad (80%)" in sad.conflicts
    )
    hidden = caption_by(Model(answers(expression=(NOT_VISIBLE,))), strategy="shots")
    assert hidden.structured["subjects"][0]["expression"] is None


def test_faces_of_a_crowd_are_bounded() -> None:
    """Four people and animals are asked about, main ones first; the row says how many are not."""
    crowd = [{**WOMAN, "sub_type": f"W{n}", "is_main_subject": n == 5} for n in range(6)]
    model = Model(answers(form={**FORM, "subjects": crowd}, expression=("happy",) * 4))
    result = caption_by(model, strategy="shots")
    asked = [text for text in model.texts() if "expression its face has" in text]
    assert sorted(n for n in range(6) for text in asked if f"W{n};" in text) == [0, 1, 2, 5]
    assert result.repairs == ("expression: 2 subjects after the first 4 not asked",)


def test_a_word_outside_is_asked_for_again() -> None:
    """An answer with none of the words is asked for once more, told what was wrong."""
    outcomes = answers()
    model = Model([outcomes[0], no_word(), *outcomes[1:]])
    result = caption_by(model, strategy="shots")
    assert questions(model)[:4] == ["form", "long shot", "long shot", "eye level"]
    assert "could not be used" in str(model.requests[2].parts[-1])
    assert result.structured["shot_type"] == "close_up"
    assert result.repairs == ()


@pytest.mark.parametrize("bad", [no_word(), choose("close-up", 0.1), reply("", "refused")])
def test_a_field_that_no_expert_decides_is_null(bad: Answer) -> None:
    """After two unusable answers the field is null and `repairs` says why; the rest stays."""
    outcomes = answers()
    model = Model([outcomes[0], bad, bad, *outcomes[2:]])
    result = caption_by(model, strategy="shots")
    assert result.structured["shot_type"] is None
    assert result.structured["shot_angle"] == "eye_level"
    assert len(result.repairs) == 1
    assert result.repairs[0].startswith("shot_type is null: ")
    assert "shot type:" not in model.texts()[7]
    assert result.text == TEXT


@pytest.mark.parametrize(
    ("fusion", "text", "short_text"), [("t2v", TEXT, None), ("i2v", TEXT, None)]
)
def test_one_text_takes_one_request(fusion: str, text: str, short_text: None) -> None:
    """With one kind of text there is no short text, and no request for it."""
    model = Model(answers()[:-1])
    result = caption_by(model, strategy="shots", fusion=fusion)
    assert (result.text, result.short_text) == (text, short_text)
    assert ("first picture of the clip" in model.texts()[-1]) == (fusion == "i2v")


def test_nothing_that_moves_gives_no_short_text() -> None:
    """Without action, expression and camera there is no text for image-to-video, and it says so."""
    form = {**FORM, "subjects": []}
    model = Model(answers(form=form, expression=(), camera=("unclear",))[:-1])
    result = caption_by(model, strategy="shots")
    assert (result.text, result.short_text) == (TEXT, None)
    assert result.repairs == ("i2v: no field has anything to tell",)
    alone = Model(answers(form=form, expression=(), camera=("unclear",))[:-2])
    with pytest.raises(MediaError, match="anything to tell for i2v"):
        caption_by(alone, strategy="shots", fusion="i2v")


def test_the_row_says_what_its_texts_leave_out() -> None:
    """The clip's id decides what is dropped; the form keeps it, the request lacks it."""
    model = Model(answers())
    result = caption_by(model, strategy="shots", omit_probability=1)
    assert result.structured["omitted"] == list(omitted_fields(FORM, CLIP.clip_id, 1.0))
    assert result.structured["lighting"] == "dusk"
    assert "dusk" not in model.texts()[6]


def test_the_general_form_names_its_words_and_lets_others_be() -> None:
    """The prompt names the vocabulary, a server is bound to it, and no caption is asked for."""
    model = Model(answers())
    caption_by(model, strategy="shots")
    asked, bound = str(model.requests[0].parts[-1]), model.requests[0].schema
    assert "one of long_shot, full_shot" in asked
    assert bound is not None
    assert "enum" in bound["properties"]["shot_type"]
    assert "caption" not in bound["properties"]
    assert fault_in({**FORM, "shot_position": "other"}, bound) is None


def test_each_prompt_defines_the_words_that_are_offered() -> None:
    """Definitions and choices are the same words."""
    for name, values in vocabularies(load_form("skyreels").text).items():
        text = load_prompt(name.replace("_", "-")).text
        assert all(f"- {spoken(value)}: " in text for value in values)
        assert text.count("\n- ") == len(values)
    camera = load_prompt("camera-motion").text
    assert all(word in camera for word in CAMERA_PHRASES)
    expression = load_prompt("expression").text
    assert all(f"- {word}: " in expression for word in (*EXPRESSIONS, NOT_VISIBLE))


def test_the_framing_that_opens_a_text_is_not_cleaned_away() -> None:
    """Openers such as "A long shot shows" name what was decided, and stay."""
    config = CaptionConfig.model_validate({"backend": "openai", "model": "m", "strategy": "shots"})
    assert "opener" not in cleaning_rules(config)
    assert "markup" in cleaning_rules(config)


@pytest.mark.parametrize(
    ("options", "n_requests"),
    [({}, 6), ({"fusion": "t2v"}, 5), ({"experts": ["shot_type=a", "shot_angle=b"]}, 4)],
)
def test_requests_are_estimated(options: dict[str, Any], n_requests: int) -> None:
    """The form, the experts that are requests, and the texts; faces and cameras come on top."""
    config = {"backend": "openai", "model": "m", "strategy": "shots", **options}
    estimate = estimated_requests(CaptionConfig.model_validate(config))
    assert estimate is not None
    assert (estimate.per_row, estimate.is_minimum) == (n_requests, True)


@pytest.mark.parametrize(
    ("experts", "words"),
    [
        (["mood=a"], "shot_type, shot_angle, shot_position, not 'mood'"),
        (["shot_type"], "write an expert as field=CLASSIFIER"),
        (["shot_type=a", "shot_type=b"], "name it once"),
        ({"expression": "a"}, "not 'expression'"),
    ],
)
def test_faulty_experts_are_named(experts: Any, words: str) -> None:
    """A field that no classifier decides, or an expert without a model, is refused at once."""
    options = {"backend": "openai", "model": "m", "strategy": "shots", "experts": experts}
    with pytest.raises(ValidationError, match=words):
        CaptionConfig.model_validate(options)


def test_the_labels_of_a_classifier_are_words_of_a_field(tmp_path: Path) -> None:
    """Each word has the probability of its label; it is no request, and counts as none."""
    pytest.importorskip("transformers", reason="the extra 'models' is not installed")
    labels = ("Close-Up", "Long Shot", "FULL", "wide")
    model = str(save_classifier(tmp_path, labels))
    expert = open_expert(model)
    choices = ("long shot", "full shot", "close-up", "other")
    frames = (Frame(0.0, grey_jpeg(10)), Frame(1.0, grey_jpeg(250)))
    answer = expert.ask(ModelRequest(("which?", *frames), choices=choices))
    assert isinstance(answer, Answer)
    assert answer.choice_logprobs is not None
    assert set(answer.choice_logprobs) == {"long shot", "full shot", "close-up"}
    assert answer.text == max(answer.choice_logprobs, key=answer.choice_logprobs.__getitem__)
    assert (answer.model, answer.score_from) == (model, "classifier")
    usage = Usage(model="eye", n_requests=2)
    usage.add(ModelRequest(frames), answer)
    assert (usage.model, usage.n_requests) == ("eye", 2)
    broken = expert.ask(ModelRequest((Frame(0.0, b"no picture"),), choices=choices))
    assert isinstance(broken, MediaError)
    check_expert("shot_type", model)
    with pytest.raises(UsageError, match=r"'Close-Up'.* two or more of eye_level"):
        check_expert("shot_angle", model)


def test_a_classifier_decides_in_place_of_the_model(tmp_path: Path) -> None:
    """The request names the classifier, which is asked once; its content decides, not its path."""
    model = tmp_path / "classifier"
    model.mkdir()
    (model / "config.json").write_text("{}", "utf-8")
    told = Model(
        [
            answers()[0],
            no_word(),
            *map(choose, ("eye level", "side view", "happy")),
            choose("static"),
            reply(TEXT),
            reply(SHORT),
        ]
    )
    result = caption_by(told, strategy="shots", experts=[f"shot_type={model}"])
    assert [request.to for request in told.requests[:3]] == ["", f"shot_type={model}", ""]
    assert result.structured["shot_type"] is None
    config = {"backend": "openai", "model": "m", "strategy": "shots"}
    named = CaptionConfig.model_validate({**config, "experts": {"shot_type": str(model)}})
    assert str(model) not in caption_file_options(named)["experts"]
