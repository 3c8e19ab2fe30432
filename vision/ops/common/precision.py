"""In which dtype operators compute, with autocast and without."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """In which sums are made, and the dtype of LSE."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def full_precision(device: str) -> AbstractContextManager[object]:
    """Autocast off: it would round what is computed in float32 on purpose."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


def autocast_is_on(device: str) -> bool:
    """Whether autocast is on for a type of device; some know none."""
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def autocast_tensors(device: str, tensors: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    """Tensors in the dtype of the autocast that is on; float64 stays, as everywhere under autocast."""
    dtype = torch.get_autocast_dtype(device)
    return tuple(
        t.to(dtype) if t is not None and t.is_floating_point() and t.dtype != torch.float64 else t for t in tensors
    )
