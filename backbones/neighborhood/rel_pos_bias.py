"""Relative position biases of one kernel size for another, as the 11x11 models of DiNAT were made from 7x7 ones."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def resize_rel_pos_bias(rpb: Tensor, kernel_size: int) -> Tensor:
    """Bicubic interpolation of `[heads, 2 k - 1, 2 k - 1]` to the offsets of `kernel_size`."""
    if rpb.dim() != 3 or 0 in rpb.shape or rpb.shape[1] != rpb.shape[2]:
        raise ValueError(f"position biases must be [heads, 2 k - 1, 2 k - 1], got {tuple(rpb.shape)}")
    side = 2 * kernel_size - 1
    if rpb.shape[1:] == (side, side):
        return rpb
    resized = F.interpolate(rpb.float()[None], (side, side), mode="bicubic", align_corners=False)
    return resized[0].to(rpb.dtype)


def fit_rel_pos_biases(state: dict[str, Tensor], model: nn.Module, prefix: str = "") -> None:
    """Resize the position biases in `state` to the kernels of `model`, in place; other mismatches are left to see."""
    for name, parameter in model.named_parameters():
        key = prefix + name
        if name.endswith(".rpb") and key in state and state[key].dim() == 3 and len(state[key]) == len(parameter):
            state[key] = resize_rel_pos_bias(state[key], (parameter.shape[-1] + 1) // 2)
