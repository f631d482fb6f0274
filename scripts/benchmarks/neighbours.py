"""Measures whether frames and captions of a film agree on which of its scenes are alike.

It needs a film with published captions, as Vript has them: JSON with `content`, `scene_title`,
`shot_type` and `camera_movement` of each clip's `caption`, and JSON lines with `clip_id`, `start_s`
and `end_s`. Frames have the vectors of embed's default, texts those of MiniLM. The same captions
shuffled among the scenes say what chance gives.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import vidcurate
from vidcurate.clips.mutual_neighbours import (
    Cell,
    agreement,
    agreement_table,
    chance,
    first_of,
    fit_saturation,
    mean_of,
)
from vidcurate.clips.vectors import Vectors, matrix, read_video_vectors
from vidcurate.models.text.minilm import open_minilm
from vidcurate.records import SCANS, VECTORS
from vidcurate.store.dataset import Dataset

FRAME_COUNTS = (1, 2, 4, 8, 16)
FIELDS = ("content", "scene_title", "shot_type", "camera_movement")
SHUFFLES = 200


def frames_of(film: Path, spans: Sequence[tuple[float, float]], folder: Path) -> list[Vectors]:
    """The vectors of the frames of each span, about one a second."""
    vidcurate.embed(folder, sources=[str(film)])
    dataset = Dataset(folder)
    fingerprints = {name: entry["fingerprint"] for name, entry in dataset.manifest().items()}
    embedded = dataset.stored(VECTORS, fingerprints[VECTORS.name])
    [video] = VECTORS.from_arrow(embedded.read(None, VECTORS.schema))
    scans = dataset.stored(SCANS, fingerprints[SCANS.name])
    [scan] = SCANS.from_arrow(scans.read(None, SCANS.schema))
    table = read_video_vectors(embedded.files / video.vectors_file)
    times = np.array(table["pts"].to_pylist(), float) * float(scan.time_base)
    vectors = matrix(table)
    found = []
    for start_s, end_s in spans:
        inside = (times >= start_s) & (times < end_s)
        if not inside.any():
            inside = np.arange(len(times)) == np.abs(times - (start_s + end_s) / 2).argmin()
        found.append(vectors[inside])
    return found


def shuffled_score(pictures: Vectors, texts: Vectors, k: int) -> tuple[float, float]:
    """Mean and standard deviation of the score with texts of other scenes."""
    draws = np.random.default_rng(0)
    scores = [
        agreement(pictures, texts[draws.permutation(len(texts))], k).score for _ in range(SHUFFLES)
    ]
    return float(np.mean(scores)), float(np.std(scores))


def print_table(cells: Sequence[Cell]) -> None:
    """A row for each number of frames, a column for each of captions."""
    counts = sorted({cell.n_captions for cell in cells})
    print("frames (used)   " + "".join(f"{n:>4} captions " for n in counts))
    for n_frames in sorted({cell.n_frames for cell in cells}):
        row = [cell for cell in cells if cell.n_frames == n_frames]
        scores = "".join(f"{cell.score:>6.3f} ± {cell.standard_error:.3f}" for cell in row)
        print(f"{n_frames:>6} ({row[0].frames_used:4.1f}) {scores}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, help="the film")
    parser.add_argument("captions", type=Path, help="JSON with the scenes' captions")
    parser.add_argument("scenes", type=Path, help="JSON lines with each scene's span in the film")
    parser.add_argument("-k", type=int, nargs="+", default=[10, 5], help="neighbours")
    options = parser.parse_args()
    told = json.loads(options.captions.read_text("utf-8"))["data"]
    lines = options.scenes.read_text("utf-8").splitlines()
    scenes = sorted(map(json.loads, lines), key=lambda scene: float(scene["start_s"]))
    spans = [(float(scene["start_s"]), float(scene["end_s"])) for scene in scenes]
    texts = [[told[scene["clip_id"]]["caption"][name] for name in FIELDS] for scene in scenes]
    model = open_minilm()
    captions = [model.vectors(own).vectors for own in texts]
    with tempfile.TemporaryDirectory() as folder:
        frames = frames_of(options.film, spans, Path(folder))
    for k in options.k:
        cells = list(agreement_table(frames, captions, k, FRAME_COUNTS, (1, 2, 3, 4)))
        print(f"{len(scenes)} scenes, {k} neighbours, chance {chance(len(scenes), k):.3f}")
        print_table(cells)
        pictures, contents = mean_of(frames, FRAME_COUNTS[-1]), first_of(captions, 1)
        mean, deviation = shuffled_score(pictures, contents, k)
        print(f"captions of other scenes: {mean:.3f}, standard deviation {deviation:.3f}")
        fit = fit_saturation(cells)
        print(fit, "" if fit is None or fit.is_limit_shown else "\nno limit is shown")


if __name__ == "__main__":
    main()
