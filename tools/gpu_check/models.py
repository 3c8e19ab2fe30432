"""Whole networks on the device: DiNAT against stored logits, MatchStereo's layers against stored numbers, gradients."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import timm
import torch
from torch import Tensor, nn

from heads.match.layer import MatchLayer
from tools.gpu_check.record import Record
from vision.datasets import SyntheticStereo
from vision.models import MatchStereo, match_stereo
from vision.models.timm_names import build_timm_model

ROOT = Path(__file__).resolve().parents[2]
DINAT = ROOT / "tests/backbones/neighborhood"
MATCH = ROOT / "tests/heads/match"


def run(record: Record) -> None:
    """Each family, in fp32 and under autocast."""
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    for check in (check_logits, check_layers, check_dinat_gradients, check_matches, *[check_memory] * record.on_gpu):
        with record.checking(check.__name__):
            check(record)


def check_logits(record: Record) -> None:
    """The authors' logits of published models, for weights and images that follow from names."""
    helpers = load_tests(DINAT / "conftest.py")
    with np.load(DINAT / "golden_logits.npz", allow_pickle=False) as golden:
        for case in golden.files[:1] if record.quick else golden.files:
            name, size = case.rsplit("_", 1)
            height, width = map(int, size.split("x"))
            model = timm.create_model(name).eval()
            with torch.no_grad():
                for key, parameter in model.named_parameters():
                    scale, center = helpers._scale_and_center(key, tuple(parameter.shape))
                    parameter.copy_(center + scale * helpers._seeded(key, tuple(parameter.shape)))
            model.to(record.device)
            images = helpers._seeded("x", (1, 3, height, width)).to(record.device)
            expected = torch.from_numpy(golden[case]).double()
            for dtype, allowed in ((torch.float32, 1e-3), (torch.float16, 3e-2), (torch.bfloat16, 1e-1)):
                if dtype == torch.float16 and not record.on_gpu:
                    continue  # slow on CPUs
                with torch.inference_mode(), autocast(record.device, dtype):
                    logits = model(images).double().cpu()
                error = ((logits - expected).abs().max() / (1 + expected.abs().max())).item()
                record.compare(f"stored logits of {case}, {str(dtype).removeprefix('torch.')}", error, allowed)


def check_layers(record: Record) -> None:
    """Two layers of a stereo block against the authors' numbers, in fp64."""
    tests = load_tests(MATCH / "test_golden.py")
    first = {key: value.to(record.device) for key, value in tests.load("layer0").items()}
    x, field = first["x"], first["field"]
    candidates = first["self_rpos"].unsqueeze(-2).expand(-1, -1, -1, 4, -1)
    for name in ("layer0", "layer1"):
        golden = tests.load(name)
        layer = tests.filled(MatchLayer(32, num_heads=4, window_radius=2), golden, tests.LAYER_NAMES)
        x, field, candidates, _ = layer.to(record.device)(x, field, candidates, stereo=True)
        error = (field.cpu() - golden["field_cross"]).abs().max().item()
        record.compare(f"stored field of {name}", error, 1e-9)
    record.compare("stored features", (x.cpu() - tests.load("layer1")["y"]).abs().max().item(), 1e-9)


def check_dinat_gradients(record: Record) -> None:
    """All gradients of a small DiNAT against fp64 on the CPU."""
    torch.manual_seed(0)
    small: dict[str, Any] = {"embed_dim": 32, "depths": (2, 2, 2, 2), "num_heads": (1, 2, 4, 8), "drop_path_rate": 0.0}
    model = build_timm_model("dinat_mini", num_classes=10, **small, dilations=((1, 2), (1, 1), (1, 1), (1, 1)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("rpb"):
                parameter.normal_()
    images = torch.randn(2, 3, 64, 96)
    expected = gradients(model.double(), images.double())
    found = gradients(model.float().to(record.device), images.to(record.device))
    error, where = max((relative(found[name], exact), name) for name, exact in expected.items())
    record.compare(f"gradients of a small DiNAT, fp32 ({where})", error, 2e-4)
    with autocast(record.device, torch.bfloat16):
        found = gradients(model, images.to(record.device))
    wrong = [name for name, gradient in found.items() if not gradient.isfinite().all()]
    record.check("gradients of a small DiNAT, bf16, are finite", not wrong, ", ".join(wrong))


def check_matches(record: Record) -> None:
    """The shipped MatchStereo on a pair with known disparity: the CPU's field in fp64, and near the truth."""
    size = (192, 256) if record.quick else (256, 512)
    sample = SyntheticStereo(size=size, length=1, num_textures=8)[0]
    views = [torch.from_numpy(sample[side]).permute(2, 0, 1)[None].float() for side in ("left", "right")]
    model = match_stereo("match_stereo_nano")
    with torch.inference_mode():
        exact: Tensor = model.double()(*(view.double() for view in views))["field_up"]
    truth = torch.from_numpy(sample["disparity"])
    model = match_stereo("match_stereo_nano").to(record.device)
    for dtype, allowed in ((torch.float32, 0.01), (torch.float16, 0.3), (torch.bfloat16, 1.0)):
        if dtype == torch.float16 and not record.on_gpu:
            continue  # slow on CPUs
        with torch.inference_mode(), autocast(record.device, dtype):
            found = model(*(view.to(record.device) for view in views))["field_up"].double().cpu()
        # The median: where nothing matches, the least rounding may send a pixel elsewhere.
        off = (found - exact).norm(dim=-1).median().item()
        name = str(dtype).removeprefix("torch.")
        error = (-found[0, ..., 0] - truth).abs()[torch.isfinite(truth)].median().item()
        record.compare(f"MatchStereo nano, {name}: pixels from the CPU's match, median", off, allowed)
        record.note(f"MatchStereo nano, {name}: {error:.2f} pixels from the truth, median")


def check_memory(record: Record) -> None:
    """What the inferencer believes that a match takes, by which it refuses what would not fit."""
    from vision.apis.stereo.memory import needed_memory

    device, side = torch.device(record.device), 1536
    for variant in ("nano", "tiny", "base"):
        model = MatchStereo.from_variant(variant).eval().to(device)
        views = [torch.randint(256, (1, 3, side, side), device=device).float() for _ in range(2)]
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        with torch.inference_mode():
            model(*views)
        grown = torch.cuda.max_memory_allocated(device) - before
        believed = needed_memory(side, side, model, device, False)
        dims: Any = model.encoder.embed_dims
        each = grown / (side * side * dims[0])
        told = f"{grown / 2**20:.0f} MiB, {each:.1f} bytes per pixel and channel; believed {believed / 2**20:.0f}"
        record.check(f"memory of MatchStereo {variant}, {side} x {side}", grown <= believed <= 2.5 * grown, told)


def gradients(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Of the mean square of the logits, by parameter."""
    loss = model(images).double().square().mean()
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def relative(found: Tensor, exact: Tensor) -> float:
    """Largest error over the largest element."""
    scale = exact.abs().max().clamp(min=1e-6)
    return ((found.double().cpu() - exact.cpu()).abs().max() / scale.cpu()).item()


def autocast(device: str, dtype: torch.dtype) -> torch.autocast:
    """To half precision; nothing for float32."""
    return torch.autocast(torch.device(device).type, dtype, enabled=dtype != torch.float32)


def load_tests(path: Path) -> ModuleType:
    """A module of the tests, which lie in no package."""
    spec = importlib.util.spec_from_file_location(f"gpu_check_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
