import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from scripts.benchmarks.evaluate import oracle
from tests.support.chat_server import MODEL, Script, prompt_of, serving
from tests.support.decisions import decided
from tests.support.pipeline import done, process, rows, stored
from tests.support.videos import render
from vidcurate.analysis.decisions import deciding
from vidcurate.analysis.evaluation import evaluation_of
from vidcurate.captioning.current_text import CurrentText
from vidcurate.captioning.quality.compared_texts import cut_at_sentence, text_about
from vidcurate.captioning.quality.evaluating import (
    EvaluatedText,
    Measured,
    MeasureOptions,
    measure_text,
)
from vidcurate.captioning.quality.judges import Judges, Tally
from vidcurate.cli.app import app
from vidcurate.cli.commands.evaluate import show
from vidcurate.cli.output import Quiet
from vidcurate.errors import UsageError
from vidcurate.exporting.tables.columns import describe
from vidcurate.models.chat.conversation import Answer, ModelRequest, run_conversation
from vidcurate.records import CAPTIONS, EVALUATIONS, Evaluation, Reference
from vidcurate.stages.captions.evaluate import EvaluateConfig, can_evaluate, judges_in_words
from vidcurate.store.dataset import Dataset

TRUE = "A man walks. He sits down. He sings."
TEXTS = ("A man walks. A dog barks.", "Rain falls.", "Wind, rain, wind, rain, wind, rain.")
BASE: dict[str, dict[str, Any]] = {"split": {"min_clip_s": 1.0}, "caption": {}}


