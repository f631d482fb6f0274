from pathlib import Path

import numpy as np
import pytest

from tests.support.tiny_suitability import TINY, save_network
from vidcurate.errors import UsageError
from vidcurate.models.vision.vtss import (
    FILE,
    Shape,
    fragment_distances,
    open_vtss,
    position_index,
    shape_of,
    shift_mask,
    shifts_of,
    unwindowed,
    wanted_shapes,
    windows,
)

torch = pytest.importorskip("torch", reason="the extra 'models' is not installed")


def test_the_published_size_is_that_of_swin_tiny() -> None:
    """With the published depths and heads there are FAST-VQA's 28 million weights and 2 tables."""
    published = Shape(width=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), hidden=64)
    sizes = wanted_shapes(published)
    assert 27_500_000 < sum(int(np.prod(size)) for size in sizes.values()) < 29_500_000
    assert sizes["fragments_backbone.layers.2.blocks.5.attn.fragment_position_bias_table"] == (
        2535,
        12,
    )
    assert "fragments_backbone.layers.3.blocks.0.attn.fragment_position_bias_table" not in sizes
    assert sizes["vqa_head.fc_hid.weight"] == (64, 768, 1, 1, 1)


def test_a_folder_of_weights_scores_pieces(tmp_path: Path) -> None:
    """Known random weights give a known picture a known number (docs/benchmarks.md compares)."""
    piece = np.random.default_rng(2).integers(0, 256, (1, 16, 224, 224, 3), np.uint8)
    score = open_vtss(str(save_network(tmp_path / "one")))
    assert score(piece) == pytest.approx(0.291930, abs=1e-5)


def test_windows_are_put_back_and_positions_counted() -> None:
    """Windows lose nothing; the bias of equal places is the table's middle row."""
    grid = torch.arange(16 * 14 * 14.0).reshape(1, 16, 14, 14, 1)
    assert windows(grid).shape == (8, 392, 1)
    assert (unwindowed(windows(grid), (16, 14, 14)) == grid).all()
    index = position_index()
    assert (index.diagonal() == 2535 // 2).all()
    assert (int(index.min()), int(index.max())) == (0, 2534)


def test_fragments_and_shifts_by_hand() -> None:
    """In a window over a border of fragments tokens are one apart, and shifted ones are masked."""
    apart = fragment_distances((8, 7, 14), (0, 0, 0), "cpu")
    assert apart.shape == (2, 392, 392)
    assert apart[0, 0, :7].tolist() == [0, 0, 1, 1, 2, 2, 3]  # columns hold two tokens a fragment
    assert apart[0, 0, 7] == 1  # the next row is the next fragment
    assert shifts_of((16, 14, 7)) == (4, 3, 0)
    mask = shift_mask((8, 7, 14), (0, 0, 3), "cpu")
    assert mask[0].unique().tolist() == [0]
    assert mask[1, 0, :7].tolist() == [0, 0, 0, 0, -100, -100, -100]


def test_files_that_hold_no_network_are_refused(tmp_path: Path) -> None:
    """No file, no torch file, missing, strange, ill-shaped weights and NaN are said to be so."""
    with pytest.raises(UsageError, match="there are no weights"):
        open_vtss(str(tmp_path))
    (tmp_path / FILE).write_bytes(b"nothing")
    with pytest.raises(UsageError, match="cannot read the weights"):
        open_vtss(str(tmp_path))
    state = {name: torch.ones(size) for name, size in wanted_shapes(TINY).items()}
    name = "vqa_head.fc_last.bias"
    for fault, message in (
        ({"vqa_head.fc_hid.weight": None}, "it lacks 'vqa_head.fc_hid.weight'"),
        ({name: None}, f"it lacks {name}"),
        ({"more": torch.ones(1)}, "it has more"),
        ({name: torch.ones(2)}, r"has the shape \(2,\), not \(1,\)"),
        ({name: torch.full((1,), torch.nan)}, "holds what is no number"),
    ):
        changed = {k: v for k, v in {**state, **fault}.items() if v is not None}
        torch.save(changed, tmp_path / FILE)
        with pytest.raises(UsageError, match=message):
            open_vtss(str(tmp_path / FILE))
    assert shape_of(state) == TINY
