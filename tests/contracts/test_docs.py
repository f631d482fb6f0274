"""The documents say what the code does: links, commands, options, recipes and examples."""

import re
import shlex
import textwrap
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import typer

import vidcurate
from scripts.benchmarks.__main__ import BENCHMARKS
from vidcurate.cli.app import app
from vidcurate.errors import ConfigError
from vidcurate.pipeline.config import load_config
from vidcurate.records import CUTS, SCANS, Clip
from vidcurate.stages.registry import STAGES

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# The changelog names options of earlier versions.
CURRENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
RECIPES = {recipe.stem for recipe in (ROOT / "configs").glob("*.yaml")}
README_LINES = 150
SHELLS = {"", "bash", "console", "make", "sh", "shell"}
FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
OPERATORS = {"|", "||", "&&", ";", ">", ">>", "<", "&", "(", ")"}
# Options of programs that are not ours.
FOREIGN = {"--disable-usage-stats", "--full"}


def prose(text: str) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", text)


def blocks(text: str, *languages: str) -> list[str]:
    """The code blocks of a page in some languages."""
    found = FENCE.findall(text)
    return [textwrap.dedent(code) for _, language, code in found if language in languages]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as the site and code hosts make them."""
    words = [re.sub(r"[^\w\- ]", "", h.lower()).strip() for h in HEADING.findall(prose(text))]
    return {word.replace(" ", "-") for word in words}


def broken_links(page: Path) -> list[str]:
    """The links of a page that lead to no file, or to no heading of one."""
    found = [one or two for one, two in LINK.findall(prose(page.read_text("utf-8")))]
    return [link for link in found if "://" not in link and not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether a relative link has a target."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text("utf-8"))


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each `vidcurate` command in the code blocks of a page."""
    for code in blocks(text, *SHELLS):
        for line in re.findall(r".*\bvidcurate .*", code.replace("\\\n", " ")):
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            yield from (words[1:] for words in split_commands(lexer) if words[0] == "vidcurate")


def split_commands(words: Iterator[str]) -> Iterator[list[str]]:
    """The simple commands of a line of a shell, without redirections and what makes them."""
    command: list[str] = []
    for word in [*words, ";"]:
        if word in OPERATORS or set(word) <= set("();<>|&"):
            if command:
                yield command
            command = []
        elif command or word == "vidcurate":
            command.append(word)


@cache
def command_line() -> Any:
    """The command with all its commands, as typer builds it."""
    return typer.main.get_command(app)


def fault_of(arguments: Sequence[str]) -> str | None:
    """What is wrong with a command line, read by the real command; nothing if it is right."""
    group = command_line()
    try:
        context = group.make_context("vidcurate", list(arguments))
        # A group keeps what it has not read yet under different names in different versions.
        name, command, rest = group.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        command.make_context(name, rest, parent=context)
    except (typer.Exit, SystemExit):
        return None
    except Exception as error:  # noqa: BLE001 - typer's and click's errors share no other base
        return f"vidcurate {shlex.join(arguments)}: {getattr(error, 'message', error)}"
    return None


def command_faults(text: str) -> list[str]:
    """What is wrong with the commands that the code blocks of a page show."""
    return [fault for arguments in commands(text) if (fault := fault_of(arguments))]


@cache
def known_options() -> set[str]:
    """Every option of every command."""
    group = command_line()
    context = group.make_context("vidcurate", ["--help"], resilient_parsing=True)
    names = group.list_commands(context)
    members = [group, *(group.resolve_command(context, [name])[1] for name in names)]
    return {o for m in members for p in m.get_params(context) for o in (*p.opts, *p.secondary_opts)}


def unknown_options(text: str) -> list[str]:
    """The options that the prose of a page names and no command has."""
    ours = re.compile(r"vidcurate |--")
    codes = [code for code in INLINE.findall(prose(text)) if ours.match(code)]
    words = {word for code in codes for word in code.split()}
    options = {
        word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z][\w-]*(=.*)?", word)
    }
    return sorted(options - known_options() - FOREIGN)


def unknown_recipes(text: str) -> list[str]:
    """The recipes that the commands of a page name and that are not there."""
    named = [
        arguments[at + 1]
        for arguments in commands(text)
        for at, word in enumerate(arguments[:-1])
        if word in {"-c", "--config", "--recipe"}
    ]
    return [
        name
        for name in named
        if "/" not in name and not name.endswith(".yaml") and name not in RECIPES
    ]


def config_faults(text: str, folder: Path) -> list[str]:
    """What is wrong with the configs that a page shows."""
    faults = []
    for code in blocks(text, "yaml"):
        file = folder / "shown.yaml"
        file.write_text(code, "utf-8")
        try:
            load_config(file, STAGES)
        except ConfigError as error:
            faults.append(str(error))
    return faults


def python_faults(text: str) -> list[str]:
    """What of the Python examples of a page does not compile, or is not in the package."""
    owners = {"vc": vidcurate, "ds": vidcurate.VideoDataset, "clip": vidcurate.DatasetClip}
    faults = []
    for code in blocks(text, "python"):
        try:
            compile(code, "example", "exec")
        except SyntaxError as error:
            faults.append(str(error))
        for name, owner in owners.items() if "import vidcurate as vc" in code else ():
            used = re.findall(rf"\b{name}\.(\w+)", code)
            faults += [f"{name}.{member}" for member in used if not hasattr(owner, member)]
    return faults


