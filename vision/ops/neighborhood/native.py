"""The operators `nbv::neighborhood_attention` and its backward: schema, shapes, autograd, autocast and vmap.

Their kernels are C++, in `csrc`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor

from vision.ops.common import kernels
from vision.ops.common.precision import autocast_tensors, compute_dtype
from vision.ops.common.registration import define, split
from vision.ops.common.second_order import second_derivatives
from vision.ops.common.vmap import dense_last
from vision.ops.neighborhood import reference
from vision.ops.neighborhood.arguments import Call, Window


def neighborhood_attention(call: Call) -> tuple[Tensor, Tensor]:
    """Output `[B, *spatial, heads, value_dim]` and LSE `[B, *spatial, heads]`."""
    return _FORWARD(*[dense_last(tensor) for tensor in call.tensors], *call.window.numbers, call.scale)


def why_not(call: Call) -> str | None:
    """Why the kernels cannot do `call`, or None."""
    return kernels.why_not(call.query.device.type)


def _forward_shapes(query: Tensor, key: Tensor, value: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    shape = query.shape[:-1]
    return query.new_empty((*shape, value.shape[-1])), query.new_empty(shape, dtype=compute_dtype(query.dtype))


def _backward_shapes(grad_output: Tensor, grad_lse: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    (*inputs, _output, _lse), _ = split(arguments)
    return tuple(grad_output.new_empty(0) if t is None else t.new_empty(t.shape) for t in inputs)


def _save_forward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    query, key, value, bias, additional_keys, additional_values, *ctx.numbers = inputs
    ctx.save_for_backward(query, key, value, bias, additional_keys, additional_values, *output)


def _forward_gradient(ctx: Any, grad_output: Tensor, grad_lse: Tensor) -> tuple[Any, ...]:
    saved = ctx.saved_tensors
    *inputs, _output, _lse = saved
    grads = _BACKWARD(dense_last(grad_output), grad_lse, *saved, *ctx.numbers)
    return (*_given(grads, inputs), *[None] * len(ctx.numbers))


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    (*tensors, _output, _lse), ctx.numbers = split(inputs)
    ctx.save_for_backward(*tensors)


def _backward_gradient(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
    """Second derivatives, through the reference.

    Output and LSE are functions of the inputs, which the reference computes again: their share goes to the inputs.
    """
    grad_output, grad_lse, *inputs = ctx.saved_tensors
    *window, scale = ctx.numbers
    forward = partial(reference.neighborhood_attention, window=Window.from_numbers(*window), scale=scale)
    second = second_derivatives(forward, (grad_output, grad_lse), inputs, grads)
    return (*second, None, None, *[None] * len(ctx.numbers))


def _given(grads: Sequence[Tensor], inputs: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Gradients of the inputs that were given: for the others the operator returns an empty tensor."""
    return [None if t is None else g for g, t in zip(grads, inputs, strict=True)]


def _autocast(device: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """All tensors in autocast's dtype, as `scaled_dot_product_attention` has them."""
    tensors, numbers = split(arguments)
    return *autocast_tensors(device, tensors), *numbers


_TENSORS = "Tensor query, Tensor key, Tensor value, Tensor? bias, Tensor? additional_keys, Tensor? additional_values"
_NUMBERS = "int[] kernel_size, int[] stride, int[] dilation, int[] is_causal, float scale"
_BIAS = 3  # its place: it has no batch axis

_FORWARD = define(
    f"neighborhood_attention({_TENSORS}, {_NUMBERS}) -> (Tensor, Tensor)",
    shapes=_forward_shapes,
    save=_save_forward,
    gradient=_forward_gradient,
    autocast=_autocast,
    can_fold=lambda in_dims, arguments: in_dims[_BIAS] is None,
    shared=_BIAS,
)
_BACKWARD = define(
    f"neighborhood_attention_backward(Tensor grad_output, Tensor grad_lse, {_TENSORS}, Tensor output, Tensor lse, "
    f"{_NUMBERS}) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    shapes=_backward_shapes,
    save=_save_backward,
    gradient=_backward_gradient,
    # The operator sums the gradient of the bias over the batch.
    can_fold=lambda in_dims, arguments: arguments[2 + _BIAS] is None,
)