def told(body: Mapping[str, Any]) -> str:
    """The scripted judge of the benchmark, behind the server."""
    prompt = prompt_of(body)
    asked = re.search(r'In the answer "(\w+)"', prompt)
    assert asked is not None
    answer = oracle(ModelRequest((prompt,), {"required": [asked[1]]}))
    assert isinstance(answer, Answer)
    return answer.text


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A running judge."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(Script(say=told)) as script:
        yield script


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set of three captioned clips and their video."""
    folder = tmp_path_factory.mktemp("captioned")
    process(folder / "out", BASE, render(folder / "video.mp4", audio=False))
    return folder


@pytest.fixture
def out(tmp_path: Path, captioned: Path) -> Path:
    """The same with the texts above; the last clip has no reference."""
    shutil.copytree(captioned, tmp_path, dirs_exist_ok=True)
    out = tmp_path / "out"
    ids = clip_ids(out)
    with deciding(Dataset(out)) as log:
        log.add([decided("caption", i, text=text) for i, text in zip(ids, TEXTS, strict=True)])
    references = [{"clip_id": i, "text": TRUE} for i in ids[:2]]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, references)))
    return out


def clip_ids(out: Path) -> list[str]:
    """The clips in order."""
    return [row.clip_id for row in rows(out, CAPTIONS)]


def by(script: Script, *measures: str, **more: Any) -> dict[str, Any]:
    """Options by which the judge is asked."""
    own = {"model": "reader", "base_url": script.url, "concurrency": 1, "max_retries": 0}
    return {"backend": "openai", "measures": measures, **own, **more}


def evaluated(out: Path, options: dict[str, Any]) -> list[Evaluation]:
    """The rows of the clips, in order."""
    process(out, {"references": {"file": str(out.parent / "r.jsonl")}, "evaluate": options})
    return rows(out, EVALUATIONS)


def test_a_row_says_what_was_measured_by_whom_and_at_what_cost(out: Path, script: Script) -> None:
    """Events by hand, of texts that share one and none; without a reference there is no number."""
    first, other, alone = evaluated(out, by(script, "autodq", "rates", "repetition"))
    assert (first.n_reference_events, first.n_caption_events, first.text_from) == (3, 2, "review")
    assert (first.recall, first.precision, first.f1) == pytest.approx((1 / 3, 1 / 2, 0.4))
    assert (first.missing, first.invented, first.total_error) == pytest.approx((2 / 3, 1 / 3, 1))
    assert (first.model, first.n_requests, first.prompt_tokens) == (MODEL, 4, 44)
    assert (first.n_judged, first.n_yes, first.n_second_yes) == (5, 2, None)
    assert (other.recall, other.precision, other.f1) == (0.0, 0.0, 0.0)
    assert other.total_error == pytest.approx(1 + 1 / 3)
    # Runs of wind rain wind rain wind rain: two unlike ones, and the first again.
    assert alone.repetition == pytest.approx(1 / 3)
    assert alone.recall is None
    assert (alone.notes, alone.n_requests, alone.model) == (("no reference",), 0, "")
    assert (first.entity_score, first.vdc_accuracy) == (None, None)


def test_without_a_model_nothing_is_asked_and_nothing_is_made_up(out: Path) -> None:
    """What needs a judge is null, the row says why, and so does the command beforehand."""
    config = EvaluateConfig(measures=("autodq", "vdc", "repetition"))
    assert "autodq, vdc are null without a model" in str(can_evaluate(config, {}))
    first = evaluated(out, {"measures": ("autodq", "vdc", "repetition")})[0]
    assert (first.recall, first.vdc_accuracy, first.repetition) == (None, None, 0.0)
    assert (first.notes, first.backend) == (("no model is named",), "rules")


def test_without_the_tagger_entity_is_null(tmp_path: Path) -> None:
    """Nothing stands in for it, and the row says how to get it."""
    reference = Reference("r", "c", "v", TRUE, "detailed", 1.0, "")
    one = EvaluatedText(CurrentText(TEXTS[0], "caption"), None, [reference], tmp_path / "q.json")
    options = MeasureOptions(("entity", "repetition"), ("events",), 1000, has_model=False)
    talk = measure_text(one, options, None, Judges())
    found = run_conversation(talk, oracle)
    assert isinstance(found, Measured)
    assert found.columns == {"repetition": 0.0}
    assert found.notes == ["entity: pip install 'vidcurate[text]'"]


def test_options_that_cannot_be_meant_are_refused() -> None:
    """To measure nothing, and to ask a second judge without a first."""
    with pytest.raises(ValueError, match="name one at least"):
        EvaluateConfig(measures=())
    with pytest.raises(ValueError, match="takes second_judge"):
        EvaluateConfig(second_judge="same")


def test_questions_are_made_once_and_kept_with_their_answers(out: Path, script: Script) -> None:
    """Of three facts and what follows each, the text knows one; another text is asked the same."""
    first, other, _ = evaluated(out, by(script, "vdc"))
    assert (first.n_questions, first.vdc_accuracy, first.vdc_score) == (5, 0.2, 1.0)
    assert (other.vdc_accuracy, other.vdc_score) == (0.0, 0.0)
    assert first.questions_hash == other.questions_hash
    assert first.questions_file is not None
    kept = json.loads((stored(out, EVALUATIONS).files / first.questions_file).read_text("utf-8"))
    assert kept["questions"][0]["answer"] == kept["questions"][0]["from_text"] == "a man walks"
    n_asked = len(script.bodies)
    with deciding(Dataset(out)) as log:
        log.add([decided("caption", first.clip_id, text=TRUE)])
    better = evaluated(out, by(script, "vdc"))[0]
    assert (better.vdc_accuracy, better.questions_hash) == (1.0, first.questions_hash)
    assert len(script.bodies) == n_asked + 2


def prose(body: Mapping[str, Any]) -> str:
    """A judge that lists well and answers in prose."""
    return "I would say so." if '"verdicts"' in prompt_of(body) else told(body)


def yes(body: Mapping[str, Any]) -> str:
    """A judge that always says yes."""
    return told(body).replace("neutral", "entailed")


def test_a_judge_that_answers_in_prose_is_asked_again_and_fails_the_row(
    out: Path, script: Script
) -> None:
    """The row that needed no verdict is unharmed."""
    script.say = prose
    assert len(evaluated(out, by(script, "autodq"))) == 1
    reasons = [why for status, why in done(out, EVALUATIONS).values() if status == "failed"]
    assert [why is not None and "not JSON" in why for why in reasons] == [True, True]
    assert sum('"verdicts"' in prompt_of(body) for body in script.bodies) == 4


def test_a_judge_that_always_says_yes_is_told(out: Path, script: Script) -> None:
    """All it says is yes, the second time too; the summary warns once there is enough of it."""
    script.say = yes
    first = evaluated(out, by(script, "autodq", second_judge="same"))[0]
    assert (first.n_judged, first.n_yes, first.n_second_yes, first.n_agreed) == (5, 5, 5, 5)
    assert (first.n_requests, first.second_model) == (6, MODEL)
    words = judges_in_words(Tally(20, 20, 19, 19))
    assert words.startswith("the judge said yes to 20 of 20 (100%), the second to 19")
    assert "agree on 95%, kappa 0.00: a judge that says nearly always the same" in words
    assert "nearly" not in judges_in_words(Tally(20, 15))


def test_a_second_judge_is_another_model(out: Path, script: Script) -> None:
    """It is asked for verdicts alone, by its own name."""
    evaluated(out, by(script, "autodq", second_judge="other"))
    asked = [prompt_of(body) for body in script.bodies if body["model"] == "other"]
    assert len(asked) == 4
    assert all('"verdicts"' in prompt for prompt in asked)


def test_a_long_text_is_cut_after_a_sentence() -> None:
    """Ten thousand words become whole sentences of at most so many; a single one is cut within."""
    sentence = "One two three four five six seven."
    assert cut_at_sentence(" ".join([sentence] * 1500), 1000).count(sentence) == 142
    assert cut_at_sentence("word " * 30, 20).split() == ["word"] * 20
    assert cut_at_sentence(sentence, 7) == sentence


class Notes(Quiet):
    """A listener that keeps what a run says."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """Keep a message."""
        self.said.append(text)


def test_a_missing_reference_is_told_only_where_a_measure_needs_one(out: Path) -> None:
    """Repetition is of the text alone, and entity is held against references."""
    told = {}
    for measure in ("repetition", "entity"):
        notes = Notes()
        options = {
            "references": {"file": str(out.parent / "r.jsonl")},
            "evaluate": {"measures": (measure,)},
        }
        process(out, options, listener=notes)
        told[measure] = any("1 of 3 clips have no reference" in note for note in notes.said)
    assert told == {"repetition": False, "entity": True}


def test_an_export_has_the_measures_of_a_data_set_that_has_them(out: Path) -> None:
    """Its columns are there once clips were evaluated; what contradicts is told beside them."""
    export = {"export": {"media": "none"}}
    process(out, export)
    assert not [name for name in exported(out) if name.startswith("evaluation")]
    process(out, {"evaluate": {"measures": ("repetition",)}, **export})
    found = exported(out)
    told = {row.clip_id: row.repetition for row in rows(out, EVALUATIONS)}
    assert dict(zip(found["clip_id"], found["evaluation_repetition"], strict=True)) == told
    assert found["caption_conflicts"] == [[], [], []]
    assert describe(found)["evaluation_f1"].source == "AutoDQ (Tarsier)"


def exported(out: Path) -> dict[str, list[Any]]:
    """The columns of the exported table."""
    columns: dict[str, list[Any]] = pq.read_table(out / "export" / "data").to_pydict()
    return columns


def test_a_part_of_a_form_answers_what_its_kind_of_reference_tells(out: Path) -> None:
    """It does so only while the caption itself is the text that counts."""
    row = rows(out, CAPTIONS)[0]
    changed = {**{n: getattr(row, n) for n in row.__slots__}, "structured": '{"camera": "Still."}'}
    caption = type(row)(**changed)
    assert text_about("camera", CurrentText("All.", "caption"), caption) == "Still."
    assert text_about("background", CurrentText("All.", "caption"), caption) == "All."
    assert text_about("camera", CurrentText("All.", "review"), caption) == "All."


def test_references_of_another_video_are_refused(out: Path) -> None:
    """Where no reference is of a kept clip, nothing is measured."""
    (out.parent / "r.jsonl").write_text(json.dumps({"clip_id": "other-0-1", "text": TRUE}))
    with pytest.raises(UsageError, match="is of a kept clip"):
        evaluated(out, {"measures": ("repetition", "entity")})


def test_means_and_differences_of_two_data_sets(
    out: Path,
    captioned: Path,
    script: Script,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Means are weighted by events, nulls counted, cost told; the gap is over clips of both."""
    other = tmp_path / "other"
    shutil.copytree(captioned / "out", other)
    with deciding(Dataset(other)) as log:
        log.add([decided("caption", clip_ids(other)[0], text=TRUE)])
    options = by(script, "autodq", "rates")
    for folder in (out, other):
        evaluated(folder, options)
    words = ["evaluate", "-d", out, "--against", other, "--json", "--references"]
    shown = CliRunner().invoke(app, [str(word) for word in [*words, tmp_path / "r.jsonl"]])
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    metrics = {one["name"]: one for one in found["metrics"]}
    assert (metrics["recall"]["mean"], metrics["recall"]["n"]) == (pytest.approx(1 / 6), 2)
    assert metrics["precision"]["n_null"] == 1
    assert metrics["missing"]["mean"] == pytest.approx(5 / 6)
    gaps = {one["name"]: one for one in found["comparisons"]}
    assert gaps["missing"]["n"] == found["n_common"] - 1 == 2
    assert gaps["recall"]["difference"] == pytest.approx(1 / 6 - 1 / 2)
    [cost] = found["costs"]
    assert (cost["model"], cost["requests"], cost["clips"]) == (MODEL, 8, 2)
    show(evaluation_of(Dataset(out), Dataset(other)))
    printed = capsys.readouterr().out
    assert re.search(r"^recall +0\.167 +0\.167 +2 +1$", printed, re.MULTILINE)
    assert re.search(r"^recall +0\.167 +0\.500 +-0\.333 ", printed, re.MULTILINE)
    assert f"{MODEL}: 8 requests for 2 clips, 88 tokens in, 40 out" in printed


def test_grades_of_judge_are_told_beside(out: Path, script: Script) -> None:
    """The mean of the grades in verdicts stands among the metrics; nobody is asked for it again."""
    evaluated(out, {"measures": ("repetition",)})
    assert [metric.name for metric in evaluation_of(Dataset(out)).metrics] == ["repetition"]
    grades = iter((2, 4, 3))
    nothing: dict[str, Any] = {"wrong_objects": [], "wrong_actions": [], "explanation": ""}
    script.say = lambda _body: json.dumps({"grade": next(grades), **nothing})
    asked = by(script)
    del asked["measures"]
    process(out, {"judge": asked})
    grade = evaluation_of(Dataset(out)).metrics[-1]
    assert (grade.name, grade.mean, grade.n) == ("grade", 3.0, 3)
    assert grade.standard_error == pytest.approx(3**-0.5)


def test_only_what_was_evaluated_is_compared(out: Path) -> None:
    """A data set without evaluations is an error that names the command."""
    with pytest.raises(UsageError, match=r"has no evaluations: `vidcurate evaluate -d"):
        evaluation_of(Dataset(out))
