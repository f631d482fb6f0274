from collections.abc import Mapping
from typing import get_args

import pytest

from vidcurate.captioning.options import Style
from vidcurate.captioning.templates.facts import camera_clause, describe_clip, movement_clause
from vidcurate.captioning.templates.words import (
    CAMERA,
    CONTRAST,
    DETAIL,
    LIGHT,
    MOTION,
    MOVEMENT,
    TIME,
    band_word,
    colours_phrase,
    with_article,
)
from vidcurate.errors import MediaError
from vidcurate.records import SCORE_TABLES
from vidcurate.stages.scores.motion import CAMERA as MOVEMENTS

QUALITY = {
    "sharpness": 420.0,
    "luma_mean": 165.0,
    "luma_spread": 48.0,
    "colourfulness": 40.0,
    "dark_share": 0.02,
    "bright_share": 0.01,
    "black_share": 0.02,
    "freeze_share": 0.0,
    "letterbox_left": 0.0,
    "letterbox_top": 0.0,
    "letterbox_right": 0.0,
    "letterbox_bottom": 0.0,
    "letterbox_share": 0.0,
    "motion_mean": 0.2,
    "motion_spread": 0.1,
}
BARS = {"letterbox_share": 0.2}
PAN = {
    "camera": "pan_left",
    "pan_left_share": 0.9,
    "camera_speed": 0.02,
    "object_region": "right",
    "object_motion": 0.05,
}
TEXT = {"strings": ("Sale",), "overlay_strings": ("Sale",), "overlay_regions": ("top left",)}
COLOURS = {"green": 0.4, "blue": 0.3, "brown": 0.1, "grey": 0.2}


def facts(**changes: float | None) -> dict[str, Mapping[str, object]]:
    """Measured rows of a clip, with some columns of `quality` changed."""
    return {
        "quality": {**QUALITY, **changes},
        "samples": {"colours": COLOURS},
    }


def test_a_caption_reads_as_a_person_would_write_it() -> None:
    """Each number appears as the word of its band, in sentences without the file's format."""
    assert describe_clip(facts()) == (
        "The picture is crisp and bright, mostly green and blue. There is a lot of movement."
    )
    assert describe_clip(
        {**facts(), "motion": PAN, "text": TEXT, "speech": {"speech_share": 1.0}}
    ) == (
        "The picture is crisp and bright, mostly green and blue. The camera slowly pans left while "
        "something moves on the right. Text at the top left reads \u201cSale\u201d. Speech can be "
        "heard throughout."
    )


def test_a_missing_table_is_not_mentioned() -> None:
    """Without a table, its sentences' parts are gone and the rest still reads as English."""
    whole = facts()
    assert describe_clip({"samples": whole["samples"]}) == "The picture is mostly green and blue."
    assert describe_clip({"quality": whole["quality"]}) == (
        "The picture is crisp and bright. There is a lot of movement."
    )
    assert describe_clip({"quality": {"luma_spread": 80.0}}) == "The picture has strong contrast."
    assert "move" not in describe_clip(facts(motion_mean=None, motion_spread=None))


@pytest.mark.parametrize(
    ("style", "text"),
    [
        (
            "lora-character",
            (
                "ohwx, bright picture, mostly green and blue, camera slowly pans left, "
                "movement on the right, text \u201cSale\u201d at the top left"
            ),
        ),
        (
            "lora-style",
            (
                "ohwx, camera slowly pans left, movement on the right, "
                "text \u201cSale\u201d at the top left"
            ),
        ),
        (
            "lora-motion",
            (
                "ohwx, bright picture, mostly green and blue, crisp detail, "
                "text \u201cSale\u201d at the top left"
            ),
        ),
        (
            "text-to-video",
            (
                "ohwx, the picture is crisp and bright, mostly green and blue. The camera slowly "
                "pans left while something moves on the right. Text at the top left reads "
                "\u201cSale\u201d."
            ),
        ),
    ],
)
def test_each_style_has_its_own_form(style: str, text: str) -> None:
    """A LoRA has its word and short phrases without what it learns; video models get no sound."""
    rows = {**facts(), "motion": PAN, "text": TEXT, "speech": {"speech_share": 1.0}}
    assert describe_clip(rows, style, "ohwx") == text


