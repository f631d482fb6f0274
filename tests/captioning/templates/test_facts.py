from collections.abc import Mapping
from fractions import Fraction

import pytest

from vidcurate.captioning.templates.facts import describe
from vidcurate.captioning.templates.words import (
    CAMERA,
    CONTRAST,
    DETAIL,
    LIGHT,
    MOTION,
    article,
    colours_phrase,
    length_phrase,
    word_of,
)
from vidcurate.errors import MediaError
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
VIDEO = {
    "display_width": 1280,
    "display_height": 720,
    "frame_rate": Fraction(24000, 1001),
    "is_vfr": False,
}
BARS = {"letterbox_share": 0.2}
COLOURS = {"green": 0.4, "blue": 0.3, "brown": 0.1, "grey": 0.2}


def facts(**changes: float | None) -> dict[str, Mapping[str, object]]:
    """Measured rows of a clip of 4.2 s, with some columns of `quality` changed."""
    return {
        "clips": {"duration_s": 4.2},
        "quality": {**QUALITY, **changes},
        "videos": VIDEO,
        "samples": {"colours": COLOURS},
    }


def test_all_tables_make_two_sentences() -> None:
    """Each number appears as the word of its band, in two sentences that read as English."""
    assert describe(facts()) == (
        "A sharp, bright 4.2-second clip in landscape format at 1280x720 and 23.98 frames per "
        "second, mostly green and blue, with moderate contrast. There is strong motion."
    )


def test_a_missing_table_is_not_mentioned() -> None:
    """Without a table, its sentences' parts are gone and the rest still reads as English."""
    whole = facts()
    assert describe({"clips": whole["clips"]}) == "A 4.2-second clip."
    assert describe({k: whole[k] for k in ("clips", "videos")}) == (
        "A 4.2-second clip in landscape format at 1280x720 and 23.98 frames per second."
    )
    assert describe({k: whole[k] for k in ("clips", "samples")}) == (
        "A 4.2-second clip, mostly green and blue."
    )
    without_motion = facts(motion_mean=None, motion_spread=None)
    assert "motion" not in describe(without_motion)
    assert describe({"quality": whole["quality"]}) == (
        "A sharp, bright clip, with moderate contrast. There is strong motion."
    )


def test_the_camera_is_spoken_of_where_it_is_plain() -> None:
    """A movement of half of the clip is said, one of less or an unknown one is not."""
    pan = {"camera": "pan_left", "pan_left_share": 0.5}
    assert describe(facts() | {"motion": pan}).endswith("strong motion and the camera pans left.")
    for unsaid in ({**pan, "pan_left_share": 0.4}, {"camera": "unknown"}):
        assert describe(facts() | {"motion": unsaid}) == describe(facts())


def test_a_slow_camera_is_called_slow() -> None:
    """A pan that moves the picture little is slow; a still camera has no speed to speak of."""
    pan = {"camera": "pan_left", "pan_left_share": 0.9, "camera_speed": 0.02}
    assert "the camera slowly pans left" in describe(facts() | {"motion": pan})
    fast = {**pan, "camera_speed": 0.03}
    assert "the camera pans left" in describe(facts() | {"motion": fast})
    still = {"camera": "static", "static_share": 0.9, "camera_speed": 0.0}
    assert "the camera is still" in describe(facts() | {"motion": still})


def last_sentence(**tables: Mapping[str, object]) -> str:
    """What a clip's caption ends with where these tables are there too."""
    return describe({"clips": {"duration_s": 4.2}, **tables}).removeprefix("A 4.2-second clip. ")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"speech_share": 1.0, "music_share": 0.5}, "speech throughout and music for about half"),
        ({"speech_share": 1.0, "music_share": 0.99}, "One hears speech and music throughout."),
        ({"speech_share": 0.2, "singing_share": 0.3}, "One hears singing for about a third"),
        ({"silence_share": 0.99, "speech_share": 0.9}, "No sound is heard."),
        ({"silence_share": None, "speech_share": None}, "A 4.2-second clip."),
        ({"speech_share": 0.29}, "A 4.2-second clip."),
    ],
)
def test_sounds_are_told_by_their_share(row: dict[str, object], sentence: str) -> None:
    """Speech, singing and music are said where they fill a good part, silence where it is all."""
    assert sentence in last_sentence(speech=row)


