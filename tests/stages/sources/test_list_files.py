from pathlib import Path

from vidcurate.stages.sources.list_files import list_contents


def test_a_list_that_is_gone_differs_from_none(tmp_path: Path) -> None:
    """A mistyped list makes other rows than no list, so a stage runs and says so."""
    file = tmp_path / "a.csv"
    gone = list_contents({"file": str(file)})
    assert gone
    assert gone["file"]
    assert list_contents({"file": ""}) == {}
    file.write_text("text\nhello\n")
    assert list_contents({"file": str(file)}) != gone