def test_a_style_that_leaves_nothing_leaves_the_word() -> None:
    """Where only what the LoRA learns was measured, its word is the caption."""
    assert describe_clip({"samples": {"colours": COLOURS}}, "lora-style", "ohwx") == "ohwx"


def test_every_style_has_a_form() -> None:
    """What the option style can name, the measurements can be written for."""
    for style in get_args(Style):
        assert describe_clip(facts(), style, "ohwx").startswith("ohwx, ")


class Recorder(dict[str, object]):
    """A row that notes which columns are asked for."""

    def __init__(self, table: str, asked: set[tuple[str, str]]) -> None:
        super().__init__()
        self.table, self.asked = table, asked

    def get(self, column: str, default: object = None) -> object:
        """The default, for every column."""
        self.asked.add((self.table, column))
        return default


def test_every_number_that_is_read_is_a_column() -> None:
    """No sentence waits for a column that no score table has."""
    asked: set[tuple[str, str]] = set()
    rows = {table.name: Recorder(table.name, asked) for table in SCORE_TABLES}
    for style in get_args(Style):
        assert describe_clip(rows, style) == ""
    asked.discard(("motion", "None_share"))  # of an unknown movement
    columns = {(table.name, name) for table in SCORE_TABLES for name in table.schema.names}
    assert ("motion", "camera") in asked
    assert asked <= columns


def test_the_camera_is_described_where_it_is_plain() -> None:
    """A movement of half of the clip is named, one of less or an unknown one is not."""
    pan = {"camera": "pan_left", "pan_left_share": 0.5}
    assert describe_clip(facts() | {"motion": pan}).endswith("blue. The camera pans left.")
    for unsaid in ({**pan, "pan_left_share": 0.4}, {"camera": "unknown"}):
        assert describe_clip(facts() | {"motion": unsaid}) == describe_clip(facts())


def test_a_slow_camera_is_called_slow() -> None:
    """A pan that moves the picture little is slow; a still camera has no speed."""
    pan = {"camera": "pan_left", "pan_left_share": 0.9, "camera_speed": 0.02}
    assert camera_clause({"motion": pan}) == "the camera slowly pans left"
    assert camera_clause({"motion": {**pan, "camera_speed": 0.03}}) == "the camera pans left"
    still = {"camera": "static", "static_share": 0.9, "camera_speed": 0.0}
    assert camera_clause({"motion": still}) == "the camera stays still"


def test_a_moving_camera_does_not_count_as_movement() -> None:
    """Under a pan only what it leaves unexplained moves; under a still camera all that moves."""
    pan = {
        "camera": "pan_left",
        "pan_left_share": 0.9,
        "object_region": "top",
        "object_motion": 0.01,
    }
    assert movement_clause(facts() | {"motion": pan}) == ""
    moving = facts() | {"motion": {**pan, "object_motion": 0.03}}
    assert movement_clause(moving) == "something moves at the top"
    still = {**pan, "camera": "static", "static_share": 0.9}
    assert describe_clip(facts() | {"motion": still}).endswith(
        "The camera stays still and there is a lot of movement, strongest at the top."
    )


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            {"speech_share": 1.0, "music_share": 0.5},
            "Speech can be heard throughout and music about half of the time.",
        ),
        ({"speech_share": 1.0, "music_share": 0.99}, "Speech and music can be heard throughout."),
        ({"speech_share": 0.2, "singing_share": 0.3}, "Singing can be heard some of the time."),
        ({"speech_share": 0.9}, "Speech can be heard most of the time."),
        ({"silence_share": 0.99, "speech_share": 0.9}, "Nothing can be heard."),
        ({"silence_share": None, "speech_share": None}, ""),
        ({"speech_share": 0.29}, ""),
    ],
)
def test_sounds_are_described_by_their_share(row: dict[str, object], sentence: str) -> None:
    """Speech, singing and music are named where they fill a good part, silence where it is all."""
    assert describe_clip({"speech": row}) == sentence


