"""Which video a name in a user's list means: its id, its path, its file name, or that in short."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import PurePath

from vidcurate.errors import some
from vidcurate.records import Source

MOST_COMPARED = 10_000  # names, in a second or so
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class FilmNames:
    """The videos of a data set by what they may be called.

    `by` are the ways to name a video, the most exact first; each maps a name to ids of videos.
    `paths` has a path of each video.
    """

    by: tuple[dict[str, set[str]], ...]
    paths: dict[str, str]

    @classmethod
    def of(cls, sources: Iterable[Source]) -> "FilmNames":
        """The names of some videos."""
        ids: dict[str, set[str]] = {}
        paths, names, stems = (defaultdict[str, set[str]](set) for _ in range(3))
        first: dict[str, str] = {}
        for source in sources:
            ids[source.video_id] = {source.video_id}
            first[source.video_id] = source.path
            for path in source.paths:
                plain = PurePath(composed(path))
                paths[str(plain)].add(source.video_id)
                names[plain.name].add(source.video_id)
                stems[plain.stem].add(source.video_id)
        return cls((ids, paths, names, stems), first)

    def find(self, name: str) -> str:
        """The id of the video that a name means.

        Raises ValueError, with names that are near, where there is none, and where several have it.
        """
        wanted = composed(name)
        found: set[str] = next((one[wanted] for one in self.by if wanted in one), set())
        if len(found) == 1:
            return next(iter(found))
        if found:
            paths = sorted(self.paths[video_id] for video_id in found)
            raise ValueError(
                f"{len(paths)} films have the name {name!r}: {some(paths)}; give the path"
            )
        hint = near_names(PurePath(wanted).name, self.by[2], "sources")
        raise ValueError(f"no film here has the path or name {name!r}{hint}")


def near_names(name: str, known: Iterable[str], table: str) -> str:
    """The known names nearest to one, else which table lists them, as the end of a message."""
    close = get_close_matches(name, [*islice(known, MOST_COMPARED)], n=MOST_NAMED)
    if not close:
        return f"; `vidcurate rows {table}` lists them"
    return f": did you mean {' or '.join(close)}?"


def composed(name: str) -> str:
    """A name with its accents joined to their letters: file systems write them either way."""
    return unicodedata.normalize("NFC", name)
