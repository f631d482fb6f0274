import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.aesthetic_heads import DIMENSION, linear
from vidcurate.errors import UsageError
from vidcurate.models.vision.aesthetic_head import (
    CHAIN,
    HEADS,
    check_head_fits,
    head_file,
    read_head,
)
from vidcurate.models.vision.embedder import ModelChoice

torch = pytest.importorskip("torch", reason="the extra 'models' is not installed")

WIDTHS = (DIMENSION, 12, 8, 6, 4, 1)
VECTORS = np.random.default_rng(2).normal(size=(5, DIMENSION)).astype(np.float32)


def chain_of() -> Any:
    """A head of five layers with gaps between them, as the improved one has."""
    torch.manual_seed(4)
    layers = [torch.nn.Linear(one, two) for one, two in pairwise(WIDTHS)]
    parts = [p for layer in layers[:3] for p in (layer, torch.nn.Dropout())]
    holder = torch.nn.Module()
    holder.layers = torch.nn.Sequential(*parts, *layers[3:])
    return holder.eval()


def test_a_linear_head_is_torchs(tmp_path: Path) -> None:
    """One layer gives the numbers that torch gives."""
    found = read_head(linear(tmp_path / "head.pth")).scores(VECTORS)
    torch.manual_seed(3)
    with torch.inference_mode():
        wanted = torch.nn.Linear(DIMENSION, 1)(torch.from_numpy(VECTORS))[:, 0].numpy()
    assert found.shape == (5,)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_five_layers_are_one(tmp_path: Path) -> None:
    """Layers without an activation between them give, as one map, what torch gives in turns."""
    head = chain_of()
    torch.save(head.state_dict(), tmp_path / "head.pth")
    with torch.inference_mode():
        wanted = head.layers(torch.from_numpy(VECTORS))[:, 0].numpy()
    np.testing.assert_allclose(read_head(tmp_path / "head.pth").scores(VECTORS), wanted, atol=1e-5)


def test_the_form_of_the_files(tmp_path: Path) -> None:
    """The names of parts are those of the published files: the gaps hold no numbers."""
    assert set(chain_of().state_dict()) == set(CHAIN)
    torch.save(chain_of().state_dict(), tmp_path / "head.pth")
    assert len(read_head(tmp_path / "head.pth").weight) == DIMENSION


def test_other_layers_are_refused(tmp_path: Path) -> None:
    """A head with a layer more, as those with activations have, is not taken for a linear one."""
    parts = chain_of().state_dict()
    moved = {name.replace("layers.7.", "layers.8."): part for name, part in parts.items()}
    torch.save(moved, tmp_path / "head.pth")
    with pytest.raises(UsageError, match=r"holds no aesthetic head \(ValueError: its parts are"):
        read_head(tmp_path / "head.pth")


@pytest.mark.parametrize("fault", ["truncated", "text", "a list", "not a number", "two outputs"])
def test_damaged_heads_are_refused(tmp_path: Path, fault: str) -> None:
    """Each ends in one line with the file."""
    file = linear(tmp_path / "head.pth")
    content = {
        "a list": [1, 2],
        "not a number": {"weight": torch.full((1, 4), torch.nan), "bias": torch.zeros(1)},
        "two outputs": {"weight": torch.zeros(2, 4), "bias": torch.zeros(2)},
    }
    if fault in content:
        torch.save(content[fault], file)
    else:
        file.write_bytes(b"weights" if fault == "text" else file.read_bytes()[:300])
    with pytest.raises(
        UsageError, match=f"{re.escape(str(file))} holds no aesthetic head"
    ) as raised:
        read_head(file)
    assert "\n" not in str(raised.value)


def test_a_head_is_a_name_or_a_file(tmp_path: Path) -> None:
    """A path is taken as it is; what is neither names what there is."""
    assert head_file(str(linear(tmp_path / "head.pth"))) == tmp_path / "head.pth"
    with pytest.raises(
        UsageError, match=r"no aesthetic head 'v3': give a file, or one of sac\+logos"
    ):
        head_file("v3")


def test_a_published_head_has_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the cache under a published name is refused unless it is the published one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "vidcurate" / "weights"
    folder.mkdir(parents=True)
    linear(folder / "sa_0_4_vit_l_14_linear.pth", 768)
    with pytest.raises(UsageError, match="not 2cd4e60f4f24ae3bcd57b847b13c1f3ba27edc28cc1a7f9ce74"):
        head_file("sa_0_4_vit_l_14_linear")


@pytest.mark.parametrize(
    ("head", "choice", "fits"),
    [
        ("sa_0_4_vit_l_14_linear", ModelChoice("ViT-L-14", "openai"), True),
        ("sa_0_4_vit_l_14_linear", ModelChoice("ViT-L/14", "openai"), True),
        ("sa_0_4_vit_l_14_linear", ModelChoice("ViT-L-14-quickgelu", __file__), True),
        ("sa_0_4_vit_l_14_linear", ModelChoice("ViT-L-14", "laion2b_s32b_b82k"), False),
        ("sa_0_4_vit_l_14_linear", ModelChoice("ViT-B-32", "openai"), False),
        ("sa_0_4_vit_l_14_linear", ModelChoice("ViT-L-14-336", __file__), False),
        ("sa_0_4_vit_b_32_linear", ModelChoice("ViT-B-32", "openai"), True),
        ("sac+logos+ava1-l14-linearMSE", ModelChoice("local-dir:model"), True),
        ("sac+logos+ava1-l14-linearMSE", ModelChoice("hf-hub:a/b"), True),
        ("my/own.pth", ModelChoice("ViT-B-16", "laion2b_s34b_b88k"), True),
    ],
)
def test_a_published_head_judges_its_own_model(head: str, choice: ModelChoice, fits: bool) -> None:
    """Vectors of another architecture or training are refused; files are taken at their word."""
    if fits:
        check_head_fits(head, choice)
        return
    with pytest.raises(UsageError, match=r"judges vectors of ViT-L-14 with the weights openai"):
        check_head_fits(head, choice)


def test_published_heads_are_named_by_their_files() -> None:
    """Each has an address of its own that ends in its file, and a hash."""
    for name, head in HEADS.items():
        assert head.weights.name == f"{name}.pth"
        assert head.weights.url.startswith("https://")
        assert head.weights.url.replace("%2B", "+").endswith(f"/{name}.pth")
        assert re.fullmatch(r"[0-9a-f]{64}", head.weights.sha256)
    assert len({head.weights.url for head in HEADS.values()}) == len(HEADS)
