"""One more name for a file, without a copy of its bytes where the file system has that."""

import errno
import os
import shutil
from pathlib import Path

from vidcurate.store.storage import Location, Remote, copy

# Not a want of links: no room, no such file, and a name that is taken, behind which another clip's
# file may lie.
NOT_OF_LINKS = (errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.EEXIST)


def link(source: Location, target: Location) -> None:
    """Give a file one more name; copy it where the file system has no links.

    Raises FileExistsError for a name on a disk that is taken.
    """
    if isinstance(source, Remote):
        if isinstance(target, Path) and target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        copy(source, target)
        return
    assert isinstance(target, Path)
    try:
        os.link(source, target)
    except OSError as error:
        # What a file system says that has no links is its own: nearly every number was seen.
        if error.errno in NOT_OF_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        shutil.copyfile(source, target)
