"""Neighborhood attention in plain tensor operations that every exporter knows.

Tiles of queries attend to the union of their windows, masked: for a 7x7 window, tiles of 8x8 queries see 14x14 keys.
Attention over all pairs of tokens would need memory quadratic in the image, and gathering the window of every query
would copy each key 49 times; tiles copy it three times, and their products are matrix products. There is no loop, and
the tables depend on shapes alone, so they become constants of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vision.onnx.tiles import AxisTiles, axis_tiles, tile_sides
from vision.ops.common.precision import compute_dtype
from vision.ops.neighborhood.arguments import Window


def tiled_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    additional_keys: Tensor | None,
    additional_values: Tensor | None,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    is_causal: Sequence[int],
    scale: float,
    tf32: bool = False,
) -> tuple[Tensor, Tensor]:
    """What `nbv::neighborhood_attention` computes: output `[B, *spatial, heads, dim]`, LSE `[B, *spatial, heads]`.

    Products are in the dtype of the inputs, the softmax of float16 and bfloat16 in float32.

    Args:
        query: `[B, *spatial, heads, dim]`; only the batch size may be dynamic.
        key: `[B, *spatial, heads_kv, dim]`, where `heads_kv` divides `heads`.
        value: `[B, *spatial, heads_kv, value_dim]`.
        bias: `[heads, 2 * kernel_size - 1, ...]` or None.
        additional_keys: `[B, S, heads_kv, dim]` or None, attended by every query.
        additional_values: `[B, S, heads_kv, value_dim]`, with `additional_keys`.
        tf32: not used: whoever runs the graph decides.

    Raises:
        ValueError: a side of the grid is dynamic.
    """
    window = Window.from_numbers(kernel_size, stride, dilation, is_causal)
    lengths = query.shape[1:-2]
    if not all(isinstance(length, int) for length in lengths):
        raise ValueError(f"neighborhood attention exports with fixed spatial sizes, got {tuple(lengths)}")
    grid = window.axes(lengths)
    axes = [axis_tiles(axis, side) for axis, side in zip(grid, tile_sides(grid), strict=True)]
    group = query.shape[-2] // key.shape[-2]

    q = _gather(query, [axis.queries for axis in axes]).unflatten(1, (key.shape[-2], group)).transpose(2, 3) * scale
    rows = q.shape[4]
    # Query heads of one key head are rows of one matrix product.
    q = q.flatten(3, 4)  # [B, heads_kv, tiles, group * queries of a tile, dim]
    logits = q @ _gather(key, [axis.keys for axis in axes]).transpose(-1, -2)
    logits = _mask(logits.unflatten(3, (group, rows)), bias, axes).flatten(3, 4)
    width = logits.shape[-1]
    if additional_keys is not None:
        logits = torch.cat([logits, q @ additional_keys.permute(0, 2, 3, 1).unsqueeze(2)], dim=-1)
    logits = logits.to(compute_dtype(query.dtype))
    weights = logits.softmax(-1).to(value.dtype)
    out = weights[..., :width] @ _gather(value, [axis.keys for axis in axes])
    if additional_values is not None:
        out = out + weights[..., width:] @ additional_values.transpose(1, 2).unsqueeze(2)
    lse = logits.logsumexp(-1, keepdim=True)
    return _scatter(out, group, axes), _scatter(lse, group, axes).squeeze(-1)


def _gather(x: Tensor, tables: Sequence[NDArray[np.int64]]) -> Tensor:
    """`[B, *spatial, heads, dim]` -> `[B, heads, tiles, tokens, dim]`, by one table `[tiles, tokens]` per axis."""
    rank = len(tables)
    for axis, table in enumerate(tables, start=1):
        x = _select(x, axis, table.ravel())
    for axis, table in reversed(list(enumerate(tables, start=1))):
        x = x.unflatten(axis, table.shape)  # [B, T1, N1, T2, N2, ..., heads, dim]
    tiles, tokens = range(1, 2 * rank, 2), range(2, 2 * rank + 1, 2)
    x = x.permute(0, 2 * rank + 1, *tiles, *tokens, 2 * rank + 2)
    return x.flatten(2 + rank, 1 + 2 * rank).flatten(2, 1 + rank)


def _scatter(x: Tensor, group: int, axes: Sequence[AxisTiles]) -> Tensor:
    """`[B, heads_kv, tiles, group * tokens of a tile, dim]` -> `[B, *spatial, heads_kv * group, dim]`."""
    rank = len(axes)
    x = x.unflatten(3, (group, x.shape[3] // group)).transpose(2, 3).flatten(1, 2)  # [B, heads, tiles, tokens, dim]
    x = x.unflatten(3, [axis.queries.shape[1] for axis in axes])
    x = x.unflatten(2, [axis.queries.shape[0] for axis in axes])
    pairs = [i for axis in range(rank) for i in (2 + axis, 2 + rank + axis)]
    x = x.permute(0, *pairs, 1, 2 * rank + 2)
    for i, axis in enumerate(axes, start=1):
        x = _select(x.flatten(i, i + 1), i, axis.inverse)
    return x


def _mask(logits: Tensor, bias: Tensor | None, axes: Sequence[AxisTiles]) -> Tensor:
    """Logits `[B, heads_kv, tiles, group, queries, keys]` with bias, and -inf where the key is not in the window."""
    rank = len(axes)
    if bias is not None:
        for i, axis in enumerate(axes, start=1):
            bias = _select(bias, i, axis.offsets.ravel())
        for i, axis in reversed(list(enumerate(axes, start=1))):
            bias = bias.unflatten(i, axis.offsets.shape)
        bias = _join_axes(bias, rank, 1).unflatten(0, logits.shape[1:4:2])
        logits = logits + bias.transpose(1, 2)
    visible = torch.ones((), dtype=torch.bool, device=logits.device)
    for i, axis in enumerate(axes):
        table = torch.from_numpy(axis.visible).to(logits.device)
        shape = [1] * 3 * i + list(table.shape) + [1] * 3 * (rank - 1 - i)
        visible = visible & table.reshape(shape)
    visible = _join_axes(visible, rank, 0).unsqueeze(1)
    return torch.where(visible, logits, torch.full((), -torch.inf, dtype=logits.dtype, device=logits.device))


def _join_axes(x: Tensor, rank: int, first: int) -> Tensor:
    """`[..., T1, Q1, K1, T2, Q2, K2, ...]` -> `[..., tiles, queries, keys]`; `first` dimensions stand before."""
    order = [first + 3 * axis + part for part in range(3) for axis in range(rank)]
    x = x.permute(*range(first), *order)
    for part in reversed(range(3)):
        x = x.flatten(first + part * rank, first + (part + 1) * rank - 1)
    return x


def _select(x: Tensor, axis: int, table: NDArray[np.int64]) -> Tensor:
    """`index_select`, left out where it would change nothing."""
    if table.size == x.shape[axis] and (table == np.arange(table.size)).all():
        return x
    return x.index_select(axis, torch.from_numpy(table).to(x.device))
