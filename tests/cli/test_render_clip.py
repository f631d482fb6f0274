from vidcurate.analysis.clip_details import TableRow, Value
from vidcurate.analysis.one_clip import Lineage
from vidcurate.cli.render_clip import score_lines

MADE = Lineage("perception", "perception", 1, "f", {}, "rules", None, "ok", None, 1.0, {})


def shown(names: list[str]) -> str:
    """The line of a clip's mosaics."""
    row = TableRow("perception", (Value("mosaics", names, "", ""),), MADE)
    [line] = score_lines(row, {})
    return line.plain.strip()


def test_of_many_files_the_number_and_both_ends_are_shown() -> None:
    """A clip of many pairs has a line that can be read; few files are all named."""
    names = [f"{n}.png" for n in range(32)]
    assert shown(names) == "mosaics  32 files, 0.png to 31.png"
    assert shown(names[:2]) == "mosaics  0.png, 1.png"
    assert shown([]) == "mosaics  none"