def unknown_targets(text: str) -> list[str]:
    """The targets of `make` and the benchmarks that a page names and that are not there."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    code = "\n".join([*blocks(text, *SHELLS), *INLINE.findall(prose(text))])
    named = [
        word
        for line in re.findall(r"^make(?: +(.*))?$", code, re.MULTILINE)
        for word in line.split("#")[0].split()
    ]
    targets = [word for word in named if re.fullmatch(r"[a-z][a-z-]*", word)]
    benchmarks = [name for name in re.findall(r"\bBENCH=([a-z]\w*)", text) if name != "name"]
    return [
        *(target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)),
        *(name for name in benchmarks if name not in BENCHMARKS),
    ]


def on_each(pages: Sequence[Path], faults: Callable[[str], list[str]]) -> dict[str, list[str]]:
    """The faults of those pages that have any, by the page's name."""
    found = {page: faults(page.read_text("utf-8")) for page in pages}
    return {page.relative_to(ROOT).as_posix(): named for page, named in found.items() if named}


def test_every_link_leads_somewhere() -> None:
    """A relative link names a file that is there, and a heading of it."""
    found = {page.relative_to(ROOT).as_posix(): broken_links(page) for page in PAGES}
    assert {page: links for page, links in found.items() if links} == {}


def test_every_command_is_one_of_ours() -> None:
    """A command in a code block has a name, options and values that the real command takes."""
    assert on_each(CURRENT, command_faults) == {}


def test_every_option_in_prose_exists() -> None:
    """An option that a sentence names is one of some command."""
    assert on_each(CURRENT, unknown_options) == {}


def test_every_recipe_exists() -> None:
    """A recipe that a command names is one that comes with the package."""
    assert on_each(CURRENT, unknown_recipes) == {}


def test_every_config_shown_is_without_fault(tmp_path: Path) -> None:
    """The stages and options of a config in a code block are known, and their values fit."""
    assert on_each(CURRENT, partial(config_faults, folder=tmp_path)) == {}


def test_every_python_example_names_what_is_there() -> None:
    """An example compiles, and the package has what it takes from it."""
    assert on_each(CURRENT, python_faults) == {}


def test_every_target_of_make_exists() -> None:
    """A task of `make` and a benchmark that a page names are there."""
    assert on_each(CURRENT, unknown_targets) == {}


def test_every_decision_is_listed() -> None:
    """The list of decisions has a line for each, in the order of their numbers."""
    folder = ROOT / "docs" / "decisions"
    records = sorted(record.name for record in folder.glob("0*.md"))
    assert LINK.findall((folder / "index.md").read_text("utf-8")) == [(r, "") for r in records]
    assert [int(record[:4]) for record in records] == list(range(1, len(records) + 1))


def test_the_architecture_names_what_is_there() -> None:
    """A module or room that the page on the architecture names lies in the package."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = [code for code in INLINE.findall(prose(page)) if re.fullmatch(r"[\w/]+(\.py|/)", code)]
    package = Path(vidcurate.__file__).parent
    inside = [package, package / "stages"]
    assert [n for n in named if not any((folder / n).exists() for folder in inside)] == []
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    assert {room for room in rooms if f"`{room}/`" not in page} == set()


def test_the_stage_of_the_guide_runs() -> None:
    """The example stage of CONTRIBUTING.md is one: declared as written, it measures a clip."""
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    row, stage, *_ = blocks(guide, "python")
    names: dict[str, Any] = {"__name__": "shown"}
    exec(compile(row + stage, "CONTRIBUTING.md", "exec"), names)  # noqa: S102 - our own document
    clip = Clip("c", "v", 0, 300, Fraction(1, 100), 0.0, 3.0, 3.0, 72)
    workspace = SimpleNamespace(
        lookup=lambda table: {
            CUTS: {"v": SimpleNamespace(cuts=(None, None))},
            SCANS: {"v": SimpleNamespace(duration_s=18.0)},
        }[table]
    )
    declared = names["PACE_STAGE"]
    found = list(declared.run([clip], declared.config(), None, workspace))
    assert found == [[names["Pace"]("c", "v", 0.5)]]


def test_the_readme_is_short_and_names_every_recipe() -> None:
    """The README fits in 150 lines; its table of recipes is whole."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= README_LINES
    assert {name for name in RECIPES if f"`{name}`" not in readme} == set()


def test_the_checks_find_faults(tmp_path: Path) -> None:
    """A page with one fault of each kind fails every check."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\nSee [there](gone.md), [here](#nothing) and `--no-such-option`.\n\n"
        "```\nfind . | vidcurate ingest - -d out --colour red && vidcurate paint -d out\n"
        "vidcurate split a.mp4 -d out --min-clip-s soon\n"
        "vidcurate run a.mp4 -d out -c mine\n```\n\n"
        "```yaml\nsplit:\n  shortest: 2\n```\n\n"
        "```python\nimport vidcurate as vc\nvc.no_such_function()\n```\n\n"
        "`make dinner` and `make bench BENCH=nothing`.\n",
        "utf-8",
    )
    text = page.read_text("utf-8")
    faults = [fault_of(arguments) for arguments in commands(text)]
    assert broken_links(page) == ["gone.md", "#nothing"]
    assert [fault is not None for fault in faults] == [True, True, True, False]
    assert unknown_options(text) == ["--no-such-option"]
    assert unknown_recipes(text) == ["mine"]
    assert "unknown option" in config_faults(text, tmp_path)[0]
    assert python_faults(text) == ["vc.no_such_function"]
    assert unknown_targets(text) == ["dinner", "nothing"]
