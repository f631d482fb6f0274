"""Koala-36M's training suitability network: a Swin transformer over fragments of a clip's frames.

Koala-36M (Wang et al. 2024, arXiv 2410.08260) publishes a base version, infer.pth, which has the
architecture of FAST-VQA (Wu et al. 2022, arXiv 2207.02595): a three-dimensional Swin transformer
(Liu et al. 2022) whose attention has one table of position biases for tokens of one fragment and
one for tokens of different ones. Depth, width and heads follow from the weights.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MissingExtraError, UsageError
from vidcurate.models.device import accelerator

FILE = "infer.pth"
BACKBONE, HEAD = "fragments_backbone.", "vqa_head."
N_STAGES = 4
PATCH = (2, 4, 4)
WINDOW = (8, 7, 7)
FRAGMENTS = 7  # across and down
N_BIASES = (2 * WINDOW[0] - 1) * (2 * WINDOW[1] - 1) * (2 * WINDOW[2] - 1)
MLP_RATIO = 4
HIDDEN_BY_MASK = -100.0
# Of 8-bit RGB, as ImageNet's; the published code has the same.
MEAN, SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

Tensor = Any
Weights = Mapping[str, Tensor]
# Pieces of fragments, shape (pieces, frames, 224, 224, 3), 8-bit RGB, to one number.
Scorer = Callable[[NDArray[np.uint8]], float]


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide a network is, how many blocks and heads each stage has, and the head's width."""

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    hidden: int


def weights_file(model: str) -> Path:
    """The file of weights that a folder or a path names.

    Raises UsageError where there is none.
    """
    path = Path(model).expanduser()
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise UsageError(
            f"there are no weights {str(file)!r}: fetch {FILE} of Koala-36M's "
            "Training_Suitability_Assessment from the hub, and name its folder"
        )
    return file


def require_torch() -> None:
    """Raise MissingExtraError where torch is not installed; nothing is imported."""
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "models")


def open_vtss(model: str) -> Scorer:
    """Load the network, onto a GPU where there is one.

    Raises MissingExtraError without torch, UsageError for a file that holds no such network.
    """
    require_torch()
    file = weights_file(model)
    weights = read_weights(file)
    try:
        shape = shape_of(weights)
        check_weights(weights, shape)
    except (KeyError, IndexError, ValueError) as error:
        fault = error.args[0] if isinstance(error, ValueError) else f"it lacks {error}"
        raise UsageError(
            f"{file} holds no training suitability network ({fault}): it must have the form of "
            f"Koala-36M's {FILE}"
        ) from error
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    device = accelerator()
    placed = {name: tensor.float().to(device) for name, tensor in weights.items()}

    def score(pieces: NDArray[np.uint8]) -> float:
        with torch.inference_mode():
            numbers = [
                suitability_of(placed, shape, normalised(torch.from_numpy(piece).to(device)))
                for piece in pieces
            ]
        return float(np.mean(numbers))

    return score


def read_weights(file: Path) -> Weights:
    """Read the tensors of a torch file by name, without running code.

    Raises UsageError for a file that is none.
    """
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
        state = found.get("state_dict", found)
        return {
            name: tensor
            for name, tensor in state.items()
            if not name.endswith("relative_position_index")
        }
    except Exception as error:  # damaged files end in errors of any kind
        fault = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")[:200]
        raise UsageError(f"cannot read the weights {file} ({fault})") from error


def shape_of(weights: Weights) -> Shape:
    """How large a network of these weights is; raises KeyError for a weight that is missing."""
    blocks = [
        re.match(rf"{BACKBONE}layers\.(\d)\.blocks\.(\d+)\.norm1\.weight", n) for n in weights
    ]
    depths = [0] * N_STAGES
    for found in blocks:
        if found:
            depths[int(found[1])] += 1
    tables = (
        weights[f"{BACKBONE}layers.{stage}.blocks.0.attn.relative_position_bias_table"]
        for stage in range(N_STAGES)
    )
    return Shape(
        width=weights[f"{BACKBONE}patch_embed.proj.weight"].shape[0],
        depths=tuple(depths),
        heads=tuple(table.shape[1] for table in tables),
        hidden=weights[f"{HEAD}fc_hid.weight"].shape[0],
    )


def check_weights(weights: Weights, shape: Shape) -> None:
    """Raise ValueError for weights that are missing, left over, of another shape, or no numbers."""
    wanted = wanted_shapes(shape)
    missing, strange = (
        sorted(wanted.keys() - weights.keys()),
        sorted(weights.keys() - wanted.keys()),
    )
    if missing or strange:
        raise ValueError(f"it lacks {missing[0]}" if missing else f"it has {strange[0]}")
    for name, size in wanted.items():
        if tuple(weights[name].shape) != size:
            raise ValueError(f"{name} has the shape {tuple(weights[name].shape)}, not {size}")
        if not bool(weights[name].isfinite().all()):
            raise ValueError(f"{name} holds what is no number")


