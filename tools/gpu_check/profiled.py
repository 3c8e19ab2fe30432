"""One call of each kind for ncu to look at: its time, how busy the tensor cores are, and the memory."""

from __future__ import annotations

import torch

from tools.gpu_check.record import Record
from vision.ops import match_attention, na2d, na3d


def run(record: Record) -> None:
    """DiNAT's first stage forward and backward, a piece of the video, match attention."""
    device = record.device
    draw = torch.Generator(device).manual_seed(0)
    stage = torch.randn(3, 64, 56, 56, 2, 32, generator=draw, device=device).half().requires_grad_()
    bias = torch.randn(2, 13, 13, generator=draw, device=device).half().requires_grad_()
    clip = torch.randn(3, 1, 30, 48, 80, 4, 128, generator=draw, device=device).bfloat16()
    maps = torch.randn(3, 2, 96, 312, 4, 8, generator=draw, device=device)
    centers = torch.rand(2, 96, 312, 4, 2, generator=draw, device=device) * 90
    out = na2d(stage[0], stage[1], stage[2], 7, bias=bias, backend="native")
    assert isinstance(out, torch.Tensor)
    torch.autograd.grad(out.float().sum(), [stage, bias])
    na3d(clip[0], clip[1], clip[2], (18, 24, 24), backend="native")
    match_attention(maps[0], maps[1], maps[2], centers, 1, need_weights=False, backend="native")
    torch.cuda.synchronize(device)
