import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.embedding_server import EmbeddingScript, embedding
from tests.support.pipeline import process, rows
from vidcurate.analysis.mutual_neighbours import agreement_of, captions_of, texts_by_clip
from vidcurate.analysis.view import present_plan
from vidcurate.cli.app import app
from vidcurate.cli.commands.evaluate import show_sets
from vidcurate.errors import UsageError
from vidcurate.records import CAPTION_VECTORS, CAPTIONS, Candidate, version_table
from vidcurate.store.dataset import Dataset


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddingScript]:
    """A running server of embeddings."""
    with pytest.MonkeyPatch.context() as patch, embedding(EmbeddingScript()) as script:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield script


@pytest.fixture(scope="module")
def out(
    video: Path, tmp_path_factory: pytest.TempPathFactory, server: EmbeddingScript
) -> Dataset[Path]:
    """A data set of three clips with vectors of frames and of captions."""
    root = tmp_path_factory.mktemp("neighbours")
    sentences = {"backend": "server", "model": "words", "base_url": server.url}
    options = {"split": {"min_clip_s": 1.0}, "embed": {}, "caption": {}, "sentences": sentences}
    process(root, options, video)
    return Dataset(root)


def test_a_data_set_has_an_agreement(out: Dataset[Path]) -> None:
    """Three clips by one neighbour: numbers of frames as the clips have, one caption, no fit."""
    found = agreement_of(out, k=1)
    assert (found.n_clips, found.n_left_out, found.chance) == (3, 0, 0.5)
    assert (found.text_model, found.picture_model) == ("words", found.picture_model)
    assert {cell.n_captions for cell in found.cells} == {1}
    assert found.cells[0].n_frames == 1
    assert all(cell.frames_used <= cell.n_frames for cell in found.cells)
    assert all(cell.score in {0, 1 / 3, 2 / 3, 1} for cell in found.cells)
    assert agreement_of(out, k=1) == found


def test_too_few_clips_are_told(out: Dataset[Path]) -> None:
    """Ten neighbours need twelve clips; a bound on the clips counts too."""
    with pytest.raises(UsageError, match=r"10 neighbours need 12 clips .*there are 3"):
        agreement_of(out)
    with pytest.raises(UsageError, match=r"1 neighbours need 3 clips .*there are 2"):
        agreement_of(out, k=1, max_clips=2)


def test_vectors_are_needed(video: Path, tmp_path: Path) -> None:
    """Without vectors the command is named that makes them."""
    process(tmp_path, {"split": {"min_clip_s": 1.0}, "embed": {}}, video)
    with pytest.raises(UsageError, match="no caption_vectors: run `vidcurate sentences"):
        agreement_of(Dataset(tmp_path))


def test_further_texts_get_vectors_by_the_same_model(
    out: Dataset[Path], server: EmbeddingScript
) -> None:
    """Every clip gives as many vectors as all have, the text that counts first; the rest is new."""
    made = {resolved.stage.writes.name: resolved for resolved in present_plan(out)}
    found = rows(out.root, CAPTION_VECTORS)
    own = {row.clip_id: row.text for row in rows(out.root, CAPTIONS)}
    more = dict(zip(own, (["a", "b", "c"], ["d", "e"], ["f", "g"]), strict=True))
    texts = {clip_id: [own[clip_id], *more[clip_id]] for clip_id in own}
    del server.asked[:]
    vectors = captions_of(found, made, out, texts)
    assert [len(each) for each in vectors] == [3, 3, 3]
    assert sorted(server.asked) == [["a", "b"], ["d", "e"], ["f", "g"]]
    assert [len(each) for each in captions_of(found, made, out, own_only(own))] == [1, 1, 1]


def own_only(own: dict[str, str]) -> dict[str, list[str]]:
    """The captions alone."""
    return {clip_id: [text] for clip_id, text in own.items()}


def test_texts_of_a_clip_are_told_once_and_in_one_language(out: Dataset[Path]) -> None:
    """Shorter texts and candidates count once; a version in another language does not."""
    made = {resolved.stage.writes.name: resolved for resolved in present_plan(out)}
    caption = rows(out.root, CAPTIONS)[0]
    version = version_table("chinese")
    chosen = (Candidate("one", "a", None), Candidate("two", "b", 0.5))
    tables = {
        CAPTIONS.name: CAPTIONS.to_arrow(
            [replace(caption, text="two", short_text="short", candidates=chosen)]
        ),
        version.name: version.to_arrow([replace(caption, text="三", language="Chinese")]),
    }
    found = texts_by_clip(tables.__getitem__, {**made, version.name: made[CAPTIONS.name]})
    assert found == {caption.clip_id: ["two", "short", "one"]}


def test_the_agreement_is_shown(out: Dataset[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The table has a row for each number of frames, and beside it what chance gives."""
    show_sets(agreement_of(out, k=1))
    told = capsys.readouterr().out
    assert "1 nearest of 3 clips: texts by words, pictures by" in told
    assert "frames  used" in told
    assert "by chance 0.500; too few numbers of frames and captions for a limit" in told


def test_evaluate_adds_the_agreement(out: Dataset[Path], tmp_path: Path) -> None:
    """`evaluate --sets` has it beside its means."""
    root = tmp_path / "out"
    shutil.copytree(out.root, root)
    clip_id = rows(root, CAPTIONS)[0].clip_id
    listed = tmp_path / "true.jsonl"
    listed.write_text(json.dumps({"clip_id": clip_id, "text": "A wall."}), "utf-8")
    command = ["evaluate", "-d", str(root), "--references", str(listed), "--measure", "repetition"]
    told = CliRunner().invoke(app, [*command, "--sets", "--neighbours", "1", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout.splitlines()[-1])["sets"]["n_clips"] == 3


def test_evaluate_asks_for_vectors_first(video: Path, tmp_path: Path) -> None:
    """Without vectors nothing runs, and the reason names the command."""
    process(tmp_path, {"split": {"min_clip_s": 1.0}}, video)
    refused = CliRunner().invoke(app, ["evaluate", "-d", str(tmp_path), "--sets"])
    assert "the data set has no vectors" in str(refused.exception)
