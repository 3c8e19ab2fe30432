"""Keys of the published MAMBA: all accounted for, and those that the model of our config has."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vision.checkpoint import CheckpointError, load_strict
from vision.models.video.official import convert_mamba_state_dict, is_mamba_state_dict

ROOT = Path(__file__).resolve().parents[3]
MISSING = "detector.roi_head.bbox_head.aggregator.1.ref_fc.bias"


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    """Faster R-CNN R-50 with instance memory, as configured."""
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    from vision.models.video.openmmlab import MODELS

    for module in ("mmdet.models", "vision.engine.registries.video"):  # register what the config names
        importlib.import_module(module)
    config = Config.fromfile(ROOT / "configs/video/mamba-instance_r50-dc5_3e_vid.py", import_custom_modules=False)
    with DefaultScope.overwrite_default_scope("mmdet"):
        return MODELS.build(config.model)


@pytest.fixture
def official(model: torch.nn.Module) -> dict[str, Tensor]:
    """The published file's form: as data-parallel training saves it, without the counters of old norms."""
    return {f"module.{k}": v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def test_it_loads_strictly_into_the_configured_model(model: torch.nn.Module, official: dict[str, Tensor]) -> None:
    keys = {
        f"module.detector.roi_head.bbox_head.{layer}.{kind}"
        for layer in (
            *("shared_fcs.0", "shared_fcs.1", "fc_cls", "fc_reg"),
            *(f"aggregator.{i}.{name}" for i in "01" for name in ("fc_embed", "ref_fc_embed", "fc", "ref_fc")),
        )
        for kind in ("weight", "bias")
    }
    assert {key for key in official if "bbox_head" in key} == keys
    converted = convert_mamba_state_dict(official)
    assert list(converted["detector.backbone.bn1.num_batches_tracked"].shape) == []
    load_strict(model, converted, "official.pth")


def test_the_detector_alone_is_the_same(official: dict[str, Tensor]) -> None:
    alone = {key.removeprefix("module.detector."): value for key, value in official.items()}
    ours, both = convert_mamba_state_dict(alone), convert_mamba_state_dict(official)
    assert list(ours) == list(both) and all(torch.equal(ours[key], both[key]) for key in both)


def test_unknown_missing_and_double_keys_are_named(official: dict[str, Tensor]) -> None:
    assert is_mamba_state_dict(official)
    extra = {**official, "module.detector.mask_head.conv.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"unknown key: mask_head\.conv\.weight"):
        convert_mamba_state_dict(extra)
    fewer = {key: value for key, value in official.items() if key != f"module.{MISSING}"}
    with pytest.raises(CheckpointError, match=r"lacks roi_head\.bbox_head\.aggregator\.1\.ref_fc\.bias"):
        convert_mamba_state_dict(fewer)
    with pytest.raises(CheckpointError, match=r"fc_cls\.bias twice"):
        convert_mamba_state_dict({**official, "roi_head.bbox_head.fc_cls.bias": torch.zeros(31)})
    shallow = {key: value for key, value in official.items() if ".layer3.5." not in key}
    with pytest.raises(CheckpointError, match=r"5 blocks backbone\.layer3"):
        convert_mamba_state_dict(shallow)


def test_other_checkpoints_are_not_taken_for_it() -> None:
    assert not is_mamba_state_dict({"levels.0.blocks.0.attn.rpb": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="not a checkpoint of MAMBA"):
        convert_mamba_state_dict({"backbone.conv1.weight": torch.zeros(1)})


def test_the_tool_knows_it(official: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import runpy

    small = {key: torch.zeros(1) for key in official}
    torch.save({"state_dict": small}, tmp_path / "in.pth")
    convert_file = runpy.run_path(str(ROOT / "tools/convert_checkpoint.py"))["convert_file"]
    line = convert_file(tmp_path / "in.pth", tmp_path / "out.safetensors")
    assert line.startswith("MAMBA, detector for video: ")
