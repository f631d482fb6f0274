import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.conversations import Model, caption_by, reply
from vidcurate.captioning.forms import form_names, load_form, schema_of, word_faults
from vidcurate.captioning.text.json_answer import fault_in
from vidcurate.errors import UsageError

SUBJECT = {"name": "hare", "appearance": "grey", "action": "runs", "position": "centre"}
FILLED: dict[str, Any] = {
    "subjects": [SUBJECT],
    "background": "a meadow",
    "camera": {"shot": "long shot", "angle": "eye level", "movement": ["pan left"]},
    "lighting": "soft daylight",
    "style": "animation",
    "caption": "A grey hare runs through a meadow.",
    "short_caption": "A hare runs.",
}
PAN_RIGHT = {"motion": {"camera": "pan_right", "pan_right_share": 0.9, "pan_left_share": 0.0}}


def test_the_form_gives_texts_and_values() -> None:
    """The dense and the short text are the row's texts; all values are kept."""
    model = Model([reply(json.dumps(FILLED))])
    result = caption_by(model, strategy="structured")
    assert result.text == FILLED["caption"]
    assert result.short_text == FILLED["short_caption"]
    assert result.structured == FILLED
    schema = model.requests[0].schema
    assert schema is not None
    assert schema["required"] == list(schema["properties"])
    assert fault_in(FILLED, schema) is None
    assert fault_in({**FILLED, "mood": "glad"}, schema)
    assert result.conflicts == ()


def test_the_camera_is_compared_with_the_measurement() -> None:
    """The prompt names the measured movement, and an answer that denies it is a conflict."""
    model = Model([reply(json.dumps(FILLED))])
    result = caption_by(model, PAN_RIGHT, strategy="structured")
    assert "the camera pans right" in model.texts()[0]
    assert result.conflicts == ("says pan left, measured pan right for 90%",)
    agreed = {**FILLED, "camera": {**FILLED["camera"], "movement": ["pan right"]}}
    assert (
        caption_by(Model([reply(json.dumps(agreed))]), PAN_RIGHT, strategy="structured").conflicts
        == ()
    )


def test_an_unmeasured_camera_is_left_out() -> None:
    """Without a plain movement the prompt is silent about it and nothing conflicts."""
    model = Model([reply(json.dumps(FILLED))])
    weak = {"motion": {"camera": "pan_right", "pan_right_share": 0.4}}
    assert caption_by(model, weak, strategy="structured").conflicts == ()
    assert "Measured" not in model.texts()[0]


def form_file(folder: Path, text: str) -> str:
    """A form of one's own."""
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_form_of_ones_own(tmp_path: Path) -> None:
    """A YAML file decides what is asked; its caption is the row's text, its hash the prompt's."""
    text = "type: object\nproperties:\n  n: {type: integer}\n  caption: {type: string}\n"
    own = form_file(tmp_path, text)
    model = Model([reply('{"n": 2, "caption": "Two hares."}')])
    result = caption_by(model, strategy="structured", form=own)
    assert (result.text, result.short_text) == ("Two hares.", None)
    assert result.structured == {"n": 2, "caption": "Two hares."}
    assert load_form(own).hash != load_form("").hash


def test_a_form_may_bound_its_values(tmp_path: Path) -> None:
    """Answers are checked against `required` and `minItems`, which not every server is given."""
    text = (
        "type: object\nrequired: [caption, tags]\nproperties:\n  caption: {type: string}\n"
        "  tags: {type: array, minItems: 2, items: {type: string, maxLength: 9}}\n"
        "  year: {type: integer, minimum: 1900}\n"
    )
    model = Model(
        [reply('{"caption": "A.", "tags": ["a"]}'), reply('{"caption": "A.", "tags": ["a", "b"]}')]
    )
    result = caption_by(model, strategy="structured", form=form_file(tmp_path, text))
    assert result.structured == {"caption": "A.", "tags": ["a", "b"]}
    assert "minItems" in str(model.requests[0].parts[-1])
    bound = model.requests[0].schema
    assert bound is not None
    assert "minItems" not in str(bound)
    assert bound["required"] == ["caption", "tags", "year"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "type: object\nrequired: [caption, b]\nproperties: {caption: {type: string}}\n",
            "field 'b'",
        ),
        ("type: object\nproperties: {a: [}\n", "line 2"),
        ("", "is not of type 'object'"),
        ("type: object\nproperties: {title: {type: string}}\n", "'caption' is a required"),
        ("type: object\nproperties: {caption: {type: text}}\n", r"\$.properties.caption.type"),
        ("type: object\nproperties: {caption: {type: integer}}\n", r"\$.properties.caption.type"),
        (
            "type: object\nproperties: {caption: {type: string, enumm: [a]}}\n",
            r"\$.properties.caption: .*'enumm'",
        ),
        (
            "type: object\nproperties: {caption: {type: string}, b: {type: array}}\n",
            r"\$.properties.b: 'items' is a required",
        ),
        (
            "type: object\nproperties: {caption: {type: string}, b: {$ref: 'http://a/b'}}\n",
            r"\$.properties.b",
        ),
        ("type: object\nproperties: &a {caption: {type: string}, b: *a}\n", "alias|b"),
        ("type: !!python/object:os.system {}\n", "YAML"),
    ],
)
def test_a_faulty_form_is_named(tmp_path: Path, text: str, words: str) -> None:
    """What is no form is a usage error that names the field or the line, before anything runs."""
    with pytest.raises(UsageError, match=words) as caught:
        load_form(form_file(tmp_path, text))
    assert "mine.yaml" in str(caught.value)