def test_text_is_quoted_once() -> None:
    """Strings that are one line read twice are quoted once, three at most, with their region."""
    strings = ("+Pixel 2", "Pixel 2", "$849", "Sale", "Today")
    row = {"strings": strings, "overlay_strings": strings, "overlay_regions": ("top left",)}
    sentence = (
        "Text at the top left reads \u201c+Pixel 2\u201d, \u201c$849\u201d and \u201cSale\u201d."
    )
    assert describe_clip({"text": row}) == sentence
    two_regions = {**row, "overlay_regions": ("top left", "bottom")}
    assert describe_clip({"text": two_regions}).startswith("Text in the picture reads")
    assert describe_clip({"text": {**row, "strings": ()}}) == ""


def test_doubtful_tags_and_marks_are_left_out() -> None:
    """A tag is named where it is almost certain, a mark where it is very likely."""
    tag = {"top_name": "web site", "top_probability": 0.9, "backend": "efficientnet"}
    assert describe_clip({"tags": tag}) == "It seems to show a web site."
    own = {**tag, "top_name": "two people talking", "backend": "open_clip"}
    assert describe_clip({"tags": own}) == "It seems to show \u201ctwo people talking\u201d."
    assert describe_clip({"tags": {**tag, "top_probability": 0.84}}) == ""
    mark = {"score": 0.8, "region": "top right"}
    assert describe_clip({"watermark": mark}) == "There seems to be a watermark at the top right."
    assert describe_clip({"watermark": {"score": None, "region": None}}) == ""
    assert describe_clip({"watermark": {**mark, "score": 0.79}}) == ""


def test_every_movement_has_its_words() -> None:
    """What the stage motion can name, the caption can say."""
    assert tuple(CAMERA) == MOVEMENTS


def test_nothing_measured_is_no_text() -> None:
    """Without any measurement there is no text."""
    assert describe_clip({}) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"luma_mean": 20.0}, "is crisp and dark,"),
        ({"luma_mean": 60.0}, "is crisp and dim,"),
        ({"luma_mean": 120.0}, "is crisp, mostly"),
        ({"sharpness": 5.0}, "is bright, mostly green and blue, with very little fine detail."),
        ({"sharpness": 25.0}, "with little fine detail."),
        ({"sharpness": 100.0}, "is bright, mostly green and blue."),
        ({"black_share": 0.35}, "The picture is black some of the time."),
        ({"colourfulness": 90.0}, "is crisp, bright and very colourful,"),
        ({"colourfulness": 1.0}, "is crisp, bright and almost colourless,"),
        ({"luma_spread": 10.0}, "with low contrast."),
        ({"luma_spread": 70.0}, "with strong contrast."),
        ({"motion_mean": 0.001}, "Almost nothing moves."),
        ({"motion_mean": 0.02}, "Little moves."),
        ({"motion_mean": 0.5}, "There is very fast movement across the whole picture."),
        (
            {"motion_mean": 0.05, "motion_spread": 0.2},
            "There is some movement in parts of the picture.",
        ),
        ({"motion_mean": 0.0, "motion_spread": 0.0}, "Almost nothing moves."),
        ({"freeze_share": 1.0}, "blue. Nothing moves."),
        ({"bright_share": 0.52}, "About half of the picture is nearly white."),
        ({"dark_share": 0.22}, "About a fifth of the picture is nearly black."),
        (
            {**BARS, "letterbox_top": 0.12, "letterbox_bottom": 0.12},
            "with black bars above and below.",
        ),
        ({**BARS, "letterbox_left": 0.1, "letterbox_right": 0.1}, "black bars on both sides."),
        ({**BARS, "letterbox_left": 0.1}, "with a black bar on the left."),
        ({**BARS, "letterbox_left": 0.1, "letterbox_top": 0.1}, "black bars at the left and top."),
    ],
)
def test_a_number_changes_its_word(change: dict[str, float], words: str) -> None:
    """Each measurement has its own words, and they change with it."""
    assert words in describe_clip(facts(**change))
    assert words not in describe_clip(facts())


