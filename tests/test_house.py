"""The bars that no linter sets: how long functions and files may be."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = sorted(p for part in ("vidcurate", "scripts", "tests") for p in (ROOT / part).rglob("*.py"))
LONGEST_FUNCTION, LONGEST_FILE = 40, 300


@pytest.mark.parametrize("file", CODE, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_and_functions_stay_short(file: Path) -> None:
    """No file of ours is over 300 lines and no function over 40, its docstring left out."""
    text = file.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    long = {f.name: n for f in functions if (n := n_lines(f)) > LONGEST_FUNCTION}
    assert long == {}


def n_lines(function: ast.FunctionDef) -> int:
    """Lines of a function from `def` to its end, without its docstring."""
    assert function.end_lineno is not None
    total = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None or first.end_lineno is None:
        return total
    return total - (first.end_lineno - first.lineno + 1)
