"""Which text of a clip counts: what a person wrote, else the refined caption, else the caption."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from vidcurate.clips.reviews import UNREVIEWED, ClipReview, reviews_of
from vidcurate.options import StageConfig
from vidcurate.records import CAPTIONS, DECISIONS, REFINED, Clip
from vidcurate.stage import DatasetView, Lookup, Workspace
from vidcurate.store.table import Table

HASH_DIGITS = 12
# What a map stage over clips declares to read the text that counts. Rows know the hash of their
# text, so that only those whose text has changed are made again.
TEXT_LOOKUPS = (
    Lookup(CAPTIONS),
    Lookup(REFINED, required=False, decides=False),
    Lookup(DECISIONS, required=False, decides=False, by="video_id"),
)


@dataclass(frozen=True, slots=True)
class CurrentText:
    """The text of a clip and where it is from: `review`, `refined` or `caption`."""

    text: str
    source: str

    @property
    def hash(self) -> str:
        """The first digits of the SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:HASH_DIGITS]


def current_texts(clips: Iterable[Clip], workspace: Workspace) -> dict[str, CurrentText]:
    """The text of each clip of a batch that has one, by its id."""
    captions = {i: row.text for i, row in workspace.lookup(CAPTIONS).items()}
    refined = workspace.lookup(REFINED) if workspace.has(REFINED) else {}
    better = {i: row.text for i, row in refined.items()}
    decided = workspace.lookup_all(DECISIONS)
    reviews = reviews_of([decision for rows in decided.values() for decision in rows])
    clip_ids = [clip.clip_id for clip in clips]
    return dict(best_texts(clip_ids, captions, better, reviews))


def all_current_texts(view: DatasetView) -> dict[str, CurrentText]:
    """The same of every clip of the data set."""
    captions = texts_in(view, CAPTIONS)
    refined = texts_in(view, REFINED) if view.has(REFINED) else {}
    reviews = {}
    if view.has(DECISIONS):
        reviews = reviews_of(DECISIONS.from_arrow(view.scan(DECISIONS)))
    clip_ids = [*captions, *(i for i in reviews if i not in captions)]
    return dict(best_texts(clip_ids, captions, refined, reviews))


@dataclass(frozen=True, slots=True)
class TextsChanged:
    """The clips whose text is another one than their row in a table was made from.

    The table has the columns `clip_id` and `text_hash`.
    """

    table: Table[Any]

    def __call__(self, _config: StageConfig, view: DatasetView) -> pa.Array:
        """The ids of the clips."""
        now = {clip_id: text.hash for clip_id, text in all_current_texts(view).items()}
        rows = view.scan(self.table, ["clip_id", "text_hash"]).to_pylist()
        changed = [r["clip_id"] for r in rows if r["text_hash"] != now.get(r["clip_id"])]
        return pa.array(changed, pa.string())


def texts_in(view: DatasetView, table: Table[Any]) -> dict[str, str]:
    """The texts of a table of captions, by clip."""
    rows = view.scan(table, ["clip_id", "text"])
    columns = (rows[column].to_pylist() for column in ("clip_id", "text"))
    return dict(zip(*columns, strict=True))


def best_texts(
    clip_ids: Iterable[str],
    captions: Mapping[str, str],
    refined: Mapping[str, str],
    reviews: Mapping[str, ClipReview],
) -> Iterator[tuple[str, CurrentText]]:
    """The ids of the clips that have a text, each with the one that counts."""
    for clip_id in clip_ids:
        written = reviews.get(clip_id, UNREVIEWED).caption
        texts = {
            "review": written,
            "refined": refined.get(clip_id),
            "caption": captions.get(clip_id),
        }
        found = next(((text, source) for source, text in texts.items() if text is not None), None)
        if found is not None:
            yield clip_id, CurrentText(*found)
