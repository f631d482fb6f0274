"""Measures which metrics of captions find which faults: good captions made bad in known ways.

A caption is two thirds of the sentences of its reference, so that a good one is not perfect. The
judge is scripted: it takes sentences for events, and believes what the text says word by word. So
the table tells what the arithmetic of a metric can see, not how well a model reads.
"""

import argparse
import json
import random
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scripts.benchmarks.corrupt_captions import CORRUPTIONS, OBJECTS, swapped
from vidcurate.captioning.current_text import CurrentText
from vidcurate.captioning.quality.evaluating import (
    EvaluatedText,
    Measured,
    MeasureOptions,
    measure_text,
)
from vidcurate.captioning.quality.judges import Judges
from vidcurate.captioning.quality.noun_reader import NounReader, open_noun_reader
from vidcurate.captioning.text.cleaning import sentences_of
from vidcurate.models.chat.conversation import Answer, ModelRequest, Outcome, run_conversation
from vidcurate.models.text.nouns import NounsOf
from vidcurate.records import Reference

BUILT_IN = Path(__file__).with_name("judge_captions.jsonl")
TEXT = re.compile(r"<text>\n(.*?)\n</text>", re.DOTALL)
NUMBERED = re.compile(r"^\d+\. (.*)$", re.MULTILINE)
TOLD, FOLLOWS = "Is it told: ", "What is told after: "
OPTIONS = MeasureOptions(
    ("autodq", "rates", "repetition", "entity", "vdc"), ("events",), 1000, has_model=True
)
# Whether more is better.
METRICS: Mapping[str, bool] = MappingProxyType(
    {
        "recall": True,
        "precision": True,
        "f1": True,
        "missing": False,
        "invented": False,
        "total_error": False,
        "vdc_accuracy": True,
        "vdc_score": True,
        "repetition": False,
        "entity_recall": True,
        "entity_nearness": True,
        "entity_score": True,
    }
)


Spoil = Callable[[Sequence[str], random.Random], str | None]


def reordered(sentences: Sequence[str], dice: random.Random) -> str | None:
    """The sentences in another order."""
    mixed = dice.sample(sentences, len(sentences))
    return " ".join(mixed) if mixed != [*sentences] else None


def dropped(sentences: Sequence[str], dice: random.Random) -> str | None:
    """A sentence left out."""
    gone = dice.randrange(len(sentences))
    return " ".join(s for n, s in enumerate(sentences) if n != gone) or None


def spoiled_by(name: str) -> Spoil:
    """A fault of single words or sentences."""
    return lambda sentences, dice: CORRUPTIONS[name](" ".join(sentences), {}, dice)


def other_object(nouns_of: NounsOf) -> Spoil:
    """What a noun names becomes something else."""
    names = " ".join(OBJECTS[:-1]).split()

    def spoil(sentences: Sequence[str], dice: random.Random) -> str | None:
        text = " ".join(sentences)
        found = [re.search(rf"\b{re.escape(noun)}\b", text) for noun in nouns_of(text)]
        places = [hit.span() for hit in found if hit]
        if not places:
            return None
        start, end = dice.choice(places)
        name = dice.choice([name for name in names if name not in text.lower()])
        return text[:start] + name + text[end:]

    return spoil


FAULTS: Mapping[str, Spoil] = MappingProxyType(
    {
        "colour": lambda sentences, dice: swapped(OBJECTS[-1:])(" ".join(sentences), {}, dice),
        "action": spoiled_by("swap action"),
        "count": spoiled_by("swap count"),
        "direction": spoiled_by("swap direction"),
        "order": reordered,
        "drop": dropped,
        "add": spoiled_by("add"),
        "repeat": spoiled_by("loop"),
    }
)


def facts_of(text: str) -> list[str]:
    """The sentences of a text, each once, in small letters."""
    return list(dict.fromkeys(s.lower().rstrip(".!?") for s in sentences_of(text)))