def test_text_is_quoted_once() -> None:
    """Strings that are one line read twice are told once, three at most, with their one place."""
    strings = ("+Pixel 2", "Pixel 2", "$849", "Sale", "Today")
    row = {"strings": strings, "overlay_strings": strings, "overlay_regions": ("top left",)}
    said = "Text at the top left reads \u201c+Pixel 2\u201d, \u201c$849\u201d and \u201cSale\u201d."
    assert last_sentence(text=row) == said
    two_places = {**row, "overlay_regions": ("top left", "bottom")}
    assert last_sentence(text=two_places).startswith("Text in the picture reads")
    assert last_sentence(text={**row, "strings": ()}) == "A 4.2-second clip."


def test_doubtful_tags_and_marks_are_left_out() -> None:
    """A tag is said where it is all but certain, a mark where it is very likely."""
    tag = {"top_name": "web site", "top_probability": 0.9}
    assert last_sentence(tags=tag) == "It looks like: web site."
    assert last_sentence(tags={**tag, "top_probability": 0.84}) == "A 4.2-second clip."
    mark = {"score": 0.8, "region": "top right"}
    assert last_sentence(watermark=mark) == "A mark seems to lie over the picture at the top right."
    assert last_sentence(watermark={"score": None, "region": None}) == "A 4.2-second clip."
    assert last_sentence(watermark={**mark, "score": 0.79}) == "A 4.2-second clip."


def test_every_movement_has_its_words() -> None:
    """What the stage motion can name, the caption can say."""
    assert tuple(CAMERA) == MOVEMENTS


def test_nothing_measured_is_no_text() -> None:
    """Of a clip without any measurement nothing is said."""
    assert describe({}) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"luma_mean": 20.0}, "A sharp, dark 4.2-second"),
        ({"luma_mean": 60.0}, "A sharp, dim 4.2-second"),
        ({"luma_mean": 120.0}, "A sharp 4.2-second"),
        ({"sharpness": 5.0}, "moderate contrast and very little fine detail."),
        ({"sharpness": 25.0}, "A bright 4.2"),
        ({"black_share": 0.35}, "and the picture is black for about a third of the time."),
        ({"sharpness": 100.0}, "A bright 4.2"),
        ({"colourfulness": 90.0}, "bright, very colourful 4.2"),
        ({"colourfulness": 1.0}, "bright, almost colourless 4.2"),
        ({"luma_spread": 10.0}, "with low contrast."),
        ({"motion_mean": 0.001}, "There is almost no motion."),
        (
            {"motion_mean": 0.5, "motion_spread": 0.1},
            "very strong motion across the whole picture.",
        ),
        ({"motion_mean": 0.05, "motion_spread": 0.2}, "moderate motion in parts of the picture."),
        ({"motion_mean": 0.0, "motion_spread": 0.0}, "There is almost no motion."),
        (
            {"freeze_share": 0.35},
            "motion, but the picture stands still for about a third of the time.",
        ),
        ({"freeze_share": 0.35, "motion_mean": 0.01}, "little motion and the picture stands still"),
        ({"freeze_share": 1.0}, "contrast. The picture stands still throughout."),
        ({"bright_share": 0.52}, "and about half of the picture is close to white."),
        ({"dark_share": 0.22}, "and about a fifth of the picture is close to black."),
        (
            {**BARS, "letterbox_top": 0.12, "letterbox_bottom": 0.12},
            "with moderate contrast and black bars above and below.",
        ),
        ({**BARS, "letterbox_left": 0.1, "letterbox_right": 0.1}, "and black bars on both sides."),
        ({**BARS, "letterbox_left": 0.1}, "and a black bar on the left."),
        ({**BARS, "letterbox_left": 0.1, "letterbox_top": 0.1}, "black bars at the left and top."),
    ],
)
def test_a_number_changes_its_word(change: dict[str, float], words: str) -> None:
    """Each measurement has its own words, and they change with it."""
    assert words in describe(facts(**change))
    assert words not in describe(facts())


