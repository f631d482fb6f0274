"""One more name for a file, without a copy of its bytes where the file system has that."""

import errno
import os
import shutil
from pathlib import Path

from vidcurate.store.storage import Location, Remote, copy


def link(source: Location, target: Location) -> None:
    """Give a file one more name; copy it where the file system has no links."""
    if isinstance(source, Remote):
        copy(source, target)
        return
    assert isinstance(target, Path)
    try:
        os.link(source, target)
    except OSError as error:
        # What a file system says that has no links is its own: nearly every number was seen.
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT):
            raise
        shutil.copyfile(source, target)
