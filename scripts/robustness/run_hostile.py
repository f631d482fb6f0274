"""Runs hostile files through everything and shows what became of each kind; 1 if anything is wrong.

    python -m scripts.robustness.run_hostile [--folder DIR] [--seed N] [--config FILE]

Wrong is: a run that fails or does not end, a file that was to be refused and was not or the other
way round, a file of which nothing is said, a connection, and a file outside the data set that was
read or changed.
"""

import argparse
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.robustness.bad_damage import ANY, VIDEO, Case
from scripts.robustness.hostile_outcomes import EXPORTED, LEFT_OUT, LOST, REFUSED, Outcome, outcomes
from scripts.robustness.hostile_watch import heard_on, opened_below
from scripts.robustness.make_bad_media import cases, write

CONFIG = Path(__file__).parents[2] / "configs" / "quickstart.yaml"
LONGEST_RUN_S = 3600
COLUMNS = (EXPORTED, LEFT_OUT, REFUSED, LOST)


@dataclass(frozen=True)
class Finding:
    """What a run over hostile files did: how it ended, what it said, made and touched."""

    code: int
    words: str
    outcomes: Mapping[str, Outcome]
    connections: Sequence[bytes]
    opened: Sequence[str]
    changed: Sequence[str]


def make_and_run(folder: Path, seed: int, config: Path, wanted: Callable[[Case], bool]) -> "Judged":
    """Make the wanted files, run them, and judge what became of them."""
    (folder / "home").mkdir(parents=True)
    with heard_on() as (port, connections):
        found = cases(folder, seed, port)
        made = write(filter(wanted, found), folder / "videos")
        before = states(folder)
        with opened_below(folder / "outside") as opened:
            ended = run(folder, made, config)
        after = states(folder)
    changed = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
    words = ended.stderr.decode()
    became = outcomes(folder / "out")
    finding = Finding(ended.returncode, words, became, connections, opened, changed)
    return Judged(made, finding, tuple(faults(made, finding)))


@dataclass(frozen=True)
class Judged:
    """The files of a run, what it did, and what is wrong with that."""

    made: Sequence[Case]
    finding: Finding
    faults: Sequence[str]


def run(folder: Path, made: Sequence[Case], config: Path) -> "subprocess.CompletedProcess[bytes]":
    """The command as a user runs it; its home, temporary files and place are FOLDER/home."""
    home = folder / "home"
    paths = [bytes(folder / "videos") + b"/" + case.name for case in made]
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(home))
    options = ("-c", config, "-d", folder / "out", "-v")
    return subprocess.run(
        [sys.executable, "-m", "vidcurate", "run", "-", *map(str, options)],
        input=b"\0".join((*paths, b"")),
        capture_output=True,
        check=False,
        cwd=home,
        env={**os.environ, **places, "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=LONGEST_RUN_S,
    )


def states(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of each file in a folder, but for those of the data set in it."""
    found = {}
    for at, folders, files in os.walk(folder):
        if Path(at) == folder:
            folders[:] = [name for name in folders if name != "out"]
        for name in (*folders, *files):
            path = Path(at, name)
            facts = path.lstat()
            is_folder = stat.S_ISDIR(facts.st_mode)
            state = (0, 0) if is_folder else (facts.st_size, facts.st_mtime_ns)
            found[str(path.relative_to(folder))] = state
    return found


def faults(made: Sequence[Case], finding: Finding) -> Iterator[str]:
    """All that is wrong with a run."""
    if finding.code:
        yield f"the run ended with code {finding.code}: {finding.words[-2000:]}"
    for what in ("connections", "opened", "changed"):
        if found := getattr(finding, what):
            yield f"{what}: {found}"
    if any(not c.isprintable() for c in finding.words if c != "\n"):
        yield "the run's words hold characters that steer a terminal"
    for case in made:
        name = case.name.decode("utf-8", "backslashreplace")
        became, why = finding.outcomes.get(name, (LOST, ""))
        wanted = {VIDEO: (EXPORTED,), ANY: (EXPORTED, LEFT_OUT, REFUSED)}.get(
            case.expected, (REFUSED,)
        )
        if became not in wanted:
            yield f"{case.kind} {name!r} was to be {' or '.join(wanted)}, but was {became} {why}"


def table(judged: Judged) -> Iterator[str]:
    """Kind by outcome, in Markdown."""
    yield f"| kind | files | {' | '.join(COLUMNS)} |"
    yield "|---" * (2 + len(COLUMNS)) + "|"
    counts: dict[str, Counter[str]] = {}
    for case in judged.made:
        name = case.name.decode("utf-8", "backslashreplace")
        became = judged.finding.outcomes.get(name, (LOST, ""))[0]
        counts.setdefault(case.kind, Counter())[became] += 1
    counts["all"] = sum(counts.values(), Counter())
    for kind, count in counts.items():
        cells = " | ".join(str(count[column]) for column in COLUMNS)
        yield f"| {kind} | {count.total()} | {cells} |"


def main() -> None:
    """Make the files, run them, print the table and what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where to work; a new folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--kind", action="append", default=[], help="only files of this kind")
    parser.add_argument("--reasons", action="store_true", help="say of each file why")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).absolute()
        began = time.monotonic()
        judged = make_and_run(
            folder,
            options.seed,
            options.config.absolute(),
            lambda case: not options.kind or case.kind in options.kind,
        )
    if options.reasons:
        for case in judged.made:
            name = case.name.decode("utf-8", "backslashreplace")
            print(case.kind, repr(name), *judged.finding.outcomes.get(name, (LOST,)))
    print("\n".join(table(judged)))
    print(f"{len(judged.made)} files in {time.monotonic() - began:.0f} s, seed {options.seed}")
    for fault in judged.faults:
        print("WRONG:", fault)
    sys.exit(bool(judged.faults))


if __name__ == "__main__":
    main()
