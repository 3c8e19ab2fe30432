"""Parts of the match decoder against numbers of the published implementation, seeded weights in float64.

`golden_match_layer0.npz` and `golden_match_layer1.npz` are two consecutive layers of a stereo block: input, then fields
after each attention, then output. `golden_match_modules.npz` has the other parts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from heads.match.field import consistency, convex_upsample
from heads.match.init import InitialCorrelation
from heads.match.layer import ConvGLU, MatchLayer
from heads.match.upsample import UpConv
from vision.layers.fields import pixel_grid

LAYER_NAMES = {
    "match_attention_self": "attn_self",
    "match_attention_cross": "attn_cross",
    "norm0": "norm_self",
    "norm1": "norm_cross",
    "norm2": "norm_mlp",
    "g.0": "gate",
}


def load(name: str, group: str = "") -> dict[str, Tensor]:
    with np.load(Path(__file__).with_name(f"golden_match_{name}.npz")) as file:
        return {key.removeprefix(group): torch.from_numpy(file[key]) for key in file if key.startswith(group)}


def filled(module: nn.Module, numbers: dict[str, Tensor], names: dict[str, str] | None = None) -> nn.Module:
    state = {}
    for key, value in numbers.items():
        if key.startswith("state/"):
            for theirs, ours in (names or {}).items():
                key = key.replace(theirs, ours)
            state[key.removeprefix("state/")] = value.flatten(1) if value.shape[2:] == (1, 1) else value
    module.double().load_state_dict(state)
    return module


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted.double(), atol=1e-10, rtol=1e-10)


def test_two_layers() -> None:
    x: Tensor = load("layer0")["x"]
    field = load("layer0")["field"]
    candidates = load("layer0")["self_rpos"].unsqueeze(-2).expand(-1, -1, -1, 4, -1)
    for name in ("layer0", "layer1"):
        golden = load(name)
        layer = filled(MatchLayer(32, num_heads=4, window_radius=2), golden, LAYER_NAMES)
        x, field, candidates, field_self = layer(x, field, candidates, stereo=True)
        close(field_self, golden["field_self"])
        close(field, golden["field_cross"])
    close(x, golden["y"])
    close(candidates.mean(-2), golden["y_self_rpos"])


@pytest.mark.parametrize("with_gradients", [True, False])
def test_initial_correlation(with_gradients: bool) -> None:
    golden = load("modules", "corr/")
    module = filled(InitialCorrelation(32), golden)
    with torch.set_grad_enabled(with_gradients):
        field, cv = module(golden["x"], stereo=True)
    close(cv, golden["cv"])
    close(field, golden["field"])


@pytest.mark.parametrize("factor", [2, 4])
def test_convex_upsampling(factor: int) -> None:
    golden = load("modules", "upsample/")
    close(convex_upsample(golden["field"], golden[f"mask{factor}"].permute(0, 2, 3, 1), factor), golden[f"up{factor}"])


@pytest.mark.parametrize("threshold", [2, 8])
def test_consistency(threshold: int) -> None:
    golden = load("modules", "consistency/")
    field = golden["field"]
    found = consistency(field, pixel_grid(field.shape[1], field.shape[2], field), threshold).squeeze(-1)
    close(found, golden[str(threshold)])
    assert 0 < found.mean() < 1


def test_consistency_of_the_block() -> None:
    golden = load("layer0")
    field = golden["field"]
    close(consistency(field, pixel_grid(field.shape[1], field.shape[2], field)), golden["consistent"])


def test_up_convolution() -> None:
    golden = load("modules", "upconv/")
    module = filled(UpConv(8, 6), golden, {"conv.0": "join", "conv.2": "conv"})
    close(module(golden["low"], golden["skip"]), golden["y"])


def test_gated_mlp() -> None:
    golden = load("modules", "convglu/")
    module = filled(ConvGLU(12, 24), golden)
    close(module(golden["x"]), golden["y"])
    close(module(golden["x"], shortcut=golden["x"]), golden["x"] + golden["y"])
