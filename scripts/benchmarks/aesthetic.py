"""Prints what the aesthetic heads make of the vectors that their authors publish with ratings.

FOLDER is a copy of github.com/LAION-AI/aesthetic-predictor, perhaps with the improved head's file:
the scores must rise with the rating that each vector stands for, from 0 to 9.
"""

import argparse
from pathlib import Path

import numpy as np

from vidcurate.clips.vectors import Vectors, unit_rows
from vidcurate.models.vision.aesthetic_head import HEADS, AestheticHead, read_head
from vidcurate.models.weights import check_sha256

EMBEDDINGS = {"ViT-L-14": "vit_l_14_embeddings", "ViT-B-32": "vit_b_32_embeddings"}
N_RATINGS = 10


def ratings(folder: Path) -> Vectors:
    """The published vectors, one for each rating, shape (ratings, dimension)."""
    files = [folder / f"rating{number}.npy" for number in range(N_RATINGS)]
    return np.concatenate([np.load(file, allow_pickle=False) for file in files])


def report(name: str, head: AestheticHead, vectors: Vectors) -> None:
    """Print one head's scores, and how far storing vectors in half precision moves them."""
    scores = head.scores(vectors)
    lengths = np.linalg.norm(vectors, axis=1)
    stored = unit_rows(vectors.astype(np.float16).astype(np.float32))
    print(f"{name}: vectors of length {lengths.min():.4f} to {lengths.max():.4f}")
    print("  scores  " + " ".join(f"{score:.3f}" for score in scores))
    print(f"  rising: {bool((np.diff(scores) > 0).all())}")
    print(f"  as stored, off by at most {np.abs(head.scores(stored) - scores).max():.4f}")


def main() -> None:
    """Judge the published vectors by every head whose file is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    for name, published in HEADS.items():
        file = folder / published.weights.name
        if not file.exists():
            print(f"{name}: {file} is not there")
            continue
        check_sha256(file, published.weights.sha256)
        report(name, read_head(file), ratings(folder / EMBEDDINGS[published.architecture]))


if __name__ == "__main__":
    main()
