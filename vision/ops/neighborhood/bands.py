"""The same products for large windows: a block of queries against all keys between its first and its last one.

A window of hundreds of slots is as many passes over all tokens, slot by slot. As a product of matrices a block computes
some numbers that nobody asked for, but a core does those more than ten times as fast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vision.ops.neighborhood.arguments import Window
from vision.ops.neighborhood.window import axis_tables, visible_slots

_BLOCK = 64  # queries
# Most keys of a block over slots of a window: on one core of an EPYC both ways take the same time at about 10.
_MOST_PAIRS = 8
_FEWEST_SLOTS = 32


class Plan(NamedTuple):
    """Blocks of queries, and the keys of their windows."""

    keys: Tensor  # [N, slots] among the N tokens
    visible: Tensor | None  # [N, slots] whether the slot holds a key; None: always
    blocks: list[tuple[int, int, int, int]]  # first query, one past the last; first key, one past the last


def make_plan(spatial: Sequence[int], window: Window, tokens: Tensor) -> Plan | None:
    """The blocks; None where windows are too small or too scattered, or a number is not finite.

    Infinities and NaN of keys outside of a window would come through a product in which their weights are zero. On
    GPUs nobody waits for the answer whether there are any.
    """
    slots, count, span = math.prod(window.kernel_size), math.prod(spatial), _BLOCK
    for axis, (size, step) in enumerate(zip(window.kernel_size, window.dilation, strict=True)):
        span += (size - 1) * step * math.prod(spatial[axis + 1 :])
    if slots < _FEWEST_SLOTS or min(span, count) > _MOST_PAIRS * slots:
        return None
    if tokens.device.type != "cpu" or tokens.numel() == 0 or not bool(tokens.isfinite().all()):
        return None
    tables = axis_tables(spatial, window, tokens.device)
    keys = torch.zeros(1, 1, dtype=torch.int64)
    for length, table in zip(spatial, tables, strict=True):
        # [n, m] and [length, k] -> [n * length, m * k]
        keys = (keys[:, None, :, None] * length + table.keys[None, :, None, :]).flatten(2).flatten(0, 1)
    blocks = []
    for first in range(0, len(keys), _BLOCK):
        some = keys[first : first + _BLOCK]
        blocks.append((first, first + len(some), int(some.min()), int(some.max()) + 1))
    visible = visible_slots(tables).flatten(0, -2) if any(window.is_causal) else None
    return Plan(keys, visible, blocks)


def qk(query: Tensor, key: Tensor, plan: Plan) -> Tensor:
    """`[B, N, heads_kv, group, dim]` and `[B, N, heads_kv, dim]` -> `[B, N, heads_kv, group, slots]`."""
    out = query.new_empty((*query.shape[:-1], plan.keys.shape[1]))
    for first, last, low, high in plan.blocks:
        products = torch.einsum("bqhgd,bkhd->bhgqk", query[:, first:last], key[:, low:high])
        index = plan.keys[first:last] - low
        found = products.gather(-1, index.expand(*products.shape[:-1], -1))
        if plan.visible is not None:
            found = found.masked_fill(~plan.visible[first:last], 0)
        out[:, first:last] = found.permute(0, 3, 1, 2, 4)
    return out


def av(attn: Tensor, value: Tensor, plan: Plan) -> Tensor:
    """`[B, N, heads_kv, group, slots]` and `[B, N, heads_kv, dim]` -> `[B, N, heads_kv, group, dim]`."""
    out = value.new_empty((*attn.shape[:-1], value.shape[-1]))
    for first, last, low, high in plan.blocks:
        weights = _spread(attn, plan, first, last, low, high)
        out[:, first:last] = torch.einsum("bqhgk,bkhd->bqhgd", weights, value[:, low:high])
    return out


def av_transposed(attn: Tensor, output: Tensor, plan: Plan) -> Tensor:
    """`[B, N, heads_kv, group, slots]` and `[B, N, heads_kv, group, dim]` -> `[B, N, heads_kv, dim]`."""
    value = output.new_zeros((*output.shape[:3], output.shape[-1]))
    for first, last, low, high in plan.blocks:
        weights = _spread(attn, plan, first, last, low, high)
        value[:, low:high] += torch.einsum("bqhgk,bqhgd->bkhd", weights, output[:, first:last])
    return value


def _spread(attn: Tensor, plan: Plan, first: int, last: int, low: int, high: int) -> Tensor:
    """Weights of a block `[B, queries, heads_kv, group, slots]` at the places of their keys, zeros between them."""
    weights = attn[:, first:last]
    if plan.visible is not None:
        weights = weights.masked_fill(~plan.visible[first:last, None, None], 0)
    index = (plan.keys[first:last, None, None] - low).expand(weights.shape)
    # Slots without a key stand for the query's own, and add nothing to it.
    return weights.new_zeros((*weights.shape[:-1], high - low)).scatter_add_(-1, index, weights)
