"""A network of the learned shot detector in torch, how it is trained, and what is kept of it."""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vidcurate.media.shots.bands import N_FEATURES
from vidcurate.media.shots.learned import (
    CONTEXT,
    DILATIONS,
    KINDS,
    Ensemble,
    weights_from,
)

CHANNELS = 192
SPAN = 256
BATCH = 14
N_HARD, HARD_SHARE, REVIEW_STEPS, N_REVIEWED = 4, 0.02, 500, 2000
AVERAGED = 0.995

Features = NDArray[np.float16]
Odds = NDArray[np.float64]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Video:
    """Features of a video's frames, with the network's margin at both ends, and their targets.

    The columns of `targets` are whether a frame is the middle of a transition, whether it is
    after the start and not after the end of one, the number of its kind, and 1.0 where the frame
    counts, 0.0 where nobody can tell what it is.
    """

    features: Features
    targets: NDArray[np.float32]


class Network(nn.Module):  # type: ignore[misc, unused-ignore] # torch may be missing here
    """Dilated convolutions over time, each added to what it reads; nothing is padded."""

    mean: Tensor
    spread: Tensor

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
        return cast("Tensor", self.head(values))


def batches(
    rng: np.random.Generator, videos: list[Video], odds: Odds, hard: list[Place]
) -> tuple[Tensor, Tensor]:
    """Spans of videos at chance places, a quarter of them where the network was most wrong."""
    places = [
        (index, int(rng.integers(0, len(videos[index].targets) - SPAN + 1)))
        for index in rng.choice(len(videos), BATCH, p=odds)
    ]
    if hard:
        places[:N_HARD] = [hard[n] for n in rng.integers(len(hard), size=N_HARD)]
    rows = [
        (videos[n].features[at : at + SPAN + 2 * CONTEXT], videos[n].targets[at : at + SPAN])
        for n, at in places
    ]
    features = np.stack([f for f, _ in rows]).astype(np.float32).transpose(0, 2, 1)
    return torch.from_numpy(features.copy()), torch.from_numpy(np.stack([t for _, t in rows]))


def hardest(network: Network, videos: list[Video], looked_at: NDArray[np.int64]) -> list[Place]:
    """The spans of some of the videos in which the network says the most wrong things."""
    network.eval()
    found = []
    for number in looked_at.tolist():
        one = videos[number]
        logits, targets = logits_of(network, one), torch.from_numpy(one.targets)
        losses = functional.binary_cross_entropy_with_logits(
            logits[0], targets[:, 0], targets[:, 3], reduction="none"
        ).numpy()
        found += [
            (float(losses[at : at + SPAN].max()), number, at)
            for at in range(0, len(losses) - SPAN + 1, SPAN // 2)
        ]
    network.train()
    found.sort(reverse=True)
    return [(number, at) for _, number, at in found[: round(len(found) * HARD_SHARE)]]


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Middles, insides, and kinds where there is one."""
    counts = targets[..., 3]
    weight = counts * (1.0 + 2.0 * targets[..., 0])
    middle = functional.binary_cross_entropy_with_logits(logits[:, 0], targets[..., 0], weight)
    inside = functional.binary_cross_entropy_with_logits(logits[:, 1], targets[..., 1], counts)
    mask = targets[..., 1] * counts > 0
    said, true = logits[:, 2:].transpose(1, 2)[mask], targets[..., 2][mask].long()
    kinds = functional.cross_entropy(said, true)
    return middle + 0.5 * inside + 0.1 * kinds


def new_network(videos: list[Video], seed: int) -> Network:
    """An untrained network that scales features as they are in some videos."""
    torch.manual_seed(seed)
    sample = np.concatenate([one.features[::7] for one in videos]).astype(np.float32)
    return Network(
        torch.from_numpy(sample.mean(axis=0)), torch.from_numpy(sample.std(axis=0) + 0.02)
    )


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast a network is trained, and the seed of what is seen when."""

    steps: int
    rate: float
    seed: int


def train(network: Network, groups: list[tuple[float, list[Video]]], schedule: Schedule) -> Network:
    """Train with AdamW on one cycle of learning rates; a copy whose weights are averaged.

    Each group of videos has a share of what is seen.
    """
    videos = [one for _, group in groups for one in group]
    whole = sum(share for share, group in groups if group)
    odds = np.concatenate([np.full(len(g), s / whole / len(g)) for s, g in groups if g])
    steps, rate, rng = schedule.steps, schedule.rate, np.random.default_rng(schedule.seed)
    torch.manual_seed(schedule.seed)
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.05)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    begun, total = time.perf_counter(), 0.0
    hard: list[Place] = []
    for step in range(steps):
        if step and step % REVIEW_STEPS == 0:
            looked_at = rng.choice(len(videos), min(len(videos), N_REVIEWED), replace=False)
            hard = hardest(network, videos, looked_at)
        optimiser.zero_grad()
        features, targets = batches(rng, videos, odds, hard)
        loss = loss_of(network(features), targets)
        torch.autograd.backward(loss)
        optimiser.step()
        cycle.step()
        with torch.no_grad():
            for kept, value in zip(averaged.parameters(), network.parameters(), strict=True):
                kept.lerp_(value, max(1.0 - AVERAGED, 1.0 / (step + 1.0)))
        total += loss.item()
        if step % 250 == 249:  # noqa: PLR2004 - now and then
            seconds = f"{time.perf_counter() - begun:.0f} s"
            print(f"step {step + 1}: loss {total / 250:.4f}, {seconds}", flush=True)
            total = 0.0
    return averaged.eval()


def logits_of(network: Network, one: Video) -> Tensor:
    """Logits of all frames of a video, shape (outputs, frames)."""
    with torch.no_grad():
        logits = network(torch.from_numpy(one.features.astype(np.float32).T[None]))[0]
    return cast("Tensor", logits)


def arrays_of(network: Network) -> dict[str, NDArray[np.generic]]:
    """Matrices in half precision, the scaling of features folded into the first layer."""
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
    return {n: v.astype(np.float16 if v.ndim > 1 else np.float32) for n, v in arrays.items()}


def stacked(networks: Sequence[Network]) -> dict[str, NDArray[np.generic]]:
    """The arrays of several networks, each array with one more axis, the first."""
    each = [arrays_of(network) for network in networks]
    return {name: np.stack([arrays[name] for arrays in each]) for name in each[0]}


def usable(networks: Sequence[Network], calibration: tuple[float, float] = (1.0, 0.0)) -> Ensemble:
    """Networks as the package runs them, together."""
    return weights_from({**stacked(networks), "calibration": np.array(calibration)})


def export(networks: Sequence[Network], calibration: tuple[float, float], file: Path) -> None:
    """Write the weights and the calibration of their confidence."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {**stacked(networks), "calibration": np.array(calibration)}
    np.savez_compressed(file, **arrays)
