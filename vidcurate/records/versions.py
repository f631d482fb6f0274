"""Further captions of each clip: every version has a name, and a table with captions' columns.

The rows of all versions lie in the folder of `captions`, each by its fingerprint: a version that
becomes the main caption, or was it, is not written again.
"""

import re
from collections.abc import Iterable

from vidcurate.errors import UsageError
from vidcurate.records.clips import CAPTIONS, Caption
from vidcurate.store.table import Table

# Names stand in names of columns and tables, and in rules.
NAME = re.compile(r"[a-z][a-z0-9]*")


def version_table(version: str) -> Table[Caption]:
    """The table of a version; raises UsageError for a name that none can have."""
    if not NAME.fullmatch(version):
        raise UsageError(
            f"a caption version is named by small letters and digits, such as chinese, "
            f"not '{version}'"
        )
    return Table(f"{CAPTIONS.name}_{version}", Caption, CAPTIONS.key, folder=CAPTIONS.name)


def version_tables(names: Iterable[str]) -> dict[str, Table[Caption]]:
    """The versions whose tables are among some names, in their order, with these tables."""
    start = f"{CAPTIONS.name}_"
    versions = (name.removeprefix(start) for name in names if name.startswith(start))
    return {version: version_table(version) for version in versions if NAME.fullmatch(version)}
