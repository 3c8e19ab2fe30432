"""Neighborhood attention as ONNX nodes for maps whose sides are known only when the graph runs.

The same tiles as in `vision.onnx.attention`, whose tables depend on shapes; here a few nodes compute them from the
shape of the map. They are written down directly: to trace such tables, torch would reason about the shapes of every
layer for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from vision.onnx.tiles import tile_side
from vision.ops.neighborhood.arguments import Window


class _Tables(NamedTuple):
    """`vision.onnx.tiles.AxisTiles` as values of the graph, where the numbers of queries and keys of a tile are fixed.

    Every residue has as many tiles as the longest, and every tile as many keys as any may need.
    """

    tiles: Any  # [1], their number
    side: int  # queries of a tile
    width: int  # keys of a tile
    queries: Any  # [T, side]
    keys: Any  # [T, width]
    visible: Any  # [T, side, width]
    offsets: Any  # [T, side, width]
    inverse: Any  # [length]


def translation_table() -> dict[Any, Callable[..., Any]]:
    """For `torch.onnx.export(..., custom_translation_table=...)`."""
    return {torch.ops.nbv.neighborhood_attention.default: _attention}


def _attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any,
    additional_keys: Any,
    additional_values: Any,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    is_causal: Sequence[int],
    scale: float,
    tf32: bool = False,
) -> tuple[Any, Any]:
    """Nodes of one call; arguments and results as of `vision.onnx.attention.tiled_attention`."""
    op = _Nodes()
    window = Window.from_numbers(kernel_size, stride, dilation, is_causal)
    rank = len(window.kernel_size)
    axes = [_tables(op, query, window, axis, tile_side(rank, window.kernel_size[axis])) for axis in range(rank)]
    rows, width = (int(np.prod([getattr(axis, name) for axis in axes])) for name in ("side", "width"))
    heads, heads_kv, dim, value_dim = query.shape[-2], key.shape[-2], query.shape[-1], value.shape[-1]
    group = heads // heads_kv

    q = _gather(op, query, [axis.queries for axis in axes], rows)
    q = op.Mul(q, op.CastLike(op.numbers(scale, np.float32), q))
    q = op.Transpose(op.Reshape(q, op.numbers([0, heads_kv, group, -1, rows, dim])), perm=[0, 1, 3, 2, 4, 5])
    q = op.Reshape(q, op.numbers([0, heads_kv, -1, group * rows, dim]))
    k = _gather(op, key, [axis.keys for axis in axes], width)
    logits = op.MatMul(q, op.Transpose(k, perm=[0, 1, 2, 4, 3]))
    logits = op.Reshape(logits, op.numbers([0, heads_kv, -1, group, rows, width]))
    logits = _mask(op, logits, bias, axes, (heads_kv, group, rows, width))
    logits = op.Reshape(logits, op.numbers([0, heads_kv, -1, group * rows, width]))
    if additional_keys is not None:
        more = op.Unsqueeze(op.Transpose(additional_keys, perm=[0, 2, 3, 1]), op.numbers([2]))
        logits = op.Concat(logits, op.MatMul(q, more), axis=-1)
    # 16 bits are too few for sums of exponentials.
    logits = logits if query.dtype is None or query.dtype.itemsize > 2 else op.Cast(logits, to=1)
    weights = op.CastLike(op.Softmax(logits, axis=-1), value)
    own = weights if additional_keys is None else op.Slice(weights, *map(op.numbers, ([0], [width], [-1])))
    out = op.MatMul(own, _gather(op, value, [axis.keys for axis in axes], width))
    if additional_values is not None:
        rest = op.Slice(weights, *map(op.numbers, ([width], [2**62], [-1])))
        out = op.Add(
            out, op.MatMul(rest, op.Unsqueeze(op.Transpose(additional_values, perm=[0, 2, 1, 3]), op.numbers([2])))
        )
    lse = op.ReduceLogSumExp(logits, op.numbers([-1]), keepdims=1)
    found = [_scatter(op, x, axes, group, heads_kv, n) for x, n in ((out, value_dim), (lse, 1))]
    return found[0], op.Squeeze(found[1], op.numbers([-1]))


class _Nodes:
    """The operators of ONNX by name, and constants."""

    def __init__(self) -> None:
        from onnxscript import opset18

        self._opset: Any = opset18

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opset, name)

    def numbers(self, values: Any, dtype: Any = np.int64) -> Any:
        """A constant."""
        from onnxscript import ir

        return self._opset.Constant(value=ir.tensor(np.asarray(values, dtype)))


def _tables(op: _Nodes, query: Any, window: Window, axis: int, side: int) -> _Tables:
    kernel, stride, dilation, is_causal = (numbers[axis] for numbers in window)
    one = op.numbers(1)
    length = _long_enough(op, op.Shape(query, start=1 + axis, end=2 + axis), kernel * dilation)
    tiles = op.Div(op.Add(length, op.numbers(dilation * side - 1)), op.numbers(dilation * side))
    group = op.numbers(np.arange(dilation).reshape(-1, 1, 1))
    lengths = op.Div(op.Add(op.Sub(length, group), op.numbers(dilation - 1)), op.numbers(dilation))
    last = op.Sub(lengths, one)
    places = op.Range(op.numbers(0), op.Squeeze(op.Mul(tiles, op.numbers(side)), op.numbers([0])), one)
    position = op.Min(op.Reshape(places, op.numbers([1, -1, side])), last)  # [dilation, tiles, side]
    block = op.Mul(op.Div(position, op.numbers(stride)), op.numbers(stride))
    leader = op.Min(op.Add(block, op.numbers(stride - 1 if is_causal else stride // 2)), last)
    start = op.Max(op.Sub(leader, op.numbers(kernel - 1 if is_causal else kernel // 2)), op.numbers(0))
    if not is_causal:
        start = op.Min(start, op.Sub(lengths, op.numbers(kernel)))
    end = op.Add(position, one) if is_causal else op.Add(start, op.numbers(kernel))
    width = side + stride - 2 + kernel
    key = op.Add(op.Slice(start, *map(op.numbers, ([0], [1], [2]))), op.numbers(np.arange(width)))
    pairs, inner = op.Unsqueeze(key, op.numbers([2])), op.numbers([3])
    visible = op.And(op.GreaterOrEqual(pairs, op.Unsqueeze(start, inner)), op.Less(pairs, op.Unsqueeze(end, inner)))
    offsets = op.Add(op.Sub(pairs, op.Unsqueeze(position, inner)), op.numbers(kernel - 1))
    step = op.numbers(dilation)
    return _Tables(
        op.Mul(tiles, step),
        side,
        width,
        op.Reshape(op.Add(op.Mul(position, step), group), op.numbers([-1, side])),
        # Keys past the end are masked; they only have to exist.
        op.Reshape(op.Min(op.Add(op.Mul(key, step), group), op.Sub(length, one)), op.numbers([-1, width])),
        op.Reshape(visible, op.numbers([-1, side, width])),
        op.Reshape(op.Where(visible, offsets, op.numbers(0)), op.numbers([-1, side, width])),
        _inverse(op, length, tiles, dilation, side),
    )


def _long_enough(op: _Nodes, length: Any, least: int) -> Any:
    """The length of an axis, where the run fails with an index out of bounds if it is shorter than its window.

    Without it a map that is too small would give numbers that mean nothing.
    """
    tokens = op.Range(op.numbers(0), op.Squeeze(length, op.numbers([0])), op.numbers(1))
    return op.Add(length, op.Mul(op.Gather(tokens, op.numbers([least - 1])), op.numbers(0)))


def _inverse(op: _Nodes, length: Any, tiles: Any, dilation: int, side: int) -> Any:
    token = op.Range(op.numbers(0), op.Squeeze(length, op.numbers([0])), op.numbers(1))
    place, residue = op.Div(token, op.numbers(dilation)), op.Mod(token, op.numbers(dilation))
    # A tile begins at a multiple of its side, so that what is left of a place is the query in its tile.
    return op.Add(op.Mul(residue, op.Mul(tiles, op.numbers(side))), place)


def _gather(op: _Nodes, x: Any, tables: Sequence[Any], tokens: int) -> Any:
    """`[B, *spatial, heads, dim]` -> `[B, heads, tiles, tokens, dim]`, by one table `[tiles, tokens]` per axis."""
    rank, heads, dim = len(tables), x.shape[-2], x.shape[-1]
    for axis in reversed(range(rank)):
        x = op.Gather(x, tables[axis], axis=1 + axis)  # [B, T1, N1, T2, N2, ..., heads, dim]
    tiles, members = range(1, 2 * rank, 2), range(2, 2 * rank + 1, 2)
    x = op.Transpose(x, perm=[0, 2 * rank + 1, *tiles, *members, 2 * rank + 2])
    return op.Reshape(x, op.numbers([0, heads, -1, tokens, dim]))


def _scatter(op: _Nodes, x: Any, axes: Sequence[_Tables], group: int, heads_kv: int, dim: int) -> Any:
    """`[B, heads_kv, tiles, group * tokens of a tile, dim]` -> `[B, *spatial, heads_kv * group, dim]`."""
    rank, rows, heads = len(axes), int(np.prod([axis.side for axis in axes])), heads_kv * group
    x = op.Transpose(op.Reshape(x, op.numbers([0, heads_kv, -1, group, rows, dim])), perm=[0, 1, 3, 2, 4, 5])
    ends = op.numbers([*(axis.side for axis in axes), dim])
    x = op.Reshape(x, op.Concat(op.numbers([0, heads]), *(axis.tiles for axis in axes), ends, axis=0))
    pairs = [i for axis in range(rank) for i in (2 + axis, 2 + rank + axis)]
    x = op.Transpose(x, perm=[0, *pairs, 1, 2 * rank + 2])
    sides = [op.Mul(axis.tiles, op.numbers([axis.side])) for axis in axes]
    x = op.Reshape(x, op.Concat(op.numbers([0]), *sides, op.numbers([heads, dim]), axis=0))
    for i, axis in enumerate(axes, start=1):
        x = op.Gather(x, axis.inverse, axis=i)
    return x


def _mask(op: _Nodes, logits: Any, bias: Any, axes: Sequence[_Tables], sizes: tuple[int, int, int, int]) -> Any:
    """Logits `[B, heads_kv, tiles, group, rows, width]` with bias, and -inf where the key is not in the window."""
    rank, (heads_kv, group, rows, width) = len(axes), sizes
    # [T1, Q1, K1, T2, Q2, K2, ...] -> [tiles, queries, keys]
    order = [3 * axis + part for part in range(3) for axis in range(rank)]
    if bias is not None:
        for i in reversed(range(rank)):
            bias = op.Gather(bias, axes[i].offsets, axis=1 + i)
        bias = op.Transpose(bias, perm=[0, *(1 + i for i in order)])
        bias = op.Reshape(bias, op.numbers([heads_kv, group, -1, rows, width]))
        logits = op.Add(logits, op.Transpose(bias, perm=[0, 2, 1, 3, 4]))
    visible = None
    for i, axis in enumerate(axes):
        others = [j for j in range(3 * rank) if not 3 * i <= j < 3 * i + 3]
        table = op.Unsqueeze(axis.visible, op.numbers(others)) if others else axis.visible
        visible = table if visible is None else op.And(visible, table)
    visible = op.Reshape(op.Transpose(visible, perm=order), op.numbers([-1, 1, rows, width]))
    return op.Where(visible, logits, op.CastLike(op.numbers(-np.inf, np.float32), logits))