def wanted_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """The shape of each weight by name."""
    width = shape.width
    found = linear(f"{BACKBONE}patch_embed.proj", width, (3, *PATCH))
    found |= linear(f"{BACKBONE}patch_embed.norm", width)
    for stage, (depth, heads) in enumerate(zip(shape.depths, shape.heads, strict=True)):
        for number in range(depth):
            block = f"{BACKBONE}layers.{stage}.blocks.{number}."
            found |= linear(f"{block}norm1", width) | linear(f"{block}norm2", width)
            found |= linear(f"{block}attn.qkv", 3 * width, (width,))
            found |= linear(f"{block}attn.proj", width, (width,))
            found |= linear(f"{block}mlp.fc1", MLP_RATIO * width, (width,))
            found |= linear(f"{block}mlp.fc2", width, (MLP_RATIO * width,))
            found[f"{block}attn.relative_position_bias_table"] = (N_BIASES, heads)
            if stage < N_STAGES - 1:
                found[f"{block}attn.fragment_position_bias_table"] = (N_BIASES, heads)
        if stage < N_STAGES - 1:
            merging = f"{BACKBONE}layers.{stage}.downsample."
            found |= linear(f"{merging}norm", 4 * width)
            found[f"{merging}reduction.weight"] = (2 * width, 4 * width)
            width *= 2
    found |= linear(f"{BACKBONE}norm", width)
    found |= linear(f"{HEAD}fc_hid", shape.hidden, (width, 1, 1, 1))
    return found | linear(f"{HEAD}fc_last", 1, (shape.hidden, 1, 1, 1))


def linear(name: str, n_out: int, n_in: tuple[int, ...] = ()) -> dict[str, tuple[int, ...]]:
    """The shapes of a layer's weight and bias."""
    return {f"{name}.weight": (n_out, *n_in), f"{name}.bias": (n_out,)}


def normalised(piece: Tensor) -> Tensor:
    """Frames of shape (frames, height, width, 3) as input, shape (1, 3, frames, height, width)."""
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    mean, spread = (torch.tensor(values, device=piece.device) for values in (MEAN, SPREAD))
    return ((piece.float() - mean) / spread).permute(3, 0, 1, 2)[None]


def suitability_of(weights: Weights, shape: Shape, frames: Tensor) -> float:
    """The mean over all places and times of what the head says of the features there."""
    from torch.nn import functional  # noqa: PLC0415 - heavy, and not everyone's

    features = backbone(weights, shape, frames)
    size = features.shape[-1]
    hidden = functional.gelu(apply(weights, f"{HEAD}fc_hid", features, (-1, size)))
    return float(apply(weights, f"{HEAD}fc_last", hidden, (1, shape.hidden)).mean())


def backbone(weights: Weights, shape: Shape, frames: Tensor) -> Tensor:
    """Features of shape (1, times, rows, columns, channels)."""
    from torch.nn import functional  # noqa: PLC0415 - heavy, and not everyone's

    name = f"{BACKBONE}patch_embed."
    kernel, bias = weights[f"{name}proj.weight"], weights[f"{name}proj.bias"]
    x = functional.conv3d(frames, kernel, bias, stride=PATCH).permute(0, 2, 3, 4, 1)
    x = normed(weights, f"{name}norm", x)
    for stage, (depth, heads) in enumerate(zip(shape.depths, shape.heads, strict=True)):
        for number in range(depth):
            block = f"{BACKBONE}layers.{stage}.blocks.{number}."
            shifts = shifts_of(x.shape[1:4]) if number % 2 else (0, 0, 0)
            x = x + attention(
                weights, f"{block}attn.", normed(weights, f"{block}norm1", x), heads, shifts
            )
            inner = apply(weights, f"{block}mlp.fc1", normed(weights, f"{block}norm2", x))
            x = x + apply(weights, f"{block}mlp.fc2", functional.gelu(inner))
        if stage < N_STAGES - 1:
            x = merged(weights, f"{BACKBONE}layers.{stage}.downsample.", x)
    return normed(weights, f"{BACKBONE}norm", x)


def shifts_of(size: tuple[int, ...]) -> tuple[int, int, int]:
    """By how much windows are shifted: by half, but not along a side that one window spans."""
    times, rows, columns = (
        0 if length <= window else window // 2 for length, window in zip(size, WINDOW, strict=True)
    )
    return times, rows, columns


def attention(
    weights: Weights, name: str, x: Tensor, heads: int, shifts: tuple[int, int, int]
) -> Tensor:
    """Attention inside windows of shape (1, times, rows, columns, channels)."""
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    size, channels = tuple(x.shape[1:4]), x.shape[-1]
    back = tuple(-shift for shift in shifts)
    moved = torch.roll(x, back, (1, 2, 3)) if any(shifts) else x
    parts = windows(moved)
    qkv = apply(weights, f"{name}qkv", parts).reshape(*parts.shape[:2], 3, heads, -1)
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    scores += position_bias(weights, name, size, back)
    if any(shifts):
        scores += shift_mask(size, shifts, x.device)[:, None]
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(*parts.shape[:2], channels)
    joined = unwindowed(apply(weights, f"{name}proj", mixed), size)
    return torch.roll(joined, shifts, (1, 2, 3)) if any(shifts) else joined


