import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.support.pipeline import done, process, rows, states, stored
from tests.support.videos import SHOTS, render
from vidcurate.clips.vectors import Vectors, clip_vector, matrix, read_video_vectors
from vidcurate.errors import MediaError, MissingExtraError, UsageError
from vidcurate.media.scan.files import read_samples
from vidcurate.media.visual.appearance import Appearance
from vidcurate.records import CLIPS, SCANS, VECTORS, Scan, VideoVectors
from vidcurate.stages.sources.embed import EmbedConfig, embed, embed_in_batches


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos: of 3, 2 and 1 shots."""
    folder = tmp_path_factory.mktemp("videos")
    render(folder / "a.mp4", tuple((shot, 2.0) for shot in SHOTS[:3]), audio=False)
    render(folder / "b.mp4", tuple((shot, 1.5) for shot in SHOTS[1:3]), audio=False)
    render(folder / "c.mp4", ((SHOTS[4], 1.0),), audio=False)
    return folder


@pytest.fixture(scope="module")
def out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of these videos, embedded and split."""
    out = tmp_path_factory.mktemp("embed") / "out"
    process(out, {"embed": {}, "split": {"min_clip_s": 0.5}}, folder)
    return out


def vectors_of(out: Path, video_id: str) -> pa.Table:
    """One video's file of vectors."""
    row = next(row for row in rows(out, VECTORS) if row.video_id == video_id)
    return read_video_vectors(stored(out, VECTORS).files / row.vectors_file)


def test_every_proxy_has_its_vector(out: Path) -> None:
    """Each video has one vector for each of its own proxies, at the proxy's time."""
    found = {row.video_id: row for row in rows(out, VECTORS)}
    scans = rows(out, SCANS)
    assert set(found) == {scan.video_id for scan in scans}
    for scan in scans:
        row, table = found[scan.video_id], vectors_of(out, scan.video_id)
        assert (row.backend, row.dimension, row.n_vectors) == ("appearance", 390, scan.n_samples)
        samples = read_samples(stored(out, SCANS).files / scan.samples_file, ("pts", "jpeg"))
        assert table["pts"].to_pylist() == samples["pts"].to_pylist()
        wanted = Appearance().image_vectors(samples["jpeg"].to_pylist())
        assert np.abs(matrix(table) - wanted).max() < 2**-10


def test_batches_go_across_videos(out: Path, folder: Path, tmp_path: Path) -> None:
    """One proxy at a time and all videos at once give the same files."""
    for size in (1, 1000):
        other = tmp_path / str(size)
        process(other, {"embed": {"batch_size": size}}, folder)
        for row in rows(out, VECTORS):
            assert vectors_of(other, row.video_id).equals(vectors_of(out, row.video_id))


def test_a_clip_is_told_from_the_others(out: Path) -> None:
    """A clip's vector has length one, and is likest to that of the same picture elsewhere."""
    vectors = {
        clip.clip_id: clip_vector(vectors_of(out, clip.video_id), clip) for clip in rows(out, CLIPS)
    }
    assert len(vectors) == 6
    together = np.stack(list(vectors.values()))
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    likeness = np.triu(together @ together.T, 1)
    # Both longer videos show the second and the third picture.
    assert np.count_nonzero(likeness > 0.95) == 2
    assert np.count_nonzero(likeness > 0.7) == 2


def test_another_split_embeds_nothing_again(folder: Path, tmp_path: Path) -> None:
    """Vectors are the videos': other clips leave their files as they are."""
    out = tmp_path / "out"
    process(out, {"embed": {}, "split": {"min_clip_s": 0.5}}, folder)
    before = states(out / "vectors")
    assert before
    process(out, {"cuts": {"detector": "fixed"}, "split": {"min_clip_s": 0.1}, "embed": {}}, folder)
    assert states(out / "vectors") == before


@dataclass(frozen=True)
class Folder:
    """A workspace whose files all lie in one folder."""

    files: Path

    def file_of(self, _table: object, name: str) -> Path:
        """A file in the folder."""
        return self.files / name


