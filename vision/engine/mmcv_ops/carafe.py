"""Upsampling by kernels that depend on the content (CARAFE, arXiv 1905.02188)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from vision.engine.mmcv_ops.common import at_least_float32, gradients

OPS = ("carafe_backward", "carafe_forward", "carafe_naive_backward", "carafe_naive_forward")


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,
    rmasks: Tensor,
    output: Tensor,
    *,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill `output` `[B, C, s * H, s * W]` from `features` `[B, C, H, W]` and `masks` `[B, G * k * k, s * H, s * W]`.

    mmcv's tensors of rearranged values have a layout of their own there; here `rfeatures` is what backward reads.
    """
    rfeatures.copy_(features)
    carafe_naive_forward(
        features, masks, output, kernel_size=kernel_size, group_size=group_size, scale_factor=scale_factor
    )


def carafe_backward(
    grad_output: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rgrad_output: Tensor,
    rgrad_input_hs: Tensor,
    rgrad_input: Tensor,
    rgrad_masks: Tensor,
    grad_input: Tensor,
    grad_masks: Tensor,
    *,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill the gradients of features and masks."""
    carafe_naive_backward(
        grad_output,
        rfeatures,
        masks,
        grad_input,
        grad_masks,
        kernel_size=kernel_size,
        group_size=group_size,
        scale_factor=scale_factor,
    )


def carafe_naive_forward(
    features: Tensor, masks: Tensor, output: Tensor, *, kernel_size: int, group_size: int, scale_factor: int
) -> None:
    """Fill `output`, see `carafe_forward`."""
    output.copy_(
        _reassembled(at_least_float32(features), at_least_float32(masks), kernel_size, group_size, scale_factor)
    )


def carafe_naive_backward(
    grad_output: Tensor,
    features: Tensor,
    masks: Tensor,
    grad_input: Tensor,
    grad_masks: Tensor,
    *,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill the gradients of features and masks."""
    found = gradients(
        lambda x, m: _reassembled(x, m, kernel_size, group_size, scale_factor), (features, masks), grad_output
    )
    grad_input.copy_(found[0])
    grad_masks.copy_(found[1])


def _reassembled(features: Tensor, masks: Tensor, kernel: int, groups: int, scale: int) -> Tensor:
    """Every output pixel is the sum of the window around its source pixel, weighted by its own mask.

    One window place at a time: all places at once would take `kernel ** 2` times the output's memory.
    """
    batch, channels, height, width = features.shape
    padded = F.pad(features, (kernel // 2,) * 4)
    weights = masks.reshape(batch, groups, 1, kernel * kernel, height, scale, width, scale)
    output = features.new_zeros(batch, groups, channels // groups, height, scale, width, scale)
    for i in range(kernel):
        for j in range(kernel):
            seen = padded[..., i : i + height, j : j + width]
            seen = seen.reshape(batch, groups, channels // groups, height, 1, width, 1)
            output = output + seen * weights[:, :, :, i * kernel + j]
    return output.reshape(batch, channels, height * scale, width * scale)