def oracle(request: ModelRequest) -> Outcome:
    """The scripted judge."""
    prompt = str(request.parts[0])
    assert request.schema is not None
    [asked] = request.schema["required"]
    told = TEXT.search(prompt)
    facts = facts_of(told[1]) if told else []
    items = NUMBERED.findall(prompt)
    if asked == "items":
        value: list[Any] = facts
    elif asked == "pairs":
        value = [{"question": TOLD + fact, "answer": fact} for fact in facts[:10]]
        after = pairwise(facts[:10])
        value += [{"question": FOLLOWS + one, "answer": other} for one, other in after]
    elif asked == "answers":
        value = [answer_to(item, facts) for item in items]
    elif told:
        value = ["entailed" if item in facts else "neutral" for item in items]
    else:
        value = [matched(item) for item in items]
    return Answer(json.dumps({asked: value}), "ok", "oracle", 0, 0, 0.0)


def answer_to(question: str, facts: Sequence[str]) -> str:
    """What a text answers."""
    about = question.removeprefix(TOLD).removeprefix(FOLLOWS)
    at = facts.index(about) + question.startswith(FOLLOWS) if about in facts else len(facts)
    return facts[at] if at < len(facts) else "not told"


def matched(item: str) -> dict[str, Any]:
    """Whether an answer is the true one, word by word."""
    truth, _, given = item.partition(" True answer: ")[2].partition(" Given answer: ")
    return {"match": "yes", "score": 5} if truth == given else {"match": "no", "score": 0}


def measured(
    text: str, reference: str, nouns: NounReader, file: Path
) -> Mapping[str, float | None]:
    """The metrics of a text against a reference, whose questions lie in a file."""
    about = Reference(file.stem, "c", "v", reference, "detailed", 1.0, "")
    one = EvaluatedText(CurrentText(text, "caption"), None, [about], file)
    found = run_conversation(measure_text(one, OPTIONS, nouns, Judges()), oracle)
    assert isinstance(found, Measured), found
    return found.columns


def read_texts(file: Path) -> list[str]:
    """Captions: Vript's JSON, or JSON lines with `caption`."""
    if file.suffix == ".json":
        clips = json.loads(file.read_text("utf-8"))["data"].values()
        return [clip["caption"]["content"] for clip in clips]
    return [json.loads(line)["caption"] for line in file.read_text("utf-8").splitlines()]


def main() -> None:
    """Print the share of pairs in which the good caption is ahead, for each metric and fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path, nargs="?", default=BUILT_IN)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dice = random.Random(options.seed)  # noqa: S311 - the same seed gives the same faults
    texts = read_texts(options.captions)
    with tempfile.TemporaryDirectory() as folder:
        n_pairs, gaps = gaps_of(texts, dice, Path(folder))
    print(f"{len(texts)} captions of {options.captions.name}; share of pairs with good > spoiled,")
    print("· where the metric is the same in every pair")
    print(f"{'':<16}" + "".join(f"{fault:>10}" for fault in n_pairs))
    print(f"{'pairs':<16}" + "".join(f"{n:>10}" for n in n_pairs.values()))
    for metric in METRICS:
        cells = (cell(gaps.get((metric, fault), [])) for fault in n_pairs)
        print(f"{metric:<16}" + "".join(f"{words:>10}" for words in cells))


def gaps_of(
    texts: Sequence[str], dice: random.Random, folder: Path
) -> tuple[dict[str, int], dict[tuple[str, str], list[float]]]:
    """The pairs of each fault, and by how much the good caption is ahead by each metric."""
    nouns = open_noun_reader()
    faults = {"object": other_object(nouns.nouns_of), **FAULTS}
    n_pairs = dict.fromkeys(faults, 0)
    gaps: dict[tuple[str, str], list[float]] = {}
    for number, reference in enumerate(texts):
        file = folder / f"{number}.json"
        sentences = sentences_of(reference)
        kept = sentences[: max(1, -(-2 * len(sentences) // 3))]
        good = measured(" ".join(kept), reference, nouns, file)
        for fault, spoil in faults.items():
            text = spoil(kept, dice)
            if text is None:
                continue
            n_pairs[fault] += 1
            bad = measured(text, reference, nouns, file)
            for metric, more_is_better in METRICS.items():
                one, other = good[metric], bad[metric]
                if one is not None and other is not None:
                    gap = one - other if more_is_better else other - one
                    gaps.setdefault((metric, fault), []).append(gap)
    return n_pairs, gaps


def cell(gaps: Sequence[float]) -> str:
    """The share of pairs in which the good caption is ahead."""
    if not any(gaps):
        return "·"
    return f"{sum(gap > 0 for gap in gaps) / len(gaps):.2f}"


if __name__ == "__main__":
    main()