def test_a_black_clip_is_only_black() -> None:
    """Where the picture is black, colour, sharpness, contrast and motion say nothing."""
    text = describe(facts(black_share=1.0, luma_mean=2.0, freeze_share=1.0))
    assert text == (
        "A black 4.2-second clip in landscape format at 1280x720 and 23.98 frames per second."
    )


def test_bars_are_no_colour_of_the_picture() -> None:
    """A black share that is only letterbox bars is not told as a colour or as deep shadow."""
    measured = facts(letterbox_top=0.2, letterbox_bottom=0.2, letterbox_share=0.4, dark_share=0.41)
    measured["samples"] = {"colours": {"black": 0.4, "green": 0.35, "blue": 0.25}}
    text = describe(measured)
    assert ", mostly green and some blue, with" in text
    assert "close to black" not in text


def test_margins_on_a_black_ground_are_no_bars() -> None:
    """Where the picture inside is mostly black, as in end titles, no bars are claimed."""
    measured = facts(letterbox_left=0.1, letterbox_right=0.1, letterbox_share=0.2)
    measured["samples"] = {"colours": {"black": 0.8, "grey": 0.2}}
    text = describe(measured)
    assert ", almost all black, with moderate contrast." in text
    assert "bar" not in text


def test_an_odd_shape_and_a_varying_rate_are_told() -> None:
    """Portrait and square are named, and a variable frame rate is given as approximate."""
    video = {**VIDEO, "display_width": 720, "display_height": 1280, "is_vfr": True}
    video["frame_rate"] = Fraction(30)
    text = describe({"videos": video})
    assert text == (
        "A clip in portrait format at 720x1280 and about 30 frames per second at a varying rate."
    )
    square = describe({"videos": {"display_width": 500, "display_height": 500}})
    assert square == "A clip in square format at 500x500."


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        ({"red": 0.9, "blue": 0.1}, "almost all red"),
        ({"red": 0.6, "blue": 0.3}, "mostly red and some blue"),
        ({"red": 0.6, "blue": 0.1}, "mostly red"),
        ({"red": 0.35, "blue": 0.3}, "mostly red and blue"),
        ({"red": 0.3, "blue": 0.2, "grey": 0.2}, "mainly red, blue and grey"),
        ({"red": 0.4, "blue": 0.05}, "largely red"),
        ({"red": 0.2, "blue": 0.1, "grey": 0.1}, "of many colours"),
        ({"red": 0.0}, ""),
        ({}, ""),
    ],
)
def test_colours_are_named_by_share(colours: dict[str, float], words: str) -> None:
    """How many colours are named depends on how much of the picture they fill."""
    assert colours_phrase(colours) == words


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [
        (0.02, ("0.1-second", "")),
        (4.04, ("4-second", "")),
        (59.94, ("", " of 1 minute")),
        (61.0, ("", " of 1 minute and 1 second")),
        (125.0, ("", " of 2 minutes and 5 seconds")),
    ],
)
def test_length_reads_as_people_say_it(duration_s: float, words: tuple[str, str]) -> None:
    """Short clips have tenths of a second, long ones minutes and seconds."""
    assert length_phrase(duration_s) == words


@pytest.mark.parametrize("phrase", ["8-second", "8.5-second", "11.2-second", "18-second", "almost"])
def test_an_before_a_vowel_as_it_is_spoken(phrase: str) -> None:
    """Numbers that are spoken with a vowel take "An", others "A"."""
    assert article(phrase) == "An"
    assert article("1.8-second") == article("110-second") == article("dark") == "A"


@pytest.mark.parametrize("bands", [LIGHT, CONTRAST, DETAIL, MOTION])
def test_bands_cover_all_numbers(bands: tuple[tuple[float, str], ...]) -> None:
    """Bounds rise and the last band has no end, so that every number has a word."""
    bounds = [bound for bound, _ in bands]
    assert bounds == sorted(set(bounds))
    assert word_of(1e12, bands) == bands[-1][1]
    assert word_of(bounds[0], bands) == bands[1][1]


def test_a_value_that_is_no_number_is_refused() -> None:
    """NaN in a clip's row is an error that names its column."""
    with pytest.raises(MediaError, match=r"quality\.sharpness"):
        describe(facts(sharpness=float("nan")))
