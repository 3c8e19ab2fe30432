"""Neighborhood attention in plain PyTorch: what every other backend must compute, on any device, to any derivative.

NAT (arXiv 2204.07143), DiNAT (arXiv 2209.15001), GNA (arXiv 2504.16922). It copies the keys and values of every window,
which takes memory for `prod(kernel_size)` copies of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vision.ops.common.precision import compute_dtype, full_precision
from vision.ops.neighborhood.arguments import Window
from vision.ops.neighborhood.window import AxisTable, axis_tables, visible_slots


def neighborhood_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    additional_keys: Tensor | None,
    additional_values: Tensor | None,
    window: Window,
    scale: float,
) -> tuple[Tensor, Tensor]:
    """Attention of every query to its neighborhood.

    float16 and bfloat16 are computed in float32, and the output rounded.

    Args:
        query: `[B, *spatial, heads, dim]`.
        key: `[B, *spatial, heads_kv, dim]`, where `heads_kv` divides `heads`.
        value: `[B, *spatial, heads_kv, value_dim]`.
        bias: `[heads, 2 * kernel_size - 1, ...]`, added to the scaled logits; index (key - query) / dilation +
            kernel_size - 1.
        additional_keys: `[B, S, heads_kv, dim]`, attended by every query, without bias.
        additional_values: `[B, S, heads_kv, value_dim]`.

    Returns:
        Output `[B, *spatial, heads, value_dim]`, and the natural logarithm of the softmax's denominator `[B, *spatial,
        heads]`, float32 (float64 for float64 inputs); zero and -inf where the bias masks all keys of a query.
    """
    with full_precision(query.device.type):
        dtype = compute_dtype(query.dtype)
        tables = axis_tables(query.shape[1:-2], window, query.device)
        q = group_heads(query.to(dtype), key.shape[-2])  # [B, *spatial, heads_kv, group, dim]
        keys, values = gather_windows(key.to(dtype), tables), gather_windows(value.to(dtype), tables)
        logits = scale * (q @ keys.transpose(-1, -2))  # [B, *spatial, heads_kv, group, prod(kernel_size)]
        if bias is not None:
            logits = logits + group_heads(gather_bias(bias.to(dtype), tables), key.shape[-2])
        if any(window.is_causal):
            logits = logits.masked_fill(~visible_slots(tables)[..., None, None, :], -torch.inf)
        slots = logits.shape[-1]
        if additional_keys is not None:
            extra = torch.einsum("b...hgd,bshd->b...hgs", q, additional_keys.to(dtype))
            logits = torch.cat([logits, scale * extra], dim=-1)
        weights, lse = _normalize(logits, may_be_empty=bias is not None)
        out = weights[..., :slots] @ values
        if additional_values is not None:
            out = out + torch.einsum("b...hgs,bshd->b...hgd", weights[..., slots:], additional_values.to(dtype))
        return out.flatten(-3, -2).to(query.dtype), lse.flatten(-2)


def _normalize(logits: Tensor, may_be_empty: bool) -> tuple[Tensor, Tensor]:
    """Softmax and LSE; weights of zero, whose gradient is zero, where all logits are -inf."""
    if not may_be_empty:
        return logits.softmax(-1), logits.logsumexp(-1)
    empty = (logits == -torch.inf).all(-1)
    logits = logits.masked_fill(empty.unsqueeze(-1), 0)
    weights = logits.softmax(-1).masked_fill(empty.unsqueeze(-1), 0)
    return weights, logits.logsumexp(-1).masked_fill(empty, -torch.inf)


def gather_windows(x: Tensor, tables: Sequence[AxisTable]) -> Tensor:
    """Tokens of every window: `[B, *spatial, heads, dim]` -> `[B, *spatial, heads, prod(kernel_size), dim]`."""
    rank = len(tables)
    for axis, table in enumerate(tables):
        x = _take(x, 1 + 2 * axis, table.keys)
    # [B, L1, k1, L2, k2, ..., heads, dim]
    x = x.permute(0, *range(1, 2 * rank, 2), 2 * rank + 1, *range(2, 2 * rank + 1, 2), 2 * rank + 2)
    return x.flatten(rank + 2, 2 * rank + 1)


def gather_bias(bias: Tensor, tables: Sequence[AxisTable]) -> Tensor:
    """Bias of every logit: `[heads, 2 * kernel_size - 1, ...]` -> `[*spatial, heads, prod(kernel_size)]`."""
    rank = len(tables)
    for axis, table in enumerate(tables):
        bias = _take(bias, 1 + 2 * axis, table.offsets)
    # [heads, L1, k1, L2, k2, ...]
    return bias.permute(*range(1, 2 * rank, 2), 0, *range(2, 2 * rank + 1, 2)).flatten(rank + 1)


def group_heads(x: Tensor, heads_kv: int) -> Tensor:
    """`[..., heads, dim]` -> `[..., heads_kv, heads of one key head, dim]`."""
    return x.unflatten(-2, (heads_kv, x.shape[-2] // heads_kv))


def _take(x: Tensor, axis: int, index: Tensor) -> Tensor:
    """`index` `[L, k]` puts two axes L, k in the place of `axis`."""
    return x.index_select(axis, index.flatten()).unflatten(axis, index.shape)