def test_frames_that_repeat_are_not_called_frozen() -> None:
    """Animation repeats half of its frames and moves all the same."""
    assert describe_clip(facts(freeze_share=0.6)) == describe_clip(facts())


def test_a_black_clip_is_only_black() -> None:
    """Where the picture is black, colour, sharpness, contrast and motion say nothing."""
    black = facts(black_share=1.0, luma_mean=2.0, freeze_share=1.0)
    assert describe_clip(black) == "The picture is black throughout."
    assert describe_clip(black, "lora-character", "ohwx") == "ohwx, black picture"


def test_bars_are_no_colour_of_the_picture() -> None:
    """A black share that is only letterbox bars is not named as a colour or as deep shadow."""
    measured = facts(letterbox_top=0.2, letterbox_bottom=0.2, letterbox_share=0.4, dark_share=0.41)
    measured["samples"] = {"colours": {"black": 0.4, "green": 0.35, "blue": 0.25}}
    text = describe_clip(measured)
    assert ", mostly green with some blue, with black bars above and below." in text
    assert "nearly black" not in text


def test_margins_on_a_black_ground_are_no_bars() -> None:
    """Where the picture inside is mostly black, as in end titles, no bars are claimed."""
    measured = facts(letterbox_left=0.1, letterbox_right=0.1, letterbox_share=0.2)
    measured["samples"] = {"colours": {"black": 0.8, "grey": 0.2}}
    text = describe_clip(measured)
    assert ", almost entirely black." in text
    assert "bar" not in text


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        ({"red": 0.9, "blue": 0.1}, "almost entirely red"),
        ({"red": 0.6, "blue": 0.3}, "mostly red with some blue"),
        ({"red": 0.6, "blue": 0.1}, "mostly red"),
        ({"red": 0.35, "blue": 0.3}, "mostly red and blue"),
        ({"red": 0.3, "blue": 0.2, "grey": 0.2}, "mainly red, blue and grey"),
        ({"red": 0.4, "blue": 0.05}, "largely red"),
        ({"red": 0.2, "blue": 0.1, "grey": 0.1}, "many-coloured"),
        ({"red": 0.0}, ""),
        ({}, ""),
    ],
)
def test_colours_are_named_by_share(colours: dict[str, float], words: str) -> None:
    """How many colours are named depends on how much of the picture they fill."""
    assert colours_phrase(colours) == words


@pytest.mark.parametrize(
    ("noun", "words"),
    [("website", "a website"), ("ocarina", "an ocarina"), ("sunglasses", "sunglasses")],
)
def test_a_noun_has_its_article(noun: str, words: str) -> None:
    """An before a vowel, and nothing before a plural."""
    assert with_article(noun) == words


@pytest.mark.parametrize("bands", [LIGHT, CONTRAST, DETAIL, MOTION, MOVEMENT, TIME])
def test_bands_cover_all_numbers(bands: tuple[tuple[float, str], ...]) -> None:
    """Bounds rise and the last band has no end, so that every number has a word."""
    bounds = [bound for bound, _ in bands]
    assert bounds == sorted(set(bounds))
    assert band_word(1e12, bands) == bands[-1][1]
    assert band_word(bounds[0], bands) == bands[1][1]


def test_a_value_that_is_no_number_is_refused() -> None:
    """NaN in a clip's row is an error that names its column."""
    with pytest.raises(MediaError, match=r"quality\.sharpness"):
        describe_clip(facts(sharpness=float("nan")))
