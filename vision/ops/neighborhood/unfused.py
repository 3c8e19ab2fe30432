"""Neighborhood attention in two halves, for those who want its weights: to look at, to drop some, to change them.

`naXd_av(naXd_qk(query, key, ...).softmax(-1), value, ...)` is `naXd(query, key, value, ...)`. Slots of a window are
in the order of their keys, the last axis fastest; additional tokens come after them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vision.ops.common.checks import check_grid, check_like, make_scale
from vision.ops.common.precision import autocast_is_on, autocast_tensors, compute_dtype, full_precision
from vision.ops.neighborhood.arguments import Window, check_additional, check_bias, check_fits, make_window
from vision.ops.neighborhood.bilinear import neighborhood_av, neighborhood_qk
from vision.ops.neighborhood.reference import gather_bias, group_heads
from vision.ops.neighborhood.window import axis_tables, visible_slots


def na1d_qk(
    query: Tensor,
    key: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
    scale: float | None = None,
    *,
    bias: Tensor | None = None,
    additional_keys: Tensor | None = None,
) -> Tensor:
    """Attention logits along a sequence, `[B, N, heads, kernel_size + S]`; everything else as in `na2d_qk`."""
    window = make_window(1, kernel_size, stride, dilation, is_causal)
    return _logits(1, query, key, window, scale, bias, additional_keys)


def na2d_qk(
    query: Tensor,
    key: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
    scale: float | None = None,
    *,
    bias: Tensor | None = None,
    additional_keys: Tensor | None = None,
) -> Tensor:
    """Attention logits on a feature map: `[B, H, W, heads, prod(kernel_size) + S]`, in the dtype of `query`.

    Arguments as those of `na2d`. The logit of a slot that holds no key, at the start of causal windows, is -inf.

    Raises:
        TypeError: a tensor is not floating point or not of the dtype of `query`, or a number is no integer.
        ValueError: a shape, device or number is wrong.
    """
    window = make_window(2, kernel_size, stride, dilation, is_causal)
    return _logits(2, query, key, window, scale, bias, additional_keys)


def na3d_qk(
    query: Tensor,
    key: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
    scale: float | None = None,
    *,
    bias: Tensor | None = None,
    additional_keys: Tensor | None = None,
) -> Tensor:
    """Attention logits in a volume, `[B, D, H, W, heads, prod(kernel_size) + S]`; everything else as in `na2d_qk`."""
    window = make_window(3, kernel_size, stride, dilation, is_causal)
    return _logits(3, query, key, window, scale, bias, additional_keys)


def na1d_av(
    attn: Tensor,
    value: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
    *,
    additional_values: Tensor | None = None,
) -> Tensor:
    """Weighted sums of values along a sequence, `[B, N, heads, value_dim]`; everything else as in `na2d_av`."""
    return _output(1, attn, value, make_window(1, kernel_size, stride, dilation, is_causal), additional_values)


def na2d_av(
    attn: Tensor,
    value: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
    *,
    additional_values: Tensor | None = None,
) -> Tensor:
    """Sums of the values of neighborhoods, weighted by `attn`: `[B, H, W, heads, value_dim]`, in the dtype of `value`.

    Args:
        attn: weights `[B, H, W, heads, prod(kernel_size) + S]`; those of slots that hold no key are not read.
        value: `[B, H, W, heads_kv, value_dim]`, where `heads_kv` divides `heads`.
        kernel_size: as for `na2d`, like `stride`, `dilation` and `is_causal`.
        additional_values: `[B, S, heads_kv, value_dim]`.

    Raises:
        TypeError: a tensor is not floating point or not of the dtype of `attn`, or a number is no integer.
        ValueError: a shape, device or number is wrong.
    """
    return _output(2, attn, value, make_window(2, kernel_size, stride, dilation, is_causal), additional_values)


def na3d_av(
    attn: Tensor,
    value: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
    *,
    additional_values: Tensor | None = None,
) -> Tensor:
    """Weighted sums of values in a volume, `[B, D, H, W, heads, value_dim]`; everything else as in `na2d_av`."""
    return _output(3, attn, value, make_window(3, kernel_size, stride, dilation, is_causal), additional_values)


def _logits(
    rank: int,
    query: Tensor,
    key: Tensor,
    window: Window,
    scale: float | None,
    bias: Tensor | None,
    additional_keys: Tensor | None,
) -> Tensor:
    check_grid("query", query, rank)
    device = query.device.type
    if autocast_is_on(device):
        tensors = autocast_tensors(device, (query, key, bias, additional_keys))
        query, key, bias, additional_keys = tensors  # type: ignore[assignment]
    check_fits(window, query.shape[1:-2])
    check_like("key", key, query, dim=query.shape[-1])
    if bias is not None:
        check_bias(bias, query, window)
    if additional_keys is not None:
        check_additional("additional_keys", additional_keys, key)
    scale, dtype = make_scale(scale, query.shape[-1]), compute_dtype(query.dtype)
    with full_precision(device):
        q = query.to(dtype)
        logits = scale * neighborhood_qk(q, key.to(dtype), window)
        tables = axis_tables(query.shape[1:-2], window, query.device)
        if bias is not None:
            logits = logits + gather_bias(bias.to(dtype), tables)
        if any(window.is_causal):
            logits = logits.masked_fill(~visible_slots(tables).unsqueeze(-2), -torch.inf)
        if additional_keys is not None:
            extra = torch.einsum("b...hgd,bshd->b...hgs", group_heads(q, key.shape[-2]), additional_keys.to(dtype))
            logits = torch.cat([logits, scale * extra.flatten(-3, -2)], dim=-1)
    return logits.to(query.dtype)


def _output(rank: int, attn: Tensor, value: Tensor, window: Window, additional_values: Tensor | None) -> Tensor:
    check_grid("attn", attn, rank)
    device = attn.device.type
    if autocast_is_on(device):
        # The softmax before it is computed in float32.
        attn, value, additional_values = autocast_tensors(device, (attn, value, additional_values))  # type: ignore[assignment]
    check_fits(window, attn.shape[1:-2])
    check_like("value", value, attn, other="attn")
    slots, extra = math.prod(window.kernel_size), 0
    if additional_values is not None:
        check_additional("additional_values", additional_values, value)
        extra = additional_values.shape[1]
    if attn.shape[-1] != slots + extra:
        raise ValueError(
            f"attn must have {slots} weights of a window + {extra} of additional tokens per query, got {attn.shape[-1]}"
        )
    dtype = compute_dtype(value.dtype)
    with full_precision(device):
        weights = attn.to(dtype)
        out = neighborhood_av(weights[..., :slots], value.to(dtype), window)
        if additional_values is not None:
            w = group_heads(weights[..., slots:], value.shape[-2])
            out = out + torch.einsum("b...hgs,bshd->b...hgd", w, additional_values.to(dtype)).flatten(-3, -2)
    return out.to(value.dtype)
