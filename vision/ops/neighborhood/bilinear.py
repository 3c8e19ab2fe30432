"""Products of a neighborhood with its queries: three operators, each of which has its derivatives among the other two.

With n(i, j) the key in slot j of the window of query i:
- `nbv::neighborhood_qk`: a[i, j] = q[i] . k[n(i, j)]
- `nbv::neighborhood_av`: o[i] = sum over j of a[i, j] v[n(i, j)]
- `nbv::neighborhood_av_transposed`: v[m] = sum over (i, j) with n(i, j) = m of a[i, j] o[i]

They go slot by slot, or through products of matrices where windows are large (`vision.ops.neighborhood.bands`), so
that no tensor of `tokens * prod(kernel_size) * dim` numbers is ever made, but for torch.func's derivatives and
forward-mode ones: those go through PyTorch's own operators, over copies of the windows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from vision.ops.common import transforms
from vision.ops.common.registration import define
from vision.ops.neighborhood import bands
from vision.ops.neighborhood.arguments import Window
from vision.ops.neighborhood.reference import gather_windows, group_heads
from vision.ops.neighborhood.window import axis_tables, visible_slots


def neighborhood_qk(query: Tensor, key: Tensor, window: Window) -> Tensor:
    """`[B, *spatial, heads, dim]` and `[B, *spatial, heads_kv, dim]` -> `[B, *spatial, heads, prod(kernel_size)]`.

    A slot that holds no key is zero.
    """
    if transforms.are_active():
        return _transformable_qk(query, key, window)
    return _QK(query, key, *window.numbers)


def neighborhood_av(attn: Tensor, value: Tensor, window: Window) -> Tensor:
    """`[B, *spatial, heads, prod(kernel_size)]` and `[B, *spatial, heads_kv, dim]` -> `[B, *spatial, heads, dim]`.

    A slot that holds no key is not read.
    """
    if transforms.are_active():
        return _transformable_av(attn, value, window)
    return _AV(attn, value, *window.numbers)


def _transformable_qk(query: Tensor, key: Tensor, window: Window) -> Tensor:
    tables = axis_tables(query.shape[1:-2], window, query.device)
    keys = gather_windows(key, tables)
    logits = (group_heads(query, key.shape[-2]) @ keys.transpose(-1, -2)).flatten(-3, -2)
    return logits.masked_fill(~visible_slots(tables).unsqueeze(-2), 0) if any(window.is_causal) else logits


def _transformable_av(attn: Tensor, value: Tensor, window: Window) -> Tensor:
    tables = axis_tables(attn.shape[1:-2], window, attn.device)
    if any(window.is_causal):
        attn = attn.masked_fill(~visible_slots(tables).unsqueeze(-2), 0)
    return (group_heads(attn, value.shape[-2]) @ gather_windows(value, tables)).flatten(-3, -2)


def _slots(spatial: Sequence[int], window: Window, device: torch.device) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Of every slot of the windows: its key `[N]` among the N tokens, and whether it holds one `[N]` (None: always)."""
    tables = axis_tables(spatial, window, device)
    for offset in itertools.product(*[range(k) for k in window.kernel_size]):
        key = torch.zeros((), dtype=torch.int64, device=device)
        visible = torch.ones((), dtype=torch.bool, device=device)
        for length, table, j in zip(spatial, tables, offset, strict=True):
            key = key[..., None] * length + table.keys[:, j]
            visible = visible[..., None] & table.visible[:, j]
        yield key.flatten(), visible.flatten() if any(window.is_causal) else None


