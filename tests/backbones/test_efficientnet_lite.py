"""EfficientNet-Lite0 with its normalization folded in, beside timm's; its statistics; and the tool that converts it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from backbones import DualFrequencyStatisticsNet
from backbones.efficientnet_lite import STAGES, EfficientNetLite, convert_efficientnet_lite
from backbones.feature_statistics import PREFIX, FeatureStatisticsNet
from vision.checkpoint import CheckpointError, write_safetensors
from vision.normalize import normalize_imagenet

ROOT = Path(__file__).resolve().parents[2]
# What timm calls the layers of a block that widens and of one that does not, in the names of the published weights.
WIDENING = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
WIDENING |= {"conv_pwl": "_project_conv", "bn3": "_bn2"}
PLAIN = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}


@pytest.fixture(scope="module")
def peer() -> nn.Module:
    torch.manual_seed(0)
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=False).eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.1)
    return model


@pytest.fixture(scope="module")
def published(peer: nn.Module) -> dict[str, Tensor]:
    """timm's values in the names of the published file."""
    state = {key.replace("bn1.", "_bn0."): value for key, value in peer.state_dict().items() if key.startswith("bn1.")}
    state["_conv_stem.weight"] = peer.conv_stem.weight.detach()
    blocks = [block for stage in peer.blocks for block in stage]
    for number, block in enumerate(blocks):
        names = WIDENING if hasattr(block, "conv_pwl") else PLAIN
        for old, new in names.items():
            for key, value in getattr(block, old).state_dict().items():
                state[f"_blocks.{number}.{new}.{key}"] = value
    return state


@pytest.mark.parametrize("shape", [(64, 96), (63, 50), (33, 34)])
def test_every_stage_agrees_with_timm(peer: nn.Module, published: dict[str, Tensor], shape: tuple[int, int]) -> None:
    net = EfficientNetLite().eval()
    net.load_state_dict(convert_efficientnet_lite(published))
    x = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = peer.bn1(peer.conv_stem(x))
        for found, stage in zip(net(x), peer.blocks, strict=False):
            expected = stage(expected)
            torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-4)


def test_statistics_are_means_and_deviations_of_gray_levels(published: dict[str, Tensor]) -> None:
    net = FeatureStatisticsNet(hidden=8)
    net.trunk.load_state_dict(convert_efficientnet_lite(published))
    levels = torch.randint(0, 256, (2, 3, 64, 80), generator=torch.Generator().manual_seed(0))
    found = net.statistics(normalize_imagenet(levels))
    maps = net.trunk((levels.float() - 127) / 128)[1:]
    parts = [part for map_ in maps for part in (map_.mean((2, 3)), map_.std((2, 3), correction=0))]
    torch.testing.assert_close(found, torch.cat(parts, 1), atol=1e-3, rtol=1e-3)
    assert found.shape[1] == 2 * sum(stage[-1] for stage in STAGES[1:]) == net.standard.mean.numel()


def test_the_trunk_never_learns() -> None:
    net = FeatureStatisticsNet(hidden=8).train()
    net(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(value.grad is None and not value.requires_grad for value in net.trunk.parameters())
    assert net.layers[1].weight.grad is not None


def test_the_published_file_becomes_the_frozen_features(published: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(published, tmp_path / "in.pth", _use_new_zipfile_serialization=False)  # as the published one
    main = runpy.run_path(str(ROOT / "tools/convert_efficientnet_lite.py"))["main"]
    assert main([str(tmp_path / "in.pth"), str(tmp_path / "out.safetensors")]) == 0
    state = load_file(tmp_path / "out.safetensors")
    assert all(key.startswith(PREFIX) and value.dtype == torch.float16 for key, value in state.items())
    net = DualFrequencyStatisticsNet(scales=1, hidden=8, width=8, weights=tmp_path / "out.safetensors")
    expected = convert_efficientnet_lite(published)
    for key, value in net.features.trunk.state_dict().items():
        torch.testing.assert_close(value, expected[key].half().float())


@pytest.mark.parametrize("content", [b"", b"no weights", {"other": torch.zeros(2)}, [1, 2]])
def test_other_files_are_refused_in_one_line(content: object, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "in.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    main = runpy.run_path(str(ROOT / "tools/convert_efficientnet_lite.py"))["main"]
    with pytest.raises(SystemExit) as error:
        main([str(path), str(tmp_path / "out.safetensors")])
    assert error.value.code == 2 and "in.pth" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out.safetensors").exists()


def test_weights_without_the_features_are_refused(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "w.safetensors", {"backbone.conv.weight": torch.zeros(2)}, {})
    with pytest.raises(CheckpointError, match=r"no values whose name begins with backbone\.features\.trunk"):
        DualFrequencyStatisticsNet(scales=1, hidden=8, width=8, weights=tmp_path / "w.safetensors")


def test_a_bare_name_is_that_of_shipped_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    net = FeatureStatisticsNet(hidden=8)
    net.load_trunk("dual_frequency_wild.safetensors")
    assert net.trunk.stem.weight.abs().sum().item() == pytest.approx(761.21, abs=0.1)
    with pytest.raises(CheckpointError, match=r"nothing\.safetensors does not exist"):
        net.load_trunk("nothing.safetensors")
    with torch.device("meta"):
        DualFrequencyStatisticsNet(weights="dual_frequency_wild.safetensors")
