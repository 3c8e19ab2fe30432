"""tools/get_flops.py and the formulas behind it."""

from __future__ import annotations

import inspect
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from backbones.neighborhood.variants import VARIANTS
from vision.analysis.complexity import model_cost
from vision.models.timm_names import build_timm_model
from vision.ops import na2d
from vision.ops.common import kernels

ROOT = Path(__file__).resolve().parents[2]
TOOL = runpy.run_path(str(ROOT / "tools/get_flops.py"))
SEGMENTOR = f"""
_base_ = ["mmseg::_base_/models/fcn_r50-d8.py", {str(ROOT / "configs/_base_/runtime/mmseg.py")!r}]
model = dict(
    data_preprocessor=dict(size=(64, 96)),
    pretrained=None,
    backbone=dict(_delete_=True, type="DiNAT", embed_dim=8, depths=(1, 1), num_heads=(1, 2), kernel_size=3,
                  out_indices=(0, 1)),
    decode_head=dict(in_channels=16, in_index=1, channels=8, num_classes=4),
    auxiliary_head=None,
)
"""


@pytest.mark.parametrize("name", VARIANTS)
def test_stated_figures(name: str) -> None:
    variant = VARIANTS[name]
    cost = TOOL["timm_cost"](name, (variant.image_size, variant.image_size))
    if variant.params is None or variant.gmacs is None:
        assert cost.parameters > 0 and cost.macs > 0
        return
    assert round(cost.parameters / 1e6, 2) == variant.params
    assert round(cost.macs / 1e9, TOOL["gmacs_digits"](variant.gmacs)) == variant.gmacs


@pytest.mark.parametrize(
    ("name", "gmacs"),
    [("resnet18", 1.82), ("swin_tiny_patch4_window7_224", 4.49), ("vit_small_patch16_224", 4.61)],
)
def test_peers_of_timm(name: str, gmacs: float) -> None:
    """Well-known figures; of the ViT with its attention, 0.36 GMACs, which some tables leave out."""
    cost = TOOL["timm_cost"](name, (224, 224))
    expected = gmacs if "vit" not in name else 4.25 + 12 * 2 * 197**2 * 384 / 1e9
    assert cost.macs / 1e9 == pytest.approx(expected, abs=0.01)


def test_the_reference_counts_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.device("meta"):
        model = build_timm_model("nat_mini")
    counted = model_cost(model, (224, 224))
    monkeypatch.setattr(kernels, "_MISSING", "not built")
    assert model_cost(model, (224, 224)) == counted


@pytest.mark.skipif(kernels.missing() is not None, reason="the operator has no kernels here")
@pytest.mark.parametrize("extra", [0, 5])
def test_formulas_of_the_operator(extra: int) -> None:
    query = torch.randn(2, 6, 7, 4, 8, requires_grad=True)
    key = torch.randn(2, 6, 7, 2, 8, requires_grad=True)
    more = torch.randn(2, extra, 2, 8, requires_grad=True) if extra else None
    with FlopCounterMode(display=False) as forward:
        out = na2d(query, key, key, (3, 5), additional_keys=more, additional_values=more)
    with FlopCounterMode(display=False) as backward:
        out.sum().backward()
    assert forward.get_total_flops() == 4 * query.numel() * (15 + extra)
    assert backward.get_total_flops() == 2.5 * forward.get_total_flops()


def test_a_model_that_looks_at_values() -> None:
    """The Fourier branch is skipped while its scale is zero: shapes alone do not tell."""
    from backbones import DualFrequencyNet

    assert model_cost(DualFrequencyNet(width=4, depths=(1, 1)).eval(), (32, 32)).macs > 0


def test_a_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiny.py").write_text(SEGMENTOR)
    assert TOOL["main"]([str(tmp_path / "tiny.py"), "resnet18"]) == 0
    header, backbone, whole, resnet = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header == ["model", "part", "pixels", "M", "params", "GMACs"]
    assert backbone[:3] == ["tiny", "backbone", "64x96"] and whole[:3] == ["tiny", "whole", "64x96"]
    assert float(backbone[3]) <= float(whole[3])
    assert resnet == ["resnet18", "whole", "224x224", "11.69", "1.81"]


def test_the_table_of_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    some: dict[str, Any] = {name: VARIANTS[name] for name in ("nat_mini", "dinat_large_21k")}
    monkeypatch.setitem(inspect.unwrap(TOOL["main"]).__globals__, "VARIANTS", some)
    assert TOOL["main"](["--all"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [
        ["nat_mini", "19.98", "19.98", "2.69", "2.69", "224x224"],
        ["dinat_large_21k", "232.98", "-", "30.5", "-", "224x224"],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name models or config files, or give --all"),
        (["--all", "nat_mini"], "name models or config files, or give --all"),
        (["--all", "--shape", "64", "64"], "it takes no --shape"),
        (["nat_mini", "--shape", "0", "64"], "--shape must be positive pixels, got 0 64"),
        (["nat_minni"], "timm has no model 'nat_minni'; did you mean nat_mini"),
        (["hf-hub:someone/something"], "timm has no model 'hf-hub:someone/something'"),
        (["gone.py"], "config not found: gone.py"),
        (["inception_v3", "--shape", "8", "8"], "does not take images of 8 x 8 pixels"),
    ],
)
def test_mistakes_end_with_a_line_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main: Callable[[list[str]], int] = TOOL["main"]
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    last = capsys.readouterr().err.splitlines()[-1]
    assert stop.value.code == 2 and message in last, last