def _grouped(grid: Tensor, rank: int, heads_kv: int) -> Tensor:
    """`[B, *spatial, heads, C]` -> `[B, N, heads_kv, group, C]`."""
    return grid.flatten(1, rank).unflatten(2, (heads_kv, grid.shape[-2] // heads_kv))


def _qk(query: Tensor, key: Tensor, *numbers: Sequence[int]) -> Tensor:
    rank, spatial = query.dim() - 3, query.shape[1:-2]
    q, k = _grouped(query, rank, key.shape[-2]), key.flatten(1, rank)
    plan = bands.make_plan(spatial, Window.from_numbers(*numbers), k)
    if plan is not None:
        return bands.qk(q, k, plan).flatten(2, 3).unflatten(1, spatial)
    slots = []
    for index, visible in _slots(spatial, Window.from_numbers(*numbers), query.device):
        logits = (q * k.index_select(1, index).unsqueeze(3)).sum(-1)
        slots.append(logits if visible is None else logits.masked_fill(~visible[:, None, None], 0))
    return torch.stack(slots, dim=-1).flatten(2, 3).unflatten(1, spatial).contiguous()


def _av(attn: Tensor, value: Tensor, *numbers: Sequence[int]) -> Tensor:
    rank, spatial = attn.dim() - 3, attn.shape[1:-2]
    a, v = _grouped(attn, rank, value.shape[-2]), value.flatten(1, rank)
    plan = bands.make_plan(spatial, Window.from_numbers(*numbers), v)
    if plan is not None:
        return bands.av(a, v, plan).flatten(2, 3).unflatten(1, spatial)
    slots = _slots(spatial, Window.from_numbers(*numbers), attn.device)
    out = v.new_zeros((*a.shape[:-1], v.shape[-1]))
    for slot, (index, visible) in zip(a.unbind(-1), slots, strict=True):
        weight = slot if visible is None else slot.masked_fill(~visible[:, None, None], 0)
        out.addcmul_(weight.unsqueeze(-1), v.index_select(1, index).unsqueeze(3))
    return out.flatten(2, 3).unflatten(1, spatial).contiguous()


def _av_transposed(attn: Tensor, output: Tensor, heads_kv: int, *numbers: Sequence[int]) -> Tensor:
    rank, spatial = attn.dim() - 3, attn.shape[1:-2]
    a, o = _grouped(attn, rank, heads_kv), _grouped(output, rank, heads_kv)
    plan = bands.make_plan(spatial, Window.from_numbers(*numbers), o)
    if plan is not None:
        return bands.av_transposed(a, o, plan).unflatten(1, spatial)
    slots = _slots(spatial, Window.from_numbers(*numbers), attn.device)
    value = o.new_zeros((*o.shape[:3], o.shape[-1]))
    for slot, (index, visible) in zip(a.unbind(-1), slots, strict=True):
        weight = slot if visible is None else slot.masked_fill(~visible[:, None, None], 0)
        value.index_add_(1, index, (weight.unsqueeze(-1) * o).sum(3))
    return value.unflatten(1, spatial).contiguous()


def _qk_shape(query: Tensor, key: Tensor, kernel_size: Sequence[int], *_: Any) -> Tensor:
    return query.new_empty((*query.shape[:-1], math.prod(kernel_size)))


def _av_shape(attn: Tensor, value: Tensor, *_: Any) -> Tensor:
    return attn.new_empty((*attn.shape[:-1], value.shape[-1]))


def _av_transposed_shape(attn: Tensor, output: Tensor, heads_kv: int, *_: Any) -> Tensor:
    return output.new_empty((*output.shape[:-2], heads_kv, output.shape[-1]))


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    one, other, *ctx.numbers = inputs
    ctx.save_for_backward(one, other)


def _save_transposed(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    attn, values, _heads_kv, *ctx.numbers = inputs
    ctx.save_for_backward(attn, values)


def _qk_gradient(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    query, key = ctx.saved_tensors
    grad_query = _AV(grad, key, *ctx.numbers) if ctx.needs_input_grad[0] else None
    grad_key = _AV_TRANSPOSED(grad, query, key.shape[-2], *ctx.numbers) if ctx.needs_input_grad[1] else None
    return grad_query, grad_key, *[None] * 4


def _av_gradient(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    attn, value = ctx.saved_tensors
    grad_attn = _QK(grad, value, *ctx.numbers) if ctx.needs_input_grad[0] else None
    grad_value = _AV_TRANSPOSED(attn, grad, value.shape[-2], *ctx.numbers) if ctx.needs_input_grad[1] else None
    return grad_attn, grad_value, *[None] * 4


def _av_transposed_gradient(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    attn, output = ctx.saved_tensors
    grad_attn = _QK(output, grad, *ctx.numbers) if ctx.needs_input_grad[0] else None
    grad_output = _AV(attn, grad, *ctx.numbers) if ctx.needs_input_grad[1] else None
    return grad_attn, grad_output, *[None] * 5


_NUMBERS = "int[] kernel_size, int[] stride, int[] dilation, int[] is_causal"
_QK = define(
    f"neighborhood_qk(Tensor query, Tensor key, {_NUMBERS}) -> Tensor",
    kernel=_qk,
    shapes=_qk_shape,
    save=_save,
    gradient=_qk_gradient,
)
_AV = define(
    f"neighborhood_av(Tensor attn, Tensor value, {_NUMBERS}) -> Tensor",
    kernel=_av,
    shapes=_av_shape,
    save=_save,
    gradient=_av_gradient,
)
_AV_TRANSPOSED = define(
    f"neighborhood_av_transposed(Tensor attn, Tensor output, int heads_kv, {_NUMBERS}) -> Tensor",
    kernel=_av_transposed,
    shapes=_av_transposed_shape,
    save=_save_transposed,
    gradient=_av_transposed_gradient,
)
