"""The operators `nbv::match_attention` and its backward: schema, shapes, autograd, autocast and vmap.

Their kernels are C++, in `csrc`, for float32 and float64; half precision is computed in float32, and rounded.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vision.ops.common.second_order import second_derivatives
from vision.ops.common.vmap import dense_last, fold_vmap
from vision.ops.match import reference as match_reference
from vision.ops.neighborhood import native

MAX_SLOTS = 1024  # of a window, in csrc/cpu/match/problem.h
_TENSORS = "Tensor query, Tensor key, Tensor value, Tensor offset"
_NUMBERS = "int radius_x, int radius_y, float scale"
_NUM_TENSORS = 4

_LIBRARY = torch.library.Library("nbv", "FRAGMENT")
_LIBRARY.define(f"match_attention({_TENSORS}, {_NUMBERS}, bool need_weights) -> (Tensor, Tensor)")
_LIBRARY.define(
    f"match_attention_backward(Tensor grad_output, Tensor? grad_attn, {_TENSORS}, {_NUMBERS}) "
    "-> (Tensor, Tensor, Tensor, Tensor)"
)
_FORWARD = torch.ops.nbv.match_attention.default
_BACKWARD = torch.ops.nbv.match_attention_backward.default


def match_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    offset: Tensor,
    radius_x: int,
    radius_y: int,
    scale: float,
    need_weights: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """As `match_reference.match_attention`; without `need_weights` None in the place of the weights."""
    tensors = [dense_last(t.to(offset.dtype)) for t in (query, key, value, offset)]
    out, attn = _FORWARD(*tensors, radius_x, radius_y, scale, need_weights)
    return out.to(query.dtype), attn.to(query.dtype) if need_weights else None


def why_not(query: Tensor, radius_x: int, radius_y: int) -> str | None:
    """Why the kernels cannot do a call, or None."""
    slots = (2 * radius_x + 2) * (2 * radius_y + 2)
    if slots > MAX_SLOTS:
        return f"windows of at most {MAX_SLOTS} pixels, not {slots}"
    return native.why_not_here(query.device.type)


@torch.library.register_fake("nbv::match_attention", lib=_LIBRARY)
def _forward_shapes(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    offset: Tensor,
    radius_x: int,
    radius_y: int,
    scale: float,
    need_weights: bool,
) -> tuple[Tensor, Tensor]:
    slots = (2 * radius_x + 2) * (2 * radius_y + 2)
    return query.new_empty(query.shape), query.new_empty((*query.shape[:-1], slots) if need_weights else (0,))


@torch.library.register_fake("nbv::match_attention_backward", lib=_LIBRARY)
def _backward_shapes(grad_output: Tensor, grad_attn: Tensor | None, *inputs: Any) -> tuple[Tensor, ...]:
    return tuple(t.new_empty(t.shape) for t in inputs[:_NUM_TENSORS])


def _save_forward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*inputs[:_NUM_TENSORS])
    *ctx.numbers, ctx.need_weights = inputs[_NUM_TENSORS:]


def _forward_gradient(ctx: Any, grad_output: Tensor | None, grad_attn: Tensor | None) -> tuple[Any, ...]:
    if grad_output is None and grad_attn is None:
        return (None,) * (_NUM_TENSORS + 4)
    if grad_output is None:
        grad_output = torch.zeros_like(ctx.saved_tensors[0])
    grad_attn = dense_last(grad_attn) if ctx.need_weights else None
    grads = _BACKWARD(dense_last(grad_output), grad_attn, *ctx.saved_tensors, *ctx.numbers)
    return (*grads, None, None, None, None)


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[: 2 + _NUM_TENSORS])
    ctx.numbers = inputs[2 + _NUM_TENSORS :]


def _backward_gradient(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
    """Second derivatives, through the reference."""

    def forward(*inputs: Any) -> tuple[Tensor, ...]:
        out, attn = match_reference.match_attention(*inputs, *ctx.numbers)
        return (out,) if ctx.saved_tensors[1] is None else (out, attn)

    return (*second_derivatives(forward, ctx.saved_tensors[:2], ctx.saved_tensors[2:], grads), None, None, None)


torch.library.register_autograd("nbv::match_attention", _forward_gradient, setup_context=_save_forward, lib=_LIBRARY)
torch.library.register_autograd(
    "nbv::match_attention_backward", _backward_gradient, setup_context=_save_backward, lib=_LIBRARY
)


def _register_autocast(device: str, key: str) -> None:
    """In float32 (float64 where the centers are): the kernels have no other dtypes."""

    def cast(*args: Any) -> tuple[Tensor, Tensor]:
        dtype = torch.float64 if args[3].dtype == torch.float64 else torch.float32
        with torch.autocast(device, enabled=False):
            return _FORWARD(*[t.to(dtype) for t in args[:_NUM_TENSORS]], *args[_NUM_TENSORS:])

    _LIBRARY.impl("match_attention", cast, key)


def _vmap_forward(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    return fold_vmap(_FORWARD, info.batch_size, in_dims, args)


def _vmap_backward(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    return fold_vmap(_BACKWARD, info.batch_size, in_dims, args)


_register_autocast("cpu", "AutocastCPU")
_register_autocast("cuda", "AutocastCUDA")
torch.library.register_vmap("nbv::match_attention", _vmap_forward, lib=_LIBRARY)
torch.library.register_vmap("nbv::match_attention_backward", _vmap_backward, lib=_LIBRARY)
