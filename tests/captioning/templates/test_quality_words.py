import pytest

from vidcurate.captioning.templates.quality_words import PHRASES, quality_words
from vidcurate.records import SCORE_TABLES


def test_every_number_with_a_phrase_is_a_column() -> None:
    """No phrase waits for a column that no table has."""
    columns = {(table.name, name) for table in SCORE_TABLES for name in table.schema.names}
    assert {(table, column) for table, column, _ in PHRASES} <= columns


@pytest.mark.parametrize(
    ("table", "column", "value", "words"),
    [
        ("quality", "sharpness", 500.0, ("sharp",)),
        ("quality", "sharpness", 50.0, ()),
        ("quality", "sharpness", 5.0, ("very soft",)),
        ("quality", "luma_mean", 60.0, ("dim",)),
        ("motion", "shake_share", 0.8, ("strong camera shake",)),
        ("motion", "static_share", 1.0, ("static camera",)),
        ("text", "overlay_area", 0.03, ("overlaid text",)),
        ("watermark", "score", None, ()),
        ("speech", "has_audio", False, ("no sound",)),
        ("speech", "has_audio", True, ()),
        ("speech", "speech_share", 0.9, ("speech",)),
    ],
)
def test_a_number_has_its_words(
    table: str, column: str, value: object, words: tuple[str, ...]
) -> None:
    """A number is named where it stands out; what is usual or not measured has no words."""
    assert quality_words({table: {column: value}}) == words


def test_words_of_several_tables_come_in_one_order() -> None:
    """The picture first, then motion, then sound, however the tables are given."""
    rows = {
        "speech": {"music_share": 1.0},
        "motion": {"flow_mean": 0.2},
        "quality": {"noise": 9.0, "luma_mean": 20.0},
    }
    assert quality_words(rows) == ("dark", "very noisy", "strong motion", "music")
