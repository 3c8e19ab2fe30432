"""Convolution at chosen pixels, and the masks of pointwise spatial attention."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

OPS = ("masked_col2im_forward", "masked_im2col_forward", "psamask_backward", "psamask_forward")


def masked_im2col_forward(
    features: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    data_col: Tensor,
    *,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Fill `data_col` `[C * kernel_h * kernel_w, N]` with the windows of `features` `[1, C, H, W]` at N pixels."""
    padded = F.pad(features[0], (pad_w, pad_w + kernel_w, pad_h, pad_h + kernel_h))
    rows = mask_h_idx[None] + torch.arange(kernel_h, device=features.device)[:, None]
    columns = mask_w_idx[None] + torch.arange(kernel_w, device=features.device)[:, None]
    data_col.copy_(padded[:, rows[:, None], columns[None]].flatten(0, 2))


def masked_col2im_forward(
    col: Tensor, mask_h_idx: Tensor, mask_w_idx: Tensor, output: Tensor, *, height: int, width: int, channels: int
) -> None:
    """Put the columns `[C, N]` at their pixels of `output` `[1, C, height, width]`."""
    output[0, :, mask_h_idx, mask_w_idx] = col


def psamask_forward(
    input: Tensor,
    output: Tensor,
    *,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Fill `output` `[B, H * W, H, W]` from the windows `[B, h_mask * w_mask, H, W]` around every pixel.

    Of type 0 (collect), `output[:, q, p]` is what pixel p gives q in its window; of type 1 (distribute), the reverse.
    """
    full = torch.zeros_like(output).flatten(2)
    for channel, here, there in _places(h_feature, w_feature, h_mask, w_mask, half_h_mask, half_w_mask):
        full[:, there, here] = input[:, channel].flatten(1)[:, here]
    output.copy_(full.reshape(output.shape) if psa_type == 0 else full.transpose(1, 2).reshape(output.shape))


def psamask_backward(
    grad_output: Tensor,
    grad_input: Tensor,
    *,
    psa_type: int,
    num_: int,
    h_feature: int,
    w_feature: int,
    h_mask: int,
    w_mask: int,
    half_h_mask: int,
    half_w_mask: int,
) -> None:
    """Fill `grad_input` `[B, h_mask * w_mask, H, W]`."""
    full = grad_output.flatten(2) if psa_type == 0 else grad_output.flatten(2).transpose(1, 2)
    flat = torch.zeros_like(grad_input).flatten(2)
    for channel, here, there in _places(h_feature, w_feature, h_mask, w_mask, half_h_mask, half_w_mask):
        flat[:, channel, here] = full[:, there, here]
    grad_input.copy_(flat.reshape(grad_input.shape))


def _places(
    height: int, width: int, h_mask: int, w_mask: int, half_h: int, half_w: int
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """For each place of the window: its channel, the pixels that have it within the image, and the pixels it is at."""
    pixels = torch.arange(height * width).reshape(height, width)
    for i in range(h_mask):
        for j in range(w_mask):
            down, right = i - half_h, j - half_w
            rows, columns = slice(max(0, -down), height - max(0, down)), slice(max(0, -right), width - max(0, right))
            here = pixels[rows, columns].flatten()
            yield i * w_mask + j, here, here + down * width + right
