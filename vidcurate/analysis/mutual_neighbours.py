"""How far a data set's texts and pictures agree on which clips are alike.

A measure of all captions together that needs no model which knows both: neighbours by any vectors
of frames are compared with neighbours by vectors of sentences.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

import numpy as np

from vidcurate.analysis.view import (
    present_plan,
    present_scope,
    present_tables,
    read_consistently,
    reader,
)
from vidcurate.clips.caption_vectors import read_caption_vectors
from vidcurate.clips.mutual_neighbours import (
    Cell,
    SaturationFit,
    agreement_table,
    chance,
    fit_saturation,
)
from vidcurate.clips.vectors import Vectors, clip_frames, matrix, read_video_vectors
from vidcurate.errors import MediaError, UsageError
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.records import (
    CAPTION_VECTORS,
    CAPTIONS,
    CLIPS,
    REFINED,
    VECTORS,
    CaptionVectors,
    Clip,
    VideoVectors,
    version_tables,
)
from vidcurate.rules.join import Read
from vidcurate.stages.captions.sentences import SentencesConfig, load_encoder
from vidcurate.store.cache import local_copy
from vidcurate.store.dataset import Dataset
from vidcurate.store.storage import Location

FRAME_COUNTS = (1, 2, 4, 8, 16, 32, 64)
MAX_CAPTIONS = 10


@dataclass(frozen=True, slots=True)
class SetAgreement:
    """The agreement of a data set's texts and pictures.

    `chance` is the score of spaces that have nothing to do with each other, `fit` None where there
    are too few numbers of frames and of captions. `n_left_out` are clips without vectors of either
    kind.
    """

    n_clips: int
    n_left_out: int
    k: int
    chance: float
    picture_model: str
    text_model: str
    cells: tuple[Cell, ...]
    fit: SaturationFit | None


def agreement_of(dataset: Dataset, k: int = 10, max_clips: int = 1024) -> SetAgreement:
    """Compare the neighbours of a data set's clips by their frames and by their texts.

    Of more than `max_clips` those are taken whose ids have the lowest hashes, so that the same are
    taken again. Captions go up to as many different texts as every clip has. Raises UsageError for
    a data set without vectors of either kind, and for fewer than k + 2 clips.
    """

    def look() -> SetAgreement:
        require_vectors(dataset)
        plan = present_plan(dataset)
        read = reader(dataset, plan, present_scope(dataset, plan))
        made = {resolved.stage.writes.name: resolved for resolved in plan}
        return compared(dataset, made, read, k, max_clips)

    return read_consistently(dataset, look)


def require_vectors(dataset: Dataset) -> None:
    """Raise UsageError for a data set without vectors of frames or of texts."""
    present = present_tables(present_plan(dataset))
    for table, command in ((VECTORS, "embed"), (CAPTION_VECTORS, "sentences")):
        if table.name not in present:
            raise UsageError(
                f"the data set has no {table.name}: run `vidcurate {command} -d {dataset.root}`"
            )


def compared(
    dataset: Dataset, made: Mapping[str, ResolvedStage], read: Read, k: int, max_clips: int
) -> SetAgreement:
    """The same, of tables that are there."""
    videos = {row.video_id: row for row in VECTORS.from_arrow(read(VECTORS.name))}
    rows = {row.clip_id: row for row in CAPTION_VECTORS.from_arrow(read(CAPTION_VECTORS.name))}
    clips = [clip for clip in CLIPS.from_arrow(read(CLIPS.name)) if clip.clip_id in rows]
    both = [clip for clip in clips if clip.video_id in videos]
    chosen = sorted(both, key=lambda clip: sha256(clip.clip_id.encode()).digest())[:max_clips]
    if len(chosen) < k + 2:
        raise UsageError(
            f"{k} neighbours need {k + 2} clips with vectors of frames and of texts, and there are "
            f"{len(chosen)}: run embed and sentences for more, or ask for fewer neighbours"
        )
    chosen.sort(key=lambda clip: (clip.video_id, clip.start_pts))
    frames = list(frames_of(chosen, videos, made[VECTORS.name].output(dataset).files))
    text_rows = [rows[clip.clip_id] for clip in chosen]
    captions = captions_of(text_rows, made, dataset, texts_by_clip(read, made))
    most = max(len(vectors) for vectors in frames)
    counts = [count for count in FRAME_COUNTS if count == 1 or count < 2 * most]
    cells = tuple(agreement_table(frames, captions, k, counts, range(1, len(captions[0]) + 1)))
    return SetAgreement(
        len(chosen),
        read(CLIPS.name).num_rows - len(both),
        k,
        chance(len(chosen), k),
        next(iter(videos.values())).model,
        text_rows[0].model,
        cells,
        fit_saturation(cells),
    )


def frames_of(
    clips: Sequence[Clip], videos: Mapping[str, VideoVectors], files: Location
) -> Iterator[Vectors]:
    """The vectors of each clip's frames; clips of one video stand together."""
    for video_id, own in groupby(clips, key=lambda clip: clip.video_id):
        table = read_video_vectors(local_copy(files / videos[video_id].vectors_file))
        yield from (matrix(clip_frames(table, clip)) for clip in own)


def texts_by_clip(read: Read, made: Mapping[str, ResolvedStage]) -> dict[str, list[str]]:
    """All texts about each clip in its caption's language, each once.

    They are its caption, the shorter one, those it was chosen from, its versions and rewritings.
    """
    found: dict[str, dict[str, None]] = {}
    languages: dict[str, str] = {}
    captions = [CAPTIONS, *version_tables(made).values()]
    for table in (table for table in captions if table.name in made):
        for row in table.from_arrow(read(table.name)):
            if row.language == languages.setdefault(row.clip_id, row.language):
                own = found.setdefault(row.clip_id, {})
                candidates = (candidate.text for candidate in row.candidates)
                own.update(dict.fromkeys((row.text, row.short_text or "", *candidates)))
    if REFINED.name in made:
        for better in REFINED.from_arrow(read(REFINED.name)):
            texts = (better.text, *(candidate.text for candidate in better.texts))
            found.setdefault(better.clip_id, {}).update(dict.fromkeys(texts))
    return {i: [text for text in texts if text.strip()] for i, texts in found.items()}


def captions_of(
    rows: Sequence[CaptionVectors],
    made: Mapping[str, ResolvedStage],
    dataset: Dataset,
    texts: Mapping[str, Sequence[str]],
) -> list[Vectors]:
    """The vectors of each clip's texts, so many of each as every clip has.

    The text that counts is the first, as `sentences` made it; the model of `sentences` makes those
    of the others now. Raises UsageError where it cannot.
    """
    stage = made[CAPTION_VECTORS.name]
    files = stage.output(dataset).files
    known = [read_caption_vectors(local_copy(files / row.vectors_file)) for row in rows]
    first = [matrix(table.slice(0, 1)) for table in known]
    others = [
        [text for text in texts.get(row.clip_id, ()) if text != table["text"][0].as_py()]
        for row, table in zip(rows, known, strict=True)
    ]
    n_more = min(*map(len, others), MAX_CAPTIONS - 1)
    if not n_more:
        return first
    assert isinstance(stage.config, SentencesConfig)
    encoder = load_encoder(stage.config, ModelChoice(rows[0].model, rows[0].pretrained))
    more = encoder.encode(own[:n_more] for own in others)
    joined = []
    for row, whole, vectors in zip(rows, first, more, strict=True):
        if isinstance(vectors, MediaError):
            raise UsageError(f"no vectors of the texts of clip {row.clip_id}: {vectors}")
        joined.append(np.concatenate([whole, vectors.vectors]))
    return joined
