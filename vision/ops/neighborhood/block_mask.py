"""Which blocks of keys FlexAttention reads for which blocks of queries, from tables of the axes.

torch's own `create_block_mask` asks about every pair of tokens, 16 bytes each: 66 GiB for a map of 200 x 334 tokens. A
window is a product of axes and its rows follow each other in memory, so that the first and the last key of a row tell
all blocks that the row touches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vision.ops.common.tracing import constant
from vision.ops.neighborhood.arguments import Window
from vision.ops.neighborhood.window import axis_table, axis_visible, axis_window

# torch's module is imported in the functions that use it: it takes a third of a second.
if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

BLOCK = 128  # tokens, as torch has it
# Geometries whose block mask is kept; a network has one per stage and dilation, and detectors see many sizes.
_MOST_KEPT = 256
_MOST_ROWS = 1 << 20  # of windows, looked at together


def block_mask(spatial: tuple[int, ...], window: Window, extra: int, device: torch.device) -> BlockMask:
    """The mask of a map of these sizes with `extra` additional tokens behind it, kept from call to call."""
    # A size that tracing has made a symbol becomes a number. Dynamo hands plain tuples over, but no named ones.
    spatial, extra = tuple([index(length) for length in spatial]), index(extra)
    mask: BlockMask = getattr(_KEPT, _keep(spatial, tuple(window), extra, device))
    return mask


class _Kept:
    """Masks as attributes: Dynamo guards on each of those that it reads alone, but on all keys of a dict."""


_KEPT = _Kept()


@constant  # a graph reads the mask as it reads a parameter; it never makes one
def _keep(spatial: tuple[int, ...], numbers: tuple[Any, ...], extra: int, device: torch.device) -> str:
    """The name of the mask among those kept."""
    name = f"{spatial} {numbers} {extra} {device}"
    mask = _KEPT.__dict__.pop(name, None) or _make(spatial, Window(*numbers), extra, device)
    _KEPT.__dict__[name] = mask  # last, as the one used last
    while len(_KEPT.__dict__) > _MOST_KEPT:
        _KEPT.__dict__.pop(next(iter(_KEPT.__dict__)), None)
    return name


def unravel(token: Tensor, spatial: Sequence[int]) -> list[Tensor]:
    """Index along every axis of a token of the flattened grid."""
    place: list[Tensor] = []
    for length in reversed(spatial):
        place.append(token % length)
        token = token // length
    return place[::-1]


def _make(spatial: tuple[int, ...], window: Window, extra: int, device: torch.device) -> BlockMask:
    from torch.nn.attention.flex_attention import BlockMask

    tokens = math.prod(spatial)

    def visible(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        near = key < tokens
        for q, k, axis in zip(unravel(query, spatial), unravel(key, spatial), window.axes(spatial), strict=True):
            near = near & axis_visible(q, k, axis)
        return near | (key >= tokens)

    # On the CPU: each of these many small operators would be a launch on a GPU.
    touched, full = block_tables(spatial, window, extra)
    tables = [table for some in (touched & ~full, full) for table in (some, some.T)]
    (kv, kv_at), (q, q_at), (full_kv, full_kv_at), (full_q, full_q_at) = (_ordered(table, device) for table in tables)
    lists = (kv, kv_at, full_kv, full_kv_at, q, q_at, full_q, full_q_at)
    return BlockMask((tokens, tokens + extra), *lists, (BLOCK, BLOCK), visible)


def block_tables(spatial: tuple[int, ...], window: Window, extra: int) -> tuple[Tensor, Tensor]:
    """Bool `[query blocks, key blocks]`: whether a pair of a block may be visible, and whether all of them are.

    Blocks between the first and the last key of a dilated row count as touched, those that are full may be missed: for
    either the mask is asked pair by pair where attention is computed.
    """
    tokens = math.prod(spatial)
    queries, keys = -(-tokens // BLOCK), -(-(tokens + extra) // BLOCK)
    # Starts and ends of runs of blocks: their running sum is how many runs cover a block.
    changes = torch.zeros(queries * (keys + 1), dtype=torch.int32)
    for block, first, last in _runs(spatial, window):
        for key, change in ((first // BLOCK, 1), (last // BLOCK + 1, -1)):
            at = (block[:, None] * (keys + 1) + key).flatten()
            changes.index_add_(0, at, torch.full_like(at, change, dtype=torch.int32))
    touched = changes.view(queries, keys + 1).cumsum(1)[:, :keys] > 0
    full = _full_blocks(spatial, window, queries, keys)
    if extra > 0:
        touched[:, tokens // BLOCK :] = True
        full[: tokens // BLOCK, -(-tokens // BLOCK) : (tokens + extra) // BLOCK] = True
    return touched, full


def _runs(spatial: tuple[int, ...], window: Window) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Blocks of queries `[n]`, and the first and last key `[n, rows]` of each row of the windows in them.

    In parts of a block that lie in one row of the map, for all queries of a part have the same rows of keys.
    """
    *leading, last_axis = window.axes(spatial)
    tokens, width = math.prod(spatial), last_axis.length
    starts = torch.cat([torch.arange(0, tokens, BLOCK), torch.arange(0, tokens, width)]).unique()
    part = torch.bucketize(torch.arange(tokens), starts, right=True) - 1
    x = torch.arange(width)
    start, end = axis_window(x, last_axis)
    first, last = (key * last_axis.dilation + x % last_axis.dilation for key in (start, end - 1))
    repeats = tokens // width
    low = starts.new_zeros(len(starts)).scatter_reduce(0, part, first.repeat(repeats), "amin", include_self=False)
    high = starts.new_zeros(len(starts)).scatter_reduce(0, part, last.repeat(repeats), "amax", include_self=False)
    tables = [axis_table(axis) for axis in leading]
    rows_of_window = math.prod(axis.kernel_size for axis in leading)
    for some in torch.arange(len(starts)).split(max(1, _MOST_ROWS // rows_of_window)):
        rows = torch.zeros(len(some), 1, dtype=torch.int64)
        # A slot without a key repeats the query's own row.
        for axis, table, i in zip(leading, tables, unravel(starts[some] // width, spatial[:-1]), strict=True):
            rows = (rows[..., None] * axis.length + table.keys[i][:, None]).flatten(1)
        yield starts[some] // BLOCK, rows * width + low[some, None], rows * width + high[some, None]


def _full_blocks(spatial: tuple[int, ...], window: Window, queries: int, keys: int) -> Tensor:
    """Blocks of a sequence that lie within the windows of all queries of a block; on maps they are rare."""
    (axis, *others), tokens = window.axes(spatial), spatial[0]
    whole = tokens // BLOCK
    full = torch.zeros(queries, keys, dtype=torch.bool)
    if others or axis.dilation > 1 or whole == 0:
        return full
    start, end = (edge[: whole * BLOCK].view(whole, BLOCK) for edge in axis_window(torch.arange(tokens), axis))
    first = torch.arange(keys) * BLOCK
    full[:whole] = (first >= start.amax(1, True)) & (first + BLOCK <= end.amin(1, True))
    return full


def _ordered(table: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """How many columns of each row are set, `[1, 1, rows]`, and which: the first of each `[1, 1, rows, columns]`."""
    order = table.to(torch.int8).argsort(dim=1, descending=True, stable=True)
    return table.sum(1, dtype=torch.int32)[None, None].to(device), order.to(torch.int32)[None, None].to(device)
