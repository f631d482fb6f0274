import pytest

from vidcurate.analysis.names import full_name, full_rule
from vidcurate.errors import UsageError
from vidcurate.records import CLIPS, QUALITY, SPEECH, VIDEOS, WATERMARK

TABLES = {t.name: t for t in (VIDEOS, CLIPS, QUALITY, WATERMARK, SPEECH)}


@pytest.mark.parametrize(
    ("rule", "full"),
    [
        ("sharpness >= 20", "quality.sharpness >= 20"),
        ("n_frames > 5 and start_s < 1e3", "clips.n_frames > 5 and clips.start_s < 1e3"),
        ("sharpness >= p10 of video", "quality.sharpness >= p10 of video"),
        (
            "judged_by == 'sharpness' or has_audio",
            "watermark.judged_by == 'sharpness' or speech.has_audio",
        ),
        ("quality.sharpness is not null", "quality.sharpness is not null"),
    ],
)
def test_a_rule_gets_the_tables_of_its_columns(rule: str, full: str) -> None:
    """Only names of columns are replaced: no strings, numbers, words of rules or full names."""
    assert full_rule(rule, "clips", TABLES) == full


def test_a_column_of_the_own_table_wins() -> None:
    """Another table's column of that name needs its table."""
    assert full_name("duration_s", "videos", TABLES) == "videos.duration_s"


def test_what_is_not_clear_is_refused() -> None:
    """A column of several other tables, and a misspelt one, are named with what they can be."""
    with pytest.raises(UsageError, match=r"videos\.duration_s, clips\.duration_s"):
        full_name("duration_s", "quality", TABLES)
    with pytest.raises(UsageError, match="did you mean 'sharpness'"):
        full_rule("shrpness > 1", "quality", TABLES)
