"""Deformable convolutions (arXiv 1703.06211, 1811.11168), by torchvision's kernels."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from vision.engine.mmcv_ops.common import at_least_float32, gradients

OPS = (
    "deform_conv_backward_input",
    "deform_conv_backward_parameters",
    "deform_conv_forward",
    "modulated_deform_conv_backward",
    "modulated_deform_conv_forward",
)


def deform_conv_forward(
    input: Tensor, weight: Tensor, offset: Tensor, output: Tensor, columns: Tensor, ones: Tensor, **sizes: Any
) -> None:
    """Fill `output` `[B, O, H', W']` from `input` `[B, C, H, W]` sampled at `offset` `[B, 2 * G * kh * kw, H', W']`."""
    output.copy_(_convolved(input, offset, weight, **_short(sizes)))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **sizes: Any,
) -> None:
    """Fill the gradients of input and offset."""
    arguments = _short(sizes)
    found = gradients(lambda x, at: _convolved(x, at, weight, **arguments), (input, offset), grad_output)
    for target, value in zip((grad_input, grad_offset), found, strict=True):
        target.copy_(value)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,
    ones: Tensor,
    scale: float = 1,
    **sizes: Any,
) -> None:
    """Fill the gradient of the weight, times `scale`."""
    arguments = _short(sizes)
    (found,) = gradients(lambda w: _convolved(input, offset, w, **arguments), (_any_weight(grad_weight),), grad_output)
    grad_weight.copy_(found * scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    **sizes: Any,
) -> None:
    """As `deform_conv_forward`, with every sample times its `mask` `[B, G * kh * kw, H', W']`."""
    output.copy_(_convolved(input, offset, weight, mask, bias if sizes["with_bias"] else None, **_long(sizes)))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    **sizes: Any,
) -> None:
    """Fill the gradients."""
    arguments = _long(sizes)
    inputs, targets = [input, offset, weight, mask], [grad_input, grad_offset, grad_weight, grad_mask]
    if sizes["with_bias"]:
        inputs, targets = [*inputs, bias], [*targets, grad_bias]
    found = gradients(lambda *tensors: _convolved(*tensors, **arguments), inputs, grad_output)
    for target, value in zip(targets, found, strict=True):
        target.copy_(value)


def _any_weight(grad_weight: Tensor) -> Tensor:
    """Any weight of this shape: the output is linear in it, so its gradient does not depend on it."""
    return grad_weight.detach().clone()


def _convolved(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    **arguments: Any,
) -> Tensor:
    from torchvision.ops import deform_conv2d

    input, offset, weight = at_least_float32(input), at_least_float32(offset), at_least_float32(weight)
    mask = None if mask is None else at_least_float32(mask)
    bias = None if bias is None else at_least_float32(bias)
    return deform_conv2d(input, offset, weight, bias, mask=mask, **arguments)


def _short(sizes: dict[str, Any]) -> dict[str, Any]:
    """torchvision's arguments from mmcv's of the plain op; groups follow from shapes."""
    pairs = {"stride": ("dH", "dW"), "padding": ("padH", "padW"), "dilation": ("dilationH", "dilationW")}
    return {name: (sizes[height], sizes[width]) for name, (height, width) in pairs.items()}


def _long(sizes: dict[str, Any]) -> dict[str, Any]:
    """torchvision's arguments from mmcv's of the modulated op."""
    return {
        name: (sizes[f"{short}_h"], sizes[f"{short}_w"])
        for name, short in {"stride": "stride", "padding": "pad", "dilation": "dilation"}.items()
    }
