import ast
import contextlib
import io
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vidcurate
from scripts.tools.reference.examples import EXAMPLES
from scripts.tools.write_reference import FILES
from tests.support.paths import ROOT
from tests.support.videos import SHOTS, ffmpeg, render
from vidcurate.pipeline.recipes import list_recipes
from vidcurate.stages.registry import STAGES

PAGE = ROOT / "docs" / "reference" / "python-api.md"
GUIDE = ROOT / "docs" / "guides" / "python.md"
BLOCK = re.compile(r"(<!-- not run[^>]*-->\n+)?```python\n(.*?)```", re.DOTALL)
CLASSES = ("RunResult", "VideoDataset", "DatasetClip", "SearchHit")


def test_public_names_are_there_and_typed() -> None:
    """`__all__`, what type checkers see, and what can be had are the same names, sorted."""
    tree = ast.parse((ROOT / "vidcurate" / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [n for node in block.body if isinstance(node, ast.ImportFrom) for n in node.names]
    assert vidcurate.__all__ == sorted({name.asname or name.name for name in imports})
    assert all(getattr(vidcurate, name) is not None for name in vidcurate.__all__)
    assert {stage.name for stage in STAGES} <= set(vidcurate.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vidcurate.nothing


def test_no_room_has_the_name_of_a_public_one() -> None:
    """Importing a submodule sets an attribute of the package, which would hide the function."""
    rooms = {module.name for module in pkgutil.iter_modules(vidcurate.__path__)}
    assert not rooms & set(vidcurate.__all__)


def test_the_import_is_light() -> None:
    """`import vidcurate` imports none of its rooms, nor anything that they need."""
    code = "import sys, vidcurate; print([m for m in sys.modules if m.startswith('vidcurate.')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_the_reference_has_every_public_name() -> None:
    """Each name of `__all__`, and each public method and property, stands on the page."""
    page = PAGE.read_text("utf-8")
    for name in vidcurate.__all__:
        assert f"`{name}`" in page or f"### {name}\n" in page, name
    for cls in (getattr(vidcurate, name) for name in CLASSES):
        for name in (n for n in vars(cls) if not n.startswith("_")):
            assert f"`{name}`" in page or f"#### {cls.__name__}.{name}\n" in page, name


@pytest.mark.parametrize("name", FILES)
def test_the_reference_is_current(name: str) -> None:
    """Each generated file is what would be written now, whatever the terminal's width."""
    assert (ROOT / name).read_text("utf-8") == FILES[name](), "run `make docs`"


@pytest.mark.parametrize("width", ["20", "400"])
def test_the_reference_depends_on_no_terminal(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow terminal, one without colours and another language change nothing."""
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert FILES["docs/reference/cli.md"]() == (ROOT / "docs/reference/cli.md").read_text("utf-8")


def test_each_option_is_stated_once() -> None:
    """An option that several stages share stands where they refer to, and nowhere else.

    Servers of models that chat and of others are two choices.
    """
    page = (ROOT / "docs/reference/config.md").read_text("utf-8")
    for option in ("api_key_env", "base_url"):
        assert page.count(f"| `{option}`") == 2
        for backend in ("openai", "server"):
            assert page.count(f"| `{option}` | With backend {backend}: ") == 1
    assert all(f"| `{recipe.name}` |" in page for recipe in list_recipes())


def blocks_of(page: Path) -> list[str]:
    """The blocks of Python of a page that are to run; those marked otherwise are only compiled."""
    found = BLOCK.findall(page.read_text("utf-8"))
    for _, text in found:
        ast.parse(text)
    return [text for marked, text in found if not marked]


@pytest.mark.parametrize("page", [PAGE, GUIDE], ids=lambda page: page.name)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after another in a folder with videos."""
    if not page.exists():
        pytest.skip("there is no such page")
    size = (426, 240)  # the least that the recipe quickstart keeps
    render(tmp_path / "videos" / "one.mp4", [(shot, 3.0) for shot in SHOTS[:3]], size=size)
    more = [("testsrc2", 3.0), ("mandelbrot", 3.0)]
    other = render(tmp_path / "more" / "video.mp4", more, size=size)
    ffmpeg("-i", str(other), "-frames:v", "1", str(tmp_path / "photo.jpg"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.print", lambda *_: None)
    for text in blocks_of(page):
        if "import torch" in text:
            pytest.importorskip("torch")
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, str(page), "exec"), {"__name__": "example"})  # noqa: S102 - ours


def test_the_page_has_the_examples() -> None:
    """Each stands on the page as it is."""
    page = PAGE.read_text("utf-8")
    assert all(text in page for _, text in EXAMPLES)
