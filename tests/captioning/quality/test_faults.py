import json
from typing import Any

import pytest

from tests.support.paths import SCRIPTS
from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.quality.faults import JudgedCaption, WordRange, faults_of, rule_score
from vidcurate.captioning.templates.facts import Facts
from vidcurate.errors import MediaError

GOOD = "A man in a red coat walks along a quay. He stops at a boat and waves to a gull."
CAPTIONS = SCRIPTS / "benchmarks" / "judge_captions.jsonl"


def faults(text: str, facts: Facts | None = None, language: str = "English") -> set[str]:
    """The names of a text's faults."""
    return set(faults_of(JudgedCaption(text, language, facts or {}, WordRange(8, 60))))


def test_a_good_caption_has_none() -> None:
    """Nothing is found in a plain caption, whose score is 1."""
    assert faults(GOOD) == set()
    assert rule_score({}) == 1.0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("A man walks on a quay.", "length"),
        (
            f"{GOOD} " + " ".join(f"Then he walks past boat {n} and nods." for n in range(9)),
            "length",
        ),
        ("He lifts the box and sets it down. " * 3, "repetition"),
        (f"{GOOD} It seems to be a beautiful place with various objects, perhaps.", "vagueness"),
        ("A large table with two books, a red vase and a tall lamp beside it.", "no_action"),
        (f"{GOOD} Do not mention the camera.", "prompt_copy"),
        (f"{GOOD} Write only what can be seen.", "prompt_copy"),
        ("Ein Mann geht mit dem Hund am Ufer und wirft einen Ball in das Wasser.", "foreign"),
        (f"The video shows {GOOD}", "untidy"),
        (f"{GOOD} Then he", "untidy"),
    ],
)
def test_each_fault_of_words_is_found(text: str, fault: str) -> None:
    """Each rule finds its own fault."""
    assert fault in faults(text)


@pytest.mark.parametrize(
    ("text", "facts", "fault"),
    [
        (
            "The camera is static.",
            {"motion": {"camera": "pan_left", "pan_left_share": 0.9}},
            "camera",
        ),
        ("It is night.", {"quality": {"luma_mean": 140.0}}, "light"),
        ("It is a sunny day.", {"quality": {"luma_mean": 20.0}}, "light"),
        ('A sign reads "EXIT".', {"text": {"strings": ("HARBOUR", "FERRY")}}, "unseen_text"),
    ],
)
def test_measurements_contradict(text: str, facts: dict[str, Any], fault: str) -> None:
    """A claim is a fault where it was measured otherwise, and only where it was measured."""
    assert faults(f"{GOOD} {text}", facts) == {fault}
    assert faults(f"{GOOD} {text}") == set()


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("The camera pans left.", {"motion": {"camera": "pan_left", "pan_left_share": 0.9}}),
        ("It is night.", {"quality": {"luma_mean": 20.0}}),
        ("A knight in armour waits.", {"quality": {"luma_mean": 140.0}}),
        ("A sunny day turns into night.", {"quality": {"luma_mean": 140.0}}),
        ('A sign reads "Harbour Ferry".', {"text": {"strings": ("HARB0UR", "FERRY")}}),
        ('A sign reads "EXIT".', {"text": {"strings": None}}),
        ("It's the dog's ball that the boys' team throws.", {"text": {"strings": ()}}),
    ],
)
def test_what_was_measured_too_is_no_fault(text: str, facts: dict[str, Any]) -> None:
    """Claims that agree, misread letters, and apostrophes are let be."""
    assert faults(f"{GOOD} {text}", facts) == set()


def test_english_rules_leave_other_languages_alone() -> None:
    """Vagueness and verbs are judged in English only."""
    german = "Ein Mann mit einem roten Mantel steht an der Tür und liest in einem Buch."
    assert faults(german, language="German") == set()


def test_a_measurement_that_is_no_number_is_an_error() -> None:
    """NaN is the row's failure, not a verdict."""
    with pytest.raises(MediaError, match="luma_mean"):
        faults(GOOD, {"quality": {"luma_mean": float("nan")}})


def test_scores_fall_with_faults_and_stay_in_bounds() -> None:
    """More faults give a lower score, never below 0."""
    one = rule_score({"vagueness": ""})
    assert 0 < rule_score({"vagueness": "", "untidy": ""}) < one < 1
    assert rule_score({"foreign": "", "prompt_copy": "", "length": ""}) == 0.0


def test_captions_of_the_benchmark_are_enough_and_good() -> None:
    """The benchmark's captions are sixty or more, all different, and none copies a prompt."""
    texts = [json.loads(line)["caption"] for line in CAPTIONS.read_text("utf-8").splitlines()]
    assert len(set(texts)) == len(texts) >= 60
    assert not any(load_prompt("describe").text in text for text in texts)
