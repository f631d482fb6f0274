"""Write the reference pages and the API's type stub from what they describe."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.tools.reference.commands_page import commands_page
from scripts.tools.reference.config_page import config_page
from scripts.tools.reference.python_page import python_page
from scripts.tools.reference.stub import stub
from scripts.tools.reference.tables_page import tables_page

ROOT = Path(__file__).parents[2]
FILES: dict[str, Callable[[], str]] = {
    "docs/reference/cli.md": commands_page,
    "docs/reference/config.md": config_page,
    "docs/reference/tables.md": tables_page,
    "docs/reference/python-api.md": python_page,
    "vidcurate/api/functions.pyi": stub,
}


def main() -> None:
    """Write all files, or with --check only say which are not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if not current")
    only_check = parser.parse_args().check
    stale = [name for name, make in FILES.items() if text_of(ROOT / name) != make()]
    if only_check and stale:
        sys.exit(f"not current, run `make docs`: {', '.join(stale)}")
    for name in stale:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(FILES[name](), "utf-8")


def text_of(file: Path) -> str | None:
    """A file's text; None where there is none."""
    return file.read_text("utf-8") if file.exists() else None


if __name__ == "__main__":
    main()
