"""Trains the learned shot detector on films composed from single shots; needs torch.

The films are rendered small and never encoded, which is enough for what the detector reads of
them, and played forwards and backwards, in other light and with noise.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import compose_films as compose
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vidcurate.media.bands import HEIGHT, N_FEATURES, WIDTH, bands, describe, picture
from vidcurate.media.decode import Small
from vidcurate.media.learned import CONTEXT, DILATIONS, KINDS, MARGIN

SIZES = ((128, 72), (128, 96), (96, 128), (128, 56), (160, 88))
KIND_OF = {"cut": "cut", "dissolve": "dissolve", "fade": "fade"}
CHANNELS = 48
SPAN = 160
BATCH = 32

Pictures = NDArray[np.uint8]
Features = NDArray[np.float16]
Spans = list[tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class Film:
    """Features of a film's frames, with the network's margin at both ends, and their targets.

    The columns of `targets` are whether a frame is the middle of a transition, whether it is
    after the start and not after the end of one, and the number of its kind.
    """

    features: Features
    targets: NDArray[np.float32]


class Network(nn.Module):  # type: ignore[misc] # torch is no dependency of the checks
    """Dilated convolutions over time, each added to what it reads; nothing is padded."""

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean[:, None])
        self.register_buffer("spread", spread[:, None])
        self.entry = nn.Conv1d(N_FEATURES, CHANNELS, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(CHANNELS, CHANNELS, 3, dilation=dilation) for dilation in DILATIONS
        )
        self.head = nn.Conv1d(CHANNELS, 2 + len(KINDS), 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of shape (batch, outputs, time - 2 * CONTEXT)."""
        values = functional.relu(self.entry((features - self.mean) / self.spread))
        values = functional.dropout(values, 0.2, self.training)
        for layer, dilation in zip(self.layers, DILATIONS, strict=True):
            values = values[..., dilation:-dilation] + functional.relu(layer(values))
        return self.head(values)


def film_pictures(
    rng: np.random.Generator, sources: list[compose.Source], n_frames: int
) -> tuple[Pictures, Spans]:
    """A composed film as pictures of 32 x 18, and its transitions."""
    size = SIZES[int(rng.integers(len(SIZES)))]
    truth = compose.Truth()
    shots = compose.plan(rng, sources, n_frames, size)
    rows = []
    for image in compose.render(rng, shots, truth):
        i420 = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2YUV_I420)
        row = np.empty((3, HEIGHT, WIDTH), np.uint8)
        picture(Small(np.asarray(i420, np.uint8), 1), row)
        rows.append(row)
    spans = [
        (cast("int", t["start"]), cast("int", t["end"]), str(t["kind"])) for t in truth.transitions
    ]
    return np.stack(rows), spans


def changed(rng: np.random.Generator, pictures: Pictures) -> Pictures:
    """Pictures in other light and colours, with the noise and the steps of hard compression."""
    luma = pictures[:, :1].astype(np.float32) - 16.0
    chroma = pictures[:, 1:].astype(np.float32) - 128.0
    luma = 219.0 * np.clip(luma / 219.0, 0.0, 1.0) ** rng.uniform(0.7, 1.4) * rng.uniform(0.7, 1.1)
    chroma *= rng.choice([0.0, rng.uniform(0.5, 1.3)], p=[0.12, 0.88])
    both = np.concatenate([luma + 16.0, chroma + 128.0], axis=1)
    both += rng.standard_normal(both.shape, np.float32) * rng.choice([0.0, 0.5, 1.0, 2.0])
    step = rng.choice([1.0, 1.0, 2.0, 3.0])
    return np.asarray(np.clip(np.round(both / step) * step, 0, 255), np.uint8)


def film(pictures: Pictures, spans: Spans) -> Film:
    """The features and targets of a film."""
    padded = np.concatenate(
        [pictures[:1].repeat(MARGIN, 0), pictures, pictures[-1:].repeat(MARGIN, 0)]
    )
    targets = np.zeros((len(pictures), 3), np.float32)
    for start, end, kind in spans:
        middle, near = (start + end + 1) // 2, min(2, (end - start) // 8)
        targets[middle - near : middle + near + 1, 0] = 1.0
        targets[start + 1 : end + 1, 1] = 1.0
        targets[start + 1 : end + 1, 2] = KINDS.index(KIND_OF.get(kind, "wipe"))
    return Film(bands(describe(padded)).astype(np.float16), targets)


def compose_set(
    seed: int, sources: list[compose.Source], n_films: int, *, augment: bool
) -> list[Film]:
    """Composed films of about 600 frames; each twice more when augmented, once backwards."""
    films = []
    for number in range(n_films):
        rng = np.random.default_rng([seed, number])
        pictures, spans = film_pictures(rng, sources, 600)
        films.append(film(pictures, spans))
        if augment:
            last = len(pictures) - 1
            back = [(last - end, last - start, kind) for start, end, kind in spans]
            films.append(film(changed(rng, pictures[::-1]), back))
            films.append(film(changed(rng, pictures), spans))
    return films


