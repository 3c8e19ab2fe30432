"""Deformable attention over several levels (arXiv 2010.04159), which mmcv calls for tensors on a GPU."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from vision.engine.mmcv_ops.common import gradients

OPS = ("ms_deform_attn_backward", "ms_deform_attn_forward")


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    *,
    im2col_step: Any,
) -> Tensor:
    """Values `[B, keys, heads, channels]` sampled at `[B, queries, heads, levels, points, 2]` -> `[B, queries, C]`."""
    return _attended(value, value_spatial_shapes, sampling_locations, attention_weights)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    *,
    im2col_step: Any,
) -> None:
    """Fill the gradients."""
    inputs = (value, sampling_locations, attention_weights)
    found = gradients(lambda v, at, w: _attended(v, value_spatial_shapes, at, w), inputs, grad_output)
    for target, gradient in zip((grad_value, grad_sampling_loc, grad_attn_weight), found, strict=True):
        target.copy_(gradient)


def _attended(value: Tensor, shapes: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    # mmcv's own, which it takes on CPUs.
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    attended: Tensor = multi_scale_deformable_attn_pytorch(value, shapes.tolist(), locations, weights)
    return attended
