"""The data model on one page: the rows of every table, with units in the names.

A time is exact in `*_pts`, ticks of the film's `time_base` (seconds a tick, a fraction); the
`*_s` columns beside it are the same time in seconds, for people and for rules.
"""

from vidcurate.records.clips import (
    CAPTIONS,
    CLIPS,
    EXPORTS,
    KEPT,
    KEYFRAMES,
    Caption,
    Clip,
    ClipKeyframes,
    ExportedClip,
    Keyframe,
)
from vidcurate.records.films import (
    CUTS,
    FILES,
    FILM_TABLES,
    SCANS,
    SOURCES,
    VIDEOS,
    Cut,
    FilmCuts,
    FoundFile,
    Scan,
    Source,
    Video,
    merge_sources,
)
from vidcurate.records.scores import (
    QUALITY,
    SCORE_TABLES,
    Quality,
)

__all__ = [
    "CAPTIONS",
    "CLIPS",
    "CUTS",
    "EXPORTS",
    "FILES",
    "FILM_TABLES",
    "KEPT",
    "KEYFRAMES",
    "QUALITY",
    "SCANS",
    "SCORE_TABLES",
    "SOURCES",
    "VIDEOS",
    "Caption",
    "Clip",
    "ClipKeyframes",
    "Cut",
    "ExportedClip",
    "FilmCuts",
    "FoundFile",
    "Keyframe",
    "Quality",
    "Scan",
    "Source",
    "Video",
    "merge_sources",
]
