"""Measures where sentences of speech are placed, and whether speech finds its own scene.

It needs scenes of one film with published captions and transcripts, as Vript has them: JSON with
`content` and `scene_title` of each clip's `caption`, JSON lines with `clip_id` and `full_text`, and
JSON lines with `clip_id`, `start_s` and `end_s`. Vectors are MiniLM's. A sentence is put -10 to
+10 s beside its scene's middle and sought as the stage does, against captions: a sentence of the
scene's own caption, the scene's title, which no caption holds, and what is said in the scene.
"""

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from vidcurate.captioning.text.cleaning import sentences_of
from vidcurate.clips.realignment import best_place
from vidcurate.models.text.minilm import MiniLm, open_minilm
from vidcurate.stages.sources.spoken_comparison import (
    CaptionedSpan,
    Captions,
    Vectors,
    vectors_of,
)

MAX_SHIFT_S, SPAN_S = 10, 8
NEAR_S = 4.0
FEW = 5


@dataclass(frozen=True, slots=True)
class FilmScene:
    """A scene of a film: its span, its caption and title, and what is said in it."""

    start_s: float
    end_s: float
    caption: str
    title: str
    speech: str

    @property
    def middle_s(self) -> float:
        """The middle of its span."""
        return (self.start_s + self.end_s) / 2


def json_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    return (json.loads(line) for line in file.read_text("utf-8").splitlines())


def read_scenes(captions: Path, transcripts: Path, spans: Path) -> list[FilmScene]:
    """The scenes of a film that have all, in time order."""
    texts = json.loads(captions.read_text("utf-8"))["data"]
    said = {row["clip_id"]: " ".join(row["full_text"].split()) for row in json_lines(transcripts)}
    rows = sorted(json_lines(spans), key=lambda row: float(row["start_s"]))
    return [scene_of(row, texts[row["clip_id"]]["caption"], said) for row in rows]


def scene_of(
    row: Mapping[str, Any], caption: Mapping[str, str], said: Mapping[str, str]
) -> FilmScene:
    """The scene of a row."""
    return FilmScene(
        float(row["start_s"]),
        float(row["end_s"]),
        caption["content"],
        caption["scene_title"],
        said.get(row["clip_id"], ""),
    )


def vectors_of_captions(scenes: Iterable[FilmScene], model: MiniLm) -> Captions:
    """The captions of a film, as the stage compares with them."""
    spans = [
        CaptionedSpan(
            scene.start_s,
            scene.end_s,
            vectors_of((scene.caption, *sentences_of(scene.caption)), model),
        )
        for scene in scenes
    ]
    seconds = ceil(max(span.end_s for span in spans))
    return Captions("captions by MiniLM", model, tuple(spans), seconds)


def share_placed(
    texts: Sequence[tuple[FilmScene, str]], captions: Captions, *, moves: bool = True
) -> float:
    """The share of texts that are placed within 4 s of their scene's middle, over all shifts."""
    vectors = vectors_of([text for _, text in texts], captions.encoder)
    near = []
    for (scene, _), vector in zip(texts, vectors, strict=True):
        cosines = captions.cosines(vector)
        for shift in range(-MAX_SHIFT_S, MAX_SHIFT_S + 1):
            guess = round(scene.middle_s) + shift
            place = best_place([cosines], guess, MAX_SHIFT_S if moves else 0, SPAN_S)
            near.append(abs(place.second - scene.middle_s) <= NEAR_S)
    return float(np.mean(near))


def recalls(scenes: Sequence[FilmScene], captions: Captions) -> tuple[float, float, int]:
    """How often speech finds its own scene first, and among five; and of how many scenes."""
    speaking = [number for number, scene in enumerate(scenes) if scene.speech]
    speech = vectors_of([scenes[number].speech for number in speaking], captions.encoder)
    ranks = []
    for number, vector in zip(speaking, speech, strict=True):
        fit = np.array([fits(span.vectors, vector) for span in captions.spans])
        ranks.append(int((fit > fit[number]).sum()))
    found = np.array(ranks)
    return float((found < 1).mean()), float((found < FEW).mean()), len(speaking)


def fits(caption: Vectors, sentence: Vectors) -> float:
    """How well a caption fits a sentence: the cosine with its whole text."""
    return float(caption[0] @ sentence)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path, help="JSON with the scenes' captions")
    parser.add_argument("transcripts", type=Path, help="JSON lines with what is said in each")
    parser.add_argument("scenes", type=Path, help="JSON lines with each scene's span in the film")
    options = parser.parse_args()
    scenes = read_scenes(options.captions, options.transcripts, options.scenes)
    model = open_minilm()
    began = time.process_time()
    captions = vectors_of_captions(scenes, model)
    n_vectors = sum(len(span.vectors) for span in captions.spans)
    each_ms = 1000 * (time.process_time() - began) / n_vectors
    sentences = [(scene, text) for scene in scenes for text in sentences_of(scene.caption)]
    titles = [(scene, scene.title) for scene in scenes]
    speech = [(scene, scene.speech) for scene in scenes if scene.speech]
    print(f"{len(scenes)} scenes of {captions.seconds} s; {each_ms:.1f} ms a vector")
    print(f"placed within {NEAR_S:g} s of the scene's middle, from -10 to +10 s beside it:")
    print(f"  as guessed                 {share_placed(titles, captions, moves=False):.1%}")
    print(f"  sentences of the caption   {share_placed(sentences, captions):.1%}")
    print(f"  titles of the scenes       {share_placed(titles, captions):.1%}")
    print(f"  what is said               {share_placed(speech, captions):.1%}")
    first, few, n_scenes = recalls(scenes, captions)
    print(f"speech finds its own scene of {len(scenes)}, {n_scenes} scenes with speech:")
    print(f"  first {first:.2f}, among {FEW} {few:.2f}")


if __name__ == "__main__":
    main()
