"""A training suitability network of random weights on disk, as Koala-36M's folder has it."""

from pathlib import Path

from vidcurate.models.vision.vtss import FILE, Shape, wanted_shapes

TINY = Shape(width=4, depths=(1, 1, 1, 2), heads=(1, 1, 1, 2), hidden=3)


def save_network(folder: Path, seed: int = 5) -> Path:
    """A folder with infer.pth; biases and tables are no zeros, so that each of them counts."""
    import torch  # noqa: PLC0415 - an extra, that tests without it need not

    torch.manual_seed(seed)
    state = {name: 0.3 * torch.randn(size) for name, size in wanted_shapes(TINY).items()}
    index = "fragments_backbone.layers.0.blocks.0.attn.relative_position_index"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": {**state, index: torch.zeros(392, 392)}}, folder / FILE)
    return folder
