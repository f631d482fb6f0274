"""Write the reference of commands and options into the README, from the stages themselves."""

import argparse
import sys
from pathlib import Path

from vidcurate.pipeline.default_config import reference
from vidcurate.stages import STAGES

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- reference: made by `make docs` -->\n", "<!-- end of reference -->\n"


def main() -> None:
    """Write the reference, or with --check only say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if not current")
    only_check = parser.parse_args().check
    old = README.read_text("utf-8")
    before, rest = old.split(BEGIN)
    _, after = rest.split(END)
    new = f"{before}{BEGIN}\n{reference(STAGES)}\n{END}{after}"
    if only_check and new != old:
        sys.exit("README.md does not say what the stages say: run `make docs`")
    if not only_check:
        README.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
