"""The catalogue of commands against the stages and functions that it names."""

import re
import shlex
import subprocess
import sys

import pytest
import typer
from typer.main import get_command

from vidcurate.cli.app import app, load_command
from vidcurate.cli.catalogue import CATALOGUE, Entry
from vidcurate.stages.registry import STAGES

each_command = pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
# What `--help` must not import: each takes longer than the rest of it.
SLOW = ("pyarrow", "numpy", "pydantic", "yaml", "av", "cv2", "torch", "vidcurate.stages")


def test_every_stage_is_a_command_in_the_order_of_the_data() -> None:
    """Names and summaries are those that the stages declare."""
    listed = [(entry.name, entry.summary) for entry in CATALOGUE if entry.is_stage]
    assert listed == [(stage.name, stage.summary) for stage in STAGES]


@each_command
def test_a_summary_is_one_sentence(entry: Entry) -> None:
    """The help lists each command with a sentence of its own."""
    assert entry.summary.endswith(".")
    assert "[" not in entry.summary  # which the help would read as markup


@each_command
def test_a_command_loads_and_its_examples_are_right(entry: Entry) -> None:
    """Every option and argument of every example is one that the command has."""
    command = load_command(entry)
    assert entry.examples
    for example in entry.examples:
        words = shlex.split(example.split(" > ")[0].rpartition(" | ")[2])
        assert words[:2] == ["vidcurate", entry.name]
        command.make_context(entry.name, words[2:])


@each_command
def test_help_shows_examples_and_no_empty_default(
    entry: Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help of a command ends with its examples; no default is shown that is none."""
    with pytest.raises(typer.Exit):
        load_command(entry).make_context(entry.name, ["--help"])
    shown = capsys.readouterr().out
    assert f"vidcurate {entry.name}" in shown[shown.rindex("╯") :]
    assert "(default )" not in " ".join(shown.replace("│", " ").split())
    assert "at least 2" not in shown
    assert not re.search(r"<(str|path|int|float|list)\b", shown)


def test_help_imports_no_stage_and_nothing_slow() -> None:
    """`vidcurate --help` is answered from the catalogue alone."""
    probe = (
        "import sys\n"
        "sys.argv = ['vidcurate', '--help']\n"
        "from vidcurate.__main__ import main\n"
        "try:\n    main()\n"
        f"finally:\n    print('SLOW', [m for m in {SLOW!r} if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "SLOW []" in done.stdout
    assert all(f" {entry.name} " in done.stdout for entry in CATALOGUE)


def test_the_group_has_every_command() -> None:
    """The commands of the group are those of the catalogue, in its order."""
    group = get_command(app)
    assert [*group.commands] == [entry.name for entry in CATALOGUE]  # type: ignore[attr-defined]