def test_a_missing_form_is_named(tmp_path: Path) -> None:
    """A path without a file is a usage error."""
    with pytest.raises(UsageError, match=r"cannot read the form .*none\.yaml"):
        load_form(str(tmp_path / "none.yaml"))


def test_the_packages_form_is_one() -> None:
    """The form of the package passes its own check, and each of its fields must be filled."""
    schema = schema_of(load_form("").text)
    lacking = {name: value for name, value in FILLED.items() if name != "camera"}
    assert "camera" in str(fault_in(lacking, schema))
    odd = {**FILLED, "camera": {**FILLED["camera"], "movement": ["swirl"]}}
    assert "swirl" in str(fault_in(odd, schema))


KOALA_PARTS = (
    *("subject", "actions", "environment"),
    *("visual_language", "camera_language", "world_knowledge"),
)


def koala(n_words: int, camera: str = "static") -> str:
    """An answer in Koala's form with a caption of so many words."""
    parts = {**dict.fromkeys(KOALA_PARTS, "a hare"), "camera_language": camera}
    return json.dumps({**parts, "caption": " ".join(["hare"] * n_words)})


@pytest.mark.parametrize("name", form_names())
def test_every_packaged_form_is_one(name: str) -> None:
    """Each form of the package passes the check of forms and is found by its name."""
    schema = schema_of(load_form(name).text)
    assert schema["properties"]["caption"]["type"] == "string"


def test_forms_have_their_published_fields() -> None:
    """Koala's six parts, VDC's five texts, and SkyCaptioner's fields and words for shots."""
    fields = {name: schema_of(load_form(name).text)["properties"] for name in form_names()}
    assert list(fields["koala"]) == [*KOALA_PARTS, "caption"]
    assert set(fields["vdc"]) == {"short_caption", "camera", "background", "main_object", "caption"}
    sky = fields["skyreels"]
    assert set(sky["subjects"]["items"]["properties"]) == {
        *("appearance", "action", "expression", "position", "type", "sub_type", "is_main_subject")
    }
    assert [len(sky[name]["enum"]) for name in ("shot_type", "shot_angle", "shot_position")] == [
        *(6, 4, 9)
    ]


@pytest.mark.parametrize("n_words", [150, 250])
def test_koalas_caption_within_its_words_is_taken(n_words: int) -> None:
    """A caption of 150 to 250 words takes one request and no note."""
    model = Model([reply(koala(n_words))])
    result = caption_by(model, strategy="structured", form="koala")
    assert (len(result.text.split()), result.repairs) == (n_words, ())


@pytest.mark.parametrize(("n_words", "again"), [(149, 200), (251, 150)])
def test_koalas_caption_outside_is_asked_for_once_more(n_words: int, again: int) -> None:
    """A caption that is too short or too long is asked for again, with its number of words."""
    model = Model([reply(koala(n_words)), reply(koala(again))])
    result = caption_by(model, strategy="structured", form="koala")
    assert (len(result.text.split()), result.repairs) == (again, ())
    asked = " ".join(map(str, model.requests[1].parts))
    assert f"caption has {n_words} words, not 150 to 250" in asked
    assert "minWords" not in str(model.requests[0].schema)


def test_a_caption_that_stays_outside_is_kept_and_told() -> None:
    """After a second answer outside, or one of no form, a text is taken and `repairs` says so."""
    model = Model([reply(koala(9)), reply(koala(300))])
    told = caption_by(model, strategy="structured", form="koala")
    assert told.repairs == ("caption has 300 words, not 150 to 250",)
    model = Model([reply(koala(9)), reply("no"), reply("no")])
    kept = caption_by(model, strategy="structured", form="koala")
    assert len(kept.text.split()) == 9
    assert kept.repairs[0] == "caption has 9 words, not 150 to 250"
    assert kept.repairs[1].startswith("asked again: the answer is not JSON")


def test_what_koala_says_of_the_camera_is_compared() -> None:
    """The camera of each form is held against the measurement."""
    model = Model([reply(koala(200, "It pans left."))])
    result = caption_by(model, PAN_RIGHT, strategy="structured", form="koala")
    assert result.conflicts == ("says pan left, measured pan right for 90%",)


def test_words_are_wished_at_any_depth() -> None:
    """Texts inside lists and objects are counted too; a form may have one bound."""
    text = {"type": "string", "minWords": 2}
    form = {"properties": {"a": {"items": {"properties": {"b": text}}}}}
    assert list(word_faults({"a": [{"b": "one"}, {"b": "one two"}]}, form)) == [
        "a 1.b has 1 words, not at least 2"
    ]
