"""Official checkpoints: renamed, then loaded strictly."""

import pytest
import torch
from torch import Tensor

from backbones import convert_state_dict
from vision.layers.frequency import DualFrequencyBlock
from vision.models import forgery_detector

BLOCK_NAMES = {"norm.": "norm1.body.", ".gate.": ".mlp.0.", ".proj.": ".project_out."}
FILTERS = {
    **{f"dwt_transform.{name}": torch.zeros(1, 1, 2, 1) for name in ("h0_col", "h1_col")},
    **{f"idwt_transform.{name}": torch.zeros(1, 1, 1, 2) for name in ("g0_row", "g1_row")},
}


def official_block(state: dict[str, Tensor]) -> dict[str, Tensor]:
    official = {}
    for key, value in state.items():
        for ours, theirs in BLOCK_NAMES.items():
            key = key.replace(ours, theirs)
        official[key] = value
    return {**official, **FILTERS}


def official_detector(state: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix = "backbone.frequency."
    block = official_block({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    official = {f"FreqLCBlock.{key}": value for key, value in block.items()}
    for key, value in state.items():
        if not key.startswith(prefix):
            official[key.removeprefix("backbone.").replace("head.fc.", "fc1.")] = value
    return {**official, **FILTERS}


def test_the_published_model_has_its_published_size() -> None:
    model = forgery_detector("dual_frequency_paper")
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_442_442


@pytest.mark.parametrize("prefix", ["", "module."])
def test_official_detector_loads_strictly_and_gives_the_same_logits(prefix: str) -> None:
    torch.manual_seed(0)
    source, target = (forgery_detector("dual_frequency_paper") for _ in range(2))
    official = {prefix + key: value for key, value in official_detector(source.state_dict()).items()}
    assert {
        f"{prefix}conv1.weight",
        f"{prefix}fc1.bias",
        f"{prefix}FreqLCBlock.dwt_attn.mlp.0.weight",
        f"{prefix}FreqLCBlock.norm1.body.bias",
        f"{prefix}FreqLCBlock.dwt_transform.h0_col",
        f"{prefix}dwt_transform.h0_col",
        f"{prefix}idwt_transform.g0_row",
    } <= set(official)
    target.load_state_dict(convert_state_dict(official), strict=True)
    x = torch.randn(2, 3, 32, 48)
    torch.testing.assert_close(target.logits(x), source.logits(x))


def test_block_alone_converts() -> None:
    source, target = DualFrequencyBlock(), DualFrequencyBlock()
    target.load_state_dict(convert_state_dict(official_block(source.state_dict())), strict=True)
    x = torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(target(x), source(x))


def test_our_own_names_pass_through() -> None:
    state = forgery_detector("dual_frequency_paper").state_dict()
    assert convert_state_dict(state).keys() == state.keys()


def test_unknown_flavor_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown checkpoint flavor: first keys are \['stem\.weight'\]"):
        convert_state_dict({"stem.weight": torch.zeros(1)})
