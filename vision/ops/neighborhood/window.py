"""Which keys a query attends to: the neighborhoods of GNA (arXiv 2504.16922), per axis and as a mask.

Tokens i with the same i mod dilation form a group, in which the neighborhood is dense: position p of a group is token
p * dilation + i mod dilation. Queries of a block of `stride` positions share the window of one of them, their leader.
Windows move at an edge and never shrink, but for causal ones, which end at the query.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vision.ops.neighborhood.arguments import Axis, Window, check_fits, make_window


class AxisTable(NamedTuple):
    """The window of every query of an axis, `[length, kernel_size]` each."""

    keys: Tensor  # tokens; the query itself in a slot that holds no key
    visible: Tensor  # whether the slot holds a key: always, but for causal windows at the start
    offsets: Tensor  # index of the relative positional bias


def neighborhood_mask(
    shape: int | Sequence[int],
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
) -> Tensor:
    """Whether a query (first axes) attends to a key (last axes): bool `[*shape, *shape]`.

    Args:
        shape: tokens along each axis.
        kernel_size: keys of a window, one number or one per axis.
        stride: queries that share a window, 1 to `kernel_size`.
        dilation: step between the keys of a window.
        is_causal: whether no key comes after its query.

    Raises:
        TypeError: a number is no integer, or `is_causal` no flag.
        ValueError: a number is out of range.
    """
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    rank = len(shape)
    window = make_window(rank, kernel_size, stride, dilation, is_causal)
    check_fits(window, shape)
    mask = torch.ones((), dtype=torch.bool)
    for i, axis in enumerate(window.axes(shape)):
        tokens = torch.arange(axis.length)
        sides = [1] * (2 * rank)
        sides[i] = sides[rank + i] = axis.length
        mask = mask & axis_visible(tokens[:, None], tokens, axis).view(sides)
    return mask


def axis_window(query: Tensor, axis: Axis) -> tuple[Tensor, Tensor]:
    """First and one past the last key of queries' windows, as positions in the query's group.

    Args:
        query: tokens of the axis, integers of any shape.
        axis: at least `kernel_size * dilation` long.
    """
    length, kernel_size, stride, dilation, is_causal = axis
    position = query // dilation
    last = (length - query % dilation + dilation - 1) // dilation - 1
    block = position // stride * stride
    if is_causal:
        leader = torch.minimum(block + stride - 1, last)
        return (leader - kernel_size + 1).clamp(min=0), position + 1
    leader = torch.minimum(block + stride // 2, last)
    start = torch.minimum((leader - kernel_size // 2).clamp(min=0), last + 1 - kernel_size)
    return start, start + kernel_size


def axis_visible(query: Tensor, key: Tensor, axis: Axis) -> Tensor:
    """Whether each query token attends to each key token along one axis; the two broadcast."""
    start, end = axis_window(query, axis)
    position = key // axis.dilation
    return (key % axis.dilation == query % axis.dilation) & (position >= start) & (position < end)


def axis_table(axis: Axis, device: torch.device | str | None = None) -> AxisTable:
    """Keys of every query of an axis, in order."""
    dilation = axis.dilation
    query = torch.arange(axis.length, device=device)[:, None]
    start, end = axis_window(query, axis)
    position = start + torch.arange(axis.kernel_size, device=device)
    visible = position < end
    # A window always holds its query, so reading that key again spreads no NaN to where there was none.
    position = torch.where(visible, position, query // dilation)
    keys = position * dilation + query % dilation
    return AxisTable(keys, visible, position - query // dilation + axis.kernel_size - 1)


def axis_tables(spatial: Sequence[int], window: Window, device: torch.device | str | None = None) -> list[AxisTable]:
    """The table of every axis."""
    return [axis_table(axis, device) for axis in window.axes(spatial)]


def visible_slots(tables: Sequence[AxisTable]) -> Tensor:
    """Whether slots of N-D windows hold a key: `[*spatial, prod(kernel_size)]`."""
    rank = len(tables)
    visible = torch.ones((), dtype=torch.bool, device=tables[0].visible.device)
    for axis, table in enumerate(tables):
        sides = [1] * (2 * rank)
        sides[axis], sides[rank + axis] = table.visible.shape
        visible = visible & table.visible.view(sides)
    return visible.flatten(rank)