def batches(rng: np.random.Generator, films: list[Film]) -> tuple[Tensor, Tensor]:
    """Spans of films at chance places."""
    rows = []
    for index in rng.integers(len(films), size=BATCH):
        one = films[index]
        at = int(rng.integers(0, len(one.targets) - SPAN + 1))
        rows.append((one.features[at : at + SPAN + 2 * CONTEXT], one.targets[at : at + SPAN]))
    features = np.stack([f for f, _ in rows]).astype(np.float32).transpose(0, 2, 1)
    return torch.from_numpy(features.copy()), torch.from_numpy(np.stack([t for _, t in rows]))


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Middles, insides, and kinds where there is one."""
    weight = 1.0 + 2.0 * targets[..., 0]
    middle = functional.binary_cross_entropy_with_logits(logits[:, 0], targets[..., 0], weight)
    inside = functional.binary_cross_entropy_with_logits(logits[:, 1], targets[..., 1])
    mask = targets[..., 1] > 0
    said, true = logits[:, 2:].transpose(1, 2)[mask], targets[..., 2][mask].long()
    kinds = functional.cross_entropy(said, true)
    return middle + 0.5 * inside + 0.1 * kinds


def train(films: list[Film], held_out: list[Film], steps: int, seed: int) -> Network:
    """Train with AdamW on one cycle of learning rates; prints the loss on both sets."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sample = np.concatenate([one.features[::7] for one in films]).astype(np.float32)
    network = Network(
        torch.from_numpy(sample.mean(axis=0)), torch.from_numpy(sample.std(axis=0) + 0.02)
    )
    print(sum(p.numel() for p in network.parameters()), "parameters", flush=True)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    begun, total = time.perf_counter(), 0.0
    for step in range(steps):
        optimiser.zero_grad()
        features, targets = batches(rng, films)
        loss = loss_of(network(features), targets)
        loss.backward()
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % 250 == 249:  # noqa: PLR2004 - now and then
            losses = f"{total / 250:.4f} {held_out_loss(network, held_out):.4f}"
            print(step + 1, losses, f"{time.perf_counter() - begun:.0f} s", flush=True)
            total = 0.0
    network.eval()
    return network


def held_out_loss(network: Network, films: list[Film]) -> float:
    """Mean loss over whole films that were not trained on."""
    network.eval()
    with torch.no_grad():
        losses = [
            loss_of(logits_of(network, one)[None], torch.from_numpy(one.targets)[None]).item()
            for one in films
        ]
    network.train()
    return float(np.mean(losses))


def logits_of(network: Network, one: Film) -> Tensor:
    """Logits of all frames of a film, shape (outputs, frames)."""
    with torch.no_grad():
        return network(torch.from_numpy(one.features.astype(np.float32).T[None]))[0]


def export(network: Network, file: Path) -> None:
    """Write the weights as float32 arrays, the scaling of features folded into the first layer."""
    state = network.state_dict()
    weights = {name: value.numpy().astype(np.float64) for name, value in state.items()}
    scale = 1.0 / weights["spread"][:, 0]
    entry = weights["entry.weight"][:, :, 0] * scale
    arrays = {
        "entry_weight": entry.T,
        "entry_bias": weights["entry.bias"] - entry @ weights["mean"][:, 0],
        "head_weight": weights["head.weight"][:, :, 0].T,
        "head_bias": weights["head.bias"],
    }
    for number in range(len(DILATIONS)):
        taps = weights[f"layers.{number}.weight"].transpose(2, 1, 0)
        arrays[f"layer{number}_weight"] = taps.reshape(-1, taps.shape[2])
        arrays[f"layer{number}_bias"] = weights[f"layers.{number}.bias"]
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **{name: value.astype(np.float32) for name, value in arrays.items()})


def main() -> None:
    """Compose, train, export; films named by --hold-out are kept for choosing and calibration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path, help="a folder of single-shot films")
    parser.add_argument("weights", type=Path, help="the .npz file to write")
    parser.add_argument("--hold-out", nargs="*", default=[], help="beginnings of films' names")
    parser.add_argument("--films", type=int, default=150)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    sources = [compose.load(file) for file in sorted(options.shots.glob("*.mp4"))]
    held = [s for s in sources if s.name.startswith(tuple(options.hold_out) or "\0")]
    used = [s for s in sources if s not in held]
    begun = time.perf_counter()
    films = compose_set(options.seed, used, options.films, augment=True)
    held_out = compose_set(options.seed + 1000, held or used, 20, augment=False)
    n_frames = sum(len(one.targets) for one in films)
    facts = {"shots": len(used), "held_out_shots": len(held), "frames": n_frames}
    print(json.dumps(facts), f"{time.perf_counter() - begun:.0f} s", flush=True)
    export(train(films, held_out, options.steps, options.seed), options.weights)


if __name__ == "__main__":
    main()
