"""The command `verify` without a data set: an export against its own manifest."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import typer

from vidcurate.cli.printing import say, tell, tell_json
from vidcurate.errors import ExportFaultError, UsageError, quantity
from vidcurate.exporting.folder.intact import ExportCheck, check_export
from vidcurate.store.storage import location

KINDS = ("missing", "changed", "additional")


def verify_export(values: Mapping[str, Any]) -> None:
    """Compare each file of an export with its manifest, and name those that differ.

    Raises UsageError where no export is named, and typer.Exit where a file differs.
    """
    named = list(values["sources"] or [])
    if len(named) != 1:
        raise UsageError("which data set? give -d and its folder, or only the folder of an export")
    folder = location(named[0])
    check = check_export(folder)
    if values["as_json"]:
        tell_json({"export": str(folder), "intact": check.is_intact, **asdict(check)})
    else:
        show(check)
    if not values["quiet"]:
        gigabytes = check.n_bytes / 1e9
        say(f"{quantity(check.n_files, 'file')}, {gigabytes:.3f} GB in {folder}: {verdict(check)}")
    if not check.is_intact:
        raise typer.Exit(ExportFaultError.exit_code)


def show(check: ExportCheck) -> None:
    """Name each file that differs, on stdout."""
    for kind in KINDS:
        for name in getattr(check, kind):
            tell(f"{kind}: {name}")


def verdict(check: ExportCheck) -> str:
    """Say how many files differ in which way."""
    counts = [f"{len(getattr(check, kind))} {kind}" for kind in KINDS if getattr(check, kind)]
    return ", ".join(counts) or "all as written"