def position_bias(
    weights: Weights, name: str, size: tuple[int, ...], back: tuple[int, ...]
) -> Tensor:
    """What is added to scores for where two tokens lie, shape (windows or 1, heads, n, n).

    Tokens of one fragment have the fragment's bias. Of others it is the sum of the distances
    between their fragments that weighs the two tables, as in the published code.
    """
    table = weights[f"{name}relative_position_bias_table"]
    index = position_index().to(table.device)
    relative = table[index].permute(2, 0, 1)[None]
    own = weights.get(f"{name}fragment_position_bias_table")
    if own is None:
        return relative
    gate = fragment_distances(size, back, table.device)[:, None]
    same = own[index].permute(2, 0, 1)[None]
    return (relative - same) * gate + same


@lru_cache(maxsize=2 * N_STAGES)
def fragment_distances(size: tuple[int, ...], back: tuple[int, ...], device: Any) -> Tensor:
    """How many fragments lie between the tokens of each window, shape (windows, n, n)."""
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    rows, columns = (torch.arange(n) * FRAGMENTS // n for n in size[1:])
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).to(torch.int8)
    spread = places[None, None].expand(1, size[0], -1, -1, -1)
    parts = windows(torch.roll(spread, back, (1, 2, 3)))
    return (parts[:, None] - parts[:, :, None]).abs().sum(-1).float().to(device)


@cache
def position_index() -> Tensor:
    """The row of a bias table for each pair of tokens in a window, shape (392, 392)."""
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    axes = (torch.arange(n) for n in WINDOW)
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)
    apart = places[:, :, None] - places[:, None, :]
    times, rows, columns = (apart[n] + WINDOW[n] - 1 for n in range(3))
    return (times * (2 * WINDOW[1] - 1) + rows) * (2 * WINDOW[2] - 1) + columns


@lru_cache(maxsize=N_STAGES)
def shift_mask(size: tuple[int, ...], shifts: tuple[int, int, int], device: Any) -> Tensor:
    """What keeps tokens apart that only shifting brought into one window, shape (windows, n, n)."""
    import torch  # noqa: PLC0415 - heavy, and not everyone's

    regions = torch.zeros(1, *size, 1, device=device)
    for axis, (length, window, shift) in enumerate(zip(size, WINDOW, shifts, strict=True)):
        place = torch.arange(length, device=device)
        region = (place >= length - window).long() + (place >= length - shift).long() * bool(shift)
        view = [1] * 5
        view[axis + 1] = length
        regions = regions * 3 + region.reshape(view)
    parts = windows(regions)[..., 0]
    differs = parts[:, None] != parts[:, :, None]
    return differs.float() * HIDDEN_BY_MASK


def windows(x: Tensor) -> Tensor:
    """Windows of shape (windows, n, channels) of shape (1, times, rows, columns, channels)."""
    _, times, rows, columns, channels = x.shape
    t, h, w = WINDOW
    grid = x.reshape(times // t, t, rows // h, h, columns // w, w, channels)
    return grid.permute(0, 2, 4, 1, 3, 5, 6).reshape(-1, t * h * w, channels)


def unwindowed(parts: Tensor, size: tuple[int, ...]) -> Tensor:
    """The inverse of `windows`."""
    (times, rows, columns), (t, h, w) = size, WINDOW
    grid = parts.reshape(times // t, rows // h, columns // w, t, h, w, -1)
    return grid.permute(0, 3, 1, 4, 2, 5, 6).reshape(1, times, rows, columns, -1)


def merged(weights: Weights, name: str, x: Tensor) -> Tensor:
    """Half as many rows and columns, of twice as many channels."""
    import torch  # noqa: PLC0415 - heavy, and not everyone's
    from torch.nn import functional  # noqa: PLC0415 - same

    corners = [x[:, :, row::2, column::2] for column in (0, 1) for row in (0, 1)]
    joined = normed(weights, f"{name}norm", torch.cat(corners, -1))
    return functional.linear(joined, weights[f"{name}reduction.weight"])


def normed(weights: Weights, name: str, x: Tensor) -> Tensor:
    """A layer's normalisation of the channels."""
    from torch.nn import functional  # noqa: PLC0415 - heavy, and not everyone's

    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(x, (x.shape[-1],), weight, bias)


def apply(weights: Weights, name: str, x: Tensor, shape: tuple[int, ...] | None = None) -> Tensor:
    """A linear layer of the channels; `shape` is that of its matrix, where it is kept otherwise."""
    from torch.nn import functional  # noqa: PLC0415 - heavy, and not everyone's

    matrix = weights[f"{name}.weight"]
    return functional.linear(
        x, matrix if shape is None else matrix.reshape(shape), weights[f"{name}.bias"]
    )
