"""The network of the learned shot detector in torch, how it is trained, and what is kept of it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vidcurate.media.shots.bands import N_FEATURES
from vidcurate.media.shots.learned import CONTEXT, DILATIONS, KINDS

CHANNELS = 80
SPAN = 160
BATCH = 32
N_HARD, HARD_SHARE, REVIEW_STEPS = 8, 0.02, 1000

Features = NDArray[np.float16]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Video:
    """Features of a video's frames, with the network's margin at both ends, and their targets.

    The columns of `targets` are whether a frame is the middle of a transition, whether it is
    after the start and not after the end of one, and the number of its kind.
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
    rng: np.random.Generator, videos: list[Video], hard: list[Place]
) -> tuple[Tensor, Tensor]:
    """Spans of videos at chance places, a quarter of them where the network was most wrong."""
    places = [
        (index, int(rng.integers(0, len(videos[index].targets) - SPAN + 1)))
        for index in rng.integers(len(videos), size=BATCH)
    ]
    if hard:
        places[:N_HARD] = [hard[n] for n in rng.integers(len(hard), size=N_HARD)]
    rows = [
        (videos[n].features[at : at + SPAN + 2 * CONTEXT], videos[n].targets[at : at + SPAN])
        for n, at in places
    ]
    features = np.stack([f for f, _ in rows]).astype(np.float32).transpose(0, 2, 1)
    return torch.from_numpy(features.copy()), torch.from_numpy(np.stack([t for _, t in rows]))


def hardest(network: Network, videos: list[Video]) -> list[Place]:
    """The spans of whole videos in which the network says the most wrong things."""
    network.eval()
    found = []
    for number, one in enumerate(videos):
        logits, targets = logits_of(network, one), torch.from_numpy(one.targets)
        losses = functional.binary_cross_entropy_with_logits(
            logits[0], targets[:, 0], reduction="none"
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
    weight = 1.0 + 2.0 * targets[..., 0]
    middle = functional.binary_cross_entropy_with_logits(logits[:, 0], targets[..., 0], weight)
    inside = functional.binary_cross_entropy_with_logits(logits[:, 1], targets[..., 1])
    mask = targets[..., 1] > 0
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


def train(
    network: Network,
    videos: list[Video],
    held_out: list[Video],
    *,
    steps: int,
    rate: float,
    seed: int,
) -> None:
    """Train with AdamW on one cycle of learning rates; prints the loss on both sets."""
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    begun, total = time.perf_counter(), 0.0
    hard: list[Place] = []
    for step in range(steps):
        if step and step % REVIEW_STEPS == 0:
            hard = hardest(network, videos)
        optimiser.zero_grad()
        features, targets = batches(rng, videos, hard)
        loss = loss_of(network(features), targets)
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % 250 == 249:  # noqa: PLR2004 - now and then
            losses = f"{total / 250:.4f} {held_out_loss(network, held_out):.4f}"
            print(step + 1, losses, f"{time.perf_counter() - begun:.0f} s", flush=True)
            total = 0.0
    network.eval()


def held_out_loss(network: Network, videos: list[Video]) -> float:
    """Mean loss over whole videos that were not trained on."""
    network.eval()
    with torch.no_grad():
        losses = [
            loss_of(logits_of(network, one)[None], torch.from_numpy(one.targets)[None]).item()
            for one in videos
        ]
    network.train()
    return float(np.mean(losses))


def logits_of(network: Network, one: Video) -> Tensor:
    """Logits of all frames of a video, shape (outputs, frames)."""
    with torch.no_grad():
        logits = network(torch.from_numpy(one.features.astype(np.float32).T[None]))[0]
    return cast("Tensor", logits)


def export(network: Network, file: Path) -> None:
    """Write matrices in half precision, the scaling of features folded into the first layer."""
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
    halves = {n: v.astype(np.float16 if v.ndim > 1 else np.float32) for n, v in arrays.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **halves)