class Lengths:
    """An embedder that gives the length of each file, and fails or goes wrong at some lengths."""

    def image_vectors(self, images: Sequence[bytes]) -> Vectors:
        """One number a file."""
        if any(len(image) == 13 for image in images):
            raise MediaError("a picture cannot be decoded")
        found = np.array([[len(image), 1] for image in images], np.float32)
        return np.asarray(np.where(found == 7, np.nan, found), np.float32)

    def text_vectors(self, texts: Sequence[str]) -> Vectors:
        """Not asked for here."""
        raise UsageError(str(texts))


def scan_with(folder: Path, name: str, lengths: Sequence[int]) -> Scan:
    """A video whose proxies are files of these lengths."""
    samples = pa.table({"pts": range(len(lengths)), "jpeg": [bytes(n) for n in lengths]})
    with pa.ipc.new_file(str(folder / f"{name}.arrow"), samples.schema) as file:
        file.write_table(samples)
    one = Fraction(1)
    facts = (len(lengths), one, 0, len(lengths), 1.0, one, False, len(lengths), 8, 8, 0, None, ())
    return Scan(name, *facts, clock_offsets=(0,), frames_file="", samples_file=f"{name}.arrow")


def outcome(result: list[VideoVectors] | MediaError) -> int | str:
    """How many vectors a video has, or why it has none."""
    return str(result) if isinstance(result, MediaError) else result[0].n_vectors


def test_a_fault_is_its_own_videos(tmp_path: Path) -> None:
    """A video without its scan file or with a vector that is no number fails; others do not."""
    scans = [scan_with(tmp_path, name, n) for name, n in (("a", [1, 2]), ("b", [3]), ("c", [4, 7]))]
    scans.append(scan_with(tmp_path, "d", [5, 6, 8]))
    (tmp_path / "b.arrow").unlink()
    folder: Any = Folder(tmp_path)
    results = embed(scans, EmbedConfig(batch_size=2), Lengths(), folder)
    found = [outcome(result) for result in results]
    assert found == [
        2,
        "cannot read the scan file 'b.arrow': scan the video again",
        "the model gave a vector that is not a number for some proxy",
        3,
    ]
    assert not (tmp_path / "c.vectors.parquet").exists()


def test_images_are_read_as_they_are_needed() -> None:
    """Of many images only a batch is held; the last batch may be short."""
    taken: list[int] = []

    def images() -> Iterator[bytes]:
        for n in range(10):
            taken.append(n)
            yield bytes(n)

    vectors = embed_in_batches(images(), Lengths(), 4)
    assert next(vectors)[0] == 0
    assert len(taken) == 4
    assert [int(vector[0]) for vector in vectors if np.isfinite(vector[0])] == [
        1,
        2,
        3,
        4,
        5,
        6,
        8,
        9,
    ]


def test_a_damaged_proxy_fails_its_video_alone(folder: Path, tmp_path: Path) -> None:
    """Where one proxy is destroyed, its video fails by name and the other videos are embedded."""
    out = tmp_path / "out"
    process(out, {"scan": {}}, folder)
    scan = rows(out, SCANS)[0]
    file = stored(out, SCANS).files / scan.samples_file
    data = file.read_bytes()
    file.write_bytes(data.replace(b"\xff\xd8\xff", b"\0\0\0"))
    count = process(out, {"embed": {}}, folder)["embed"]
    assert (count.ok, count.failed) == (2, 1)
    status, reason = done(out, VECTORS)[scan.video_id]
    assert (status, reason) == (
        "failed",
        "a picture cannot be decoded: it is damaged or no picture",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "open_clip"}, "needs a model"),
        ({"backend": "open_clip", "model": "ViT-B-32"}, "needs pretrained"),
        (
            {"backend": "open_clip", "model": "hf-hub:a/b", "pretrained": "x"},
            "holds its own weights",
        ),
        ({"backend": "clip"}, "'appearance', 'open_clip'"),
        ({"batch_size": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, object], message: str) -> None:
    """A model is named whole, and only once."""
    with pytest.raises(ValueError, match=message):
        EmbedConfig(**options)


def test_a_missing_extra_is_said_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without open_clip nothing is decoded before the command that installs it is named."""
    monkeypatch.setitem(sys.modules, "open_clip", None)
    options = {"backend": "open_clip", "model": "ViT-B-32", "pretrained": "openai"}
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[models\]'"):
        process(tmp_path / "out", {"embed": options}, folder)
    assert not (tmp_path / "out" / "scans").exists()
