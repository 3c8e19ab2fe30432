"""The operators `nbv::match_attention` and its backward: schema, shapes, autograd, autocast and vmap.

Their kernels are C++ and CUDA, in `csrc`, for float32 and float64; half precision is computed in float32, and rounded.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vision.ops.common import kernels
from vision.ops.common.registration import define, split
from vision.ops.common.second_order import second_derivatives
from vision.ops.common.vmap import dense_last
from vision.ops.match import reference
from vision.ops.match.arguments import Call

# Of a window: kMostMatchSlots of csrc/cpu/match/problem.h, kMostMatchCudaSlots of csrc/cuda/match/args.h.
MAX_SLOTS = 1024
MAX_CUDA_ELEMENTS = 2**31 - 1  # of a tensor: the kernels count them in 32 bits


def match_attention(call: Call) -> tuple[Tensor, Tensor | None]:
    """As `reference.match_attention`; without `need_weights` None in the place of the weights."""
    dtype = call.query.dtype
    tensors = [dense_last(t.to(call.offset.dtype)) for t in (call.query, call.key, call.value, call.offset)]
    out, attn = _FORWARD(*tensors, call.radius_x, call.radius_y, call.scale, call.need_weights)
    return out.to(dtype), attn.to(dtype) if call.need_weights else None


def why_not(call: Call) -> str | None:
    """Why the kernels cannot do `call`, or None."""
    slots = _count_slots(call.radius_x, call.radius_y)
    if slots > MAX_SLOTS:
        return f"windows of at most {MAX_SLOTS} pixels, not {slots}"
    device = call.query.device
    if device.type == "cuda":
        most = call.query.numel() // call.query.shape[-1] * max(call.query.shape[-1], slots)
        if most > MAX_CUDA_ELEMENTS:
            return f"tensors of at most 2^31 - 1 elements on CUDA, not {most}"
    return kernels.why_not(device, has_cuda=True)


def _count_slots(radius_x: int, radius_y: int) -> int:
    return (2 * radius_x + 2) * (2 * radius_y + 2)


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
    weights = (*query.shape[:-1], _count_slots(radius_x, radius_y)) if need_weights else (0,)
    return query.new_empty(query.shape), query.new_empty(weights)


def _backward_shapes(grad_output: Tensor, grad_attn: Tensor | None, *arguments: Any) -> tuple[Tensor, ...]:
    inputs, _ = split(arguments)
    return tuple(t.new_empty(t.shape) for t in inputs)


def _save_forward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.set_materialize_grads(False)
    query, key, value, offset, *ctx.numbers, ctx.need_weights = inputs
    ctx.save_for_backward(query, key, value, offset)


def _forward_gradient(ctx: Any, grad_output: Tensor | None, grad_attn: Tensor | None) -> tuple[Any, ...]:
    inputs = ctx.saved_tensors
    none = [None] * (len(ctx.numbers) + 1)  # for the numbers and `need_weights`
    if grad_output is None and grad_attn is None:
        return (*[None] * len(inputs), *none)
    if grad_output is None:
        query, *_ = inputs
        grad_output = torch.zeros_like(query)
    grad_attn = dense_last(grad_attn) if ctx.need_weights else None
    return (*_BACKWARD(dense_last(grad_output), grad_attn, *inputs, *ctx.numbers), *none)


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    tensors, ctx.numbers = split(inputs)
    ctx.save_for_backward(*tensors)


def _backward_gradient(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
    """Second derivatives, through the reference."""
    grad_output, grad_attn, *inputs = ctx.saved_tensors

    def forward(*tensors: Any) -> tuple[Tensor, ...]:
        out, attn = reference.match_attention(*tensors, *ctx.numbers)
        return (out,) if grad_attn is None else (out, attn)

    second = second_derivatives(forward, (grad_output, grad_attn), inputs, grads)
    return (*second, *[None] * len(ctx.numbers))


def _autocast(device: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """In float32 (float64 where the centers are): the kernels have no other dtypes."""
    tensors, numbers = split(arguments)
    *_, offset = tensors
    dtype = torch.float64 if offset.dtype == torch.float64 else torch.float32
    return *[t.to(dtype) for t in tensors], *numbers


_TENSORS = "Tensor query, Tensor key, Tensor value, Tensor offset"
_NUMBERS = "int radius_x, int radius_y, float scale"

_FORWARD = define(
    f"match_attention({_TENSORS}, {_NUMBERS}, bool need_weights) -> (Tensor, Tensor)",
    shapes=_forward_shapes,
    save=_save_forward,
    gradient=_forward_gradient,
    autocast=_autocast,
)
_BACKWARD = define(
    f"match_attention_backward(Tensor grad_output, Tensor? grad_attn, {_TENSORS}, {_NUMBERS}) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
    shapes=_backward_shapes,
    save=_save_backward,
    gradient=_backward_gradient,
)
