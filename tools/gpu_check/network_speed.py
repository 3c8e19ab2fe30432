"""DiNAT-Tiny beside timm's Swin-T at 224 x 224: inference and training step, in fp16."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tools.gpu_check.record import Record
from vision.analysis.speed import Step, medians
from vision.models.timm_names import build_timm_model

NAMES = ("dinat_tiny", "swin_tiny_patch4_window7_224")
_TINY: dict[str, Any] = {"embed_dim": 32, "depths": (1, 1, 1, 1), "num_heads": (1, 2, 4, 8)}


def run(record: Record) -> None:
    """Both in turns, so that a change of the card's clock hits both."""
    batch = 1 if record.quick else 128
    repeat = 1 if record.quick else 20
    rows = []
    for what, make in (("inference", make_inference), ("training step", make_training)):
        steps = [make(build(name, record), torch.randn(batch, 3, 224, 224), record) for name in NAMES]
        ours, theirs = medians(steps, repeat, record.device)
        verdict = "tiny copies" if record.quick else "met" if ours < theirs else "missed"
        rows.append([what, f"{ours:.2f}", f"{theirs:.2f}", f"{theirs / ours:.2f}", verdict])
        print("  " + " | ".join(rows[-1]), flush=True)
        columns = ["", "DiNAT-Tiny, ms", "Swin-T, ms", "ratio", "faster than Swin-T on an H100"]
        record.table(f"Batch {batch}, 224 x 224, {'fp16' if record.on_gpu else 'fp32'}", columns, rows)


def build(name: str, record: Record) -> nn.Module:
    """On the device; in a quick run, few layers."""
    changes: dict[str, Any] = dict(_TINY) if record.quick else {}
    if changes and name == "dinat_tiny":
        changes["dilations"] = ((1,), (1,), (1,), (1,))
    return build_timm_model(name, **changes).to(record.device)


def make_inference(model: nn.Module, images: torch.Tensor, record: Record) -> Step:
    """A forward pass with weights in half precision."""
    dtype = torch.float16 if record.on_gpu else torch.float32
    model = model.eval().to(dtype)
    batch = images.to(record.device, dtype)

    def step() -> object:
        with torch.inference_mode():
            return model(batch)

    return step


def make_training(model: nn.Module, images: torch.Tensor, record: Record) -> Step:
    """Forward, backward and AdamW with weights in fp32 under autocast, as people train."""
    model.train()
    batch = images.to(record.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=record.on_gpu)
    scaler = torch.amp.GradScaler(torch.device(record.device).type, enabled=record.on_gpu)

    def step() -> object:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(torch.device(record.device).type, torch.float16, enabled=record.on_gpu):
            loss = model(batch).float().square().mean()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return None

    return step
