"""Which clip a person means: by its id, the beginning of its id, or a film and a second."""

import math

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.clips.film_names import FilmNames
from vidcurate.errors import UsageError, quantity
from vidcurate.records import CLIPS, SOURCES
from vidcurate.rules.join import Read

NAMED_IN_ERRORS = 4
# An id that shares fewer first letters with the one that was typed is no likely slip.
MIN_ALIKE = 4


def clip_named(read: Read, name: str) -> str:
    """The id of the clip that a name means.

    A name is an id, a beginning that only one id has, or FILM@SECONDS: a clip of that film, by its
    path or file name, that is shown at that time.

    Raises UsageError where no clip or more than one is meant, and names those that are near.
    """
    ids = read(CLIPS.name)[CLIPS.key]
    if pc.index(ids, name).as_py() >= 0:
        return name
    film, at, seconds = name.rpartition("@")
    if at and film and is_time(seconds):
        return clip_at(read, film, float(seconds))
    starting = ids.filter(pc.starts_with(ids, name)) if name else ids.slice(0, 0)
    if len(starting) == 1:
        return str(starting[0].as_py())
    if len(starting):
        raise UsageError(
            f"{quantity(len(starting), 'clip')} have ids that begin with '{name}': {some(starting)}"
        )
    raise UsageError(f"no clip has the id '{name}'{near_ids(ids, name)}")


def is_time(text: str) -> bool:
    """Whether a text is a number of seconds."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def clip_at(read: Read, film: str, seconds: float) -> str:
    """The clip of a film that is shown at a time in seconds.

    Raises UsageError where no film, or more than one, has the name, and where no clip or more than
    one is shown then.
    """
    clips = read(CLIPS.name)
    own = clips.filter(pc.equal(clips["video_id"], video_named(read, film)))
    shown = own.filter(
        pc.and_(pc.less_equal(own["start_s"], seconds), pc.greater(own["end_s"], seconds))
    )
    if shown.num_rows == 1:
        return str(shown[CLIPS.key][0].as_py())
    if shown.num_rows:
        raise UsageError(
            f"{quantity(shown.num_rows, 'clip')} of {film} are shown at {seconds:g} s: "
            f"{some(shown[CLIPS.key])}"
        )
    raise UsageError(f"no clip of {film} is shown at {seconds:g} s{near_times(own, seconds)}")


def video_named(read: Read, film: str) -> str:
    """The video whose id, path, or file name is given.

    Raises UsageError where there is none, or more than one.
    """
    try:
        return FilmNames.of(SOURCES.from_arrow(read(SOURCES.name))).find(film)
    except ValueError as error:
        raise UsageError(str(error)) from None


def near_ids(ids: pa.ChunkedArray, name: str) -> str:
    """The ids that share the most first letters with a name, as the end of a message."""
    low, high = 0, len(name)
    while low < high:  # how many first letters some id shares, by bisection
        middle = (low + high + 1) // 2
        if pc.any(pc.starts_with(ids, name[:middle])).as_py():
            low = middle
        else:
            high = middle - 1
    if low < MIN_ALIKE:
        return "; `vidcurate rows clips --columns clip_id` lists them"
    return f": did you mean {some(ids.filter(pc.starts_with(ids, name[:low])), 'or')}?"


def near_times(clips: pa.Table, seconds: float) -> str:
    """The clips before and after a time, as the end of a message."""
    before = clips.filter(pc.less_equal(clips["end_s"], seconds)).sort_by([("end_s", "descending")])
    after = clips.filter(pc.greater(clips["start_s"], seconds)).sort_by("start_s")
    spans = [
        f"{row[CLIPS.key]} from {row['start_s']:.2f} to {row['end_s']:.2f} s"
        for one in (before, after)
        for row in one.slice(0, 1).to_pylist()
    ]
    return f"; next to it: {', '.join(spans)}" if spans else "; it has no clips"


def some(ids: pa.ChunkedArray, last: str = "and") -> str:
    """A few ids in words."""
    shown = [str(one) for one in ids.slice(0, NAMED_IN_ERRORS).to_pylist()]
    more = len(ids) - len(shown)
    if more:
        return f"{', '.join(shown)} {last} {more} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {last} {shown[-1]}"
