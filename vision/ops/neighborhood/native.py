"""The operators `nbv::neighborhood_attention` and its backward: schema, shapes, autograd, autocast and vmap.

Their kernels are C++ and CUDA, in `csrc`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vision.ops.common import kernels
from vision.ops.common.needed import needed_gradients, with_node
from vision.ops.common.precision import autocast_tensors, compute_dtype
from vision.ops.common.registration import define, split
from vision.ops.common.second_order import second_derivatives
from vision.ops.common.tracing import constant
from vision.ops.common.vmap import dense_last
from vision.ops.neighborhood import reference
from vision.ops.neighborhood.arguments import Call, Window

# Bits of the backward operator's `wanted`: query, key, value, bias, additional keys, additional values.
ALL_GRADIENTS = 0b111111
# Limits of the kernels for CUDA, which count in 32 bits: csrc/cuda/neighborhood/args.h.
MAX_CUDA_DIM = 256
MAX_CUDA_TOKENS = 2**30 - 1  # along an axis
MAX_CUDA_COUNT = 2**31 - 1  # queries of all samples and heads, elements of the bias


def neighborhood_attention(call: Call) -> tuple[Tensor, Tensor]:
    """Output `[B, *spatial, heads, value_dim]` and LSE `[B, *spatial, heads]`."""
    tensors = [with_node(dense_last(tensor)) for tensor in call.tensors]
    return _FORWARD(*tensors, *call.window.numbers, call.scale, _may_use_tf32(call.query))


def why_not(call: Call) -> str | None:
    """Why the kernels cannot do `call`, or None."""
    query = call.query
    on_cuda = query.is_cuda  # a fifth of what `device.type` takes, and small calls take some microseconds in all
    half = on_cuda and query.dtype in (torch.float16, torch.bfloat16)
    reason = kernels.why_not(query.device, has_cuda=True, half=half)
    if reason is not None or not on_cuda:
        return reason
    dim = max(query.shape[-1], call.value.shape[-1])
    if dim > MAX_CUDA_DIM:
        return f"head dims of at most {MAX_CUDA_DIM} on CUDA, not {dim}"
    extra = 0 if call.additional_keys is None else call.additional_keys.shape[1]
    tokens = max(*query.shape[1:-2], extra)
    if tokens > MAX_CUDA_TOKENS:
        return f"axes of at most 2^30 - 1 tokens on CUDA, not {tokens}"
    queries = math.prod(query.shape[:-1])
    if queries > MAX_CUDA_COUNT:
        return f"at most 2^31 - 1 queries of all samples and heads on CUDA, not {queries}"
    if call.bias is not None and call.bias.numel() > MAX_CUDA_COUNT:
        return f"a bias of at most 2^31 - 1 elements on CUDA, not {call.bias.numel()}"
    if call.bias is not None and (places := _bias_places(call)) > MAX_CUDA_COUNT:
        return f"a bias with at most 2^31 - 1 places on the map on CUDA, not {places}"
    return None


def _bias_places(call: Call) -> int:
    """Kernels take the place of a pair in the bias from places of its key and its query on the whole map."""
    places = 0
    for length, kernel in zip(call.query.shape[1:-2], call.window.kernel_size, strict=True):
        places = places * (2 * kernel - 1) + length
    return places


def _may_use_tf32(query: Tensor) -> bool:
    """Whether products of float32 on CUDA may be in TF32: as torch's own matrix products, by the same switch.

    It is an argument of the operator, and kept for the backward pass: that computes the logits again and compares them
    with the LSE of the forward pass, so both must round alike, whatever the switch says by then. C++ could not read it:
    torch's stable ABI does not have it.
    """
    return query.is_cuda and query.dtype == torch.float32 and _tf32_is_allowed()


@constant  # Dynamo cannot trace it, but compiles again where the switch was changed
def _tf32_is_allowed() -> bool:
    # Not `allow_tf32`: torch raises there once the precision was set by its newer name, the one read here.
    return torch.backends.cuda.matmul.fp32_precision == "tf32"


def _forward_shapes(query: Tensor, key: Tensor, value: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    shape = query.shape[:-1]
    return query.new_empty((*shape, value.shape[-1])), query.new_empty(shape, dtype=compute_dtype(query.dtype))


def _backward_shapes(grad_output: Tensor, grad_lse: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    (*inputs, _output, _lse), numbers = split(arguments)
    wanted = _are_wanted(numbers[-1] if len(numbers) == _COUNT else ALL_GRADIENTS, inputs)
    return tuple(t.new_empty(t.shape) if w else grad_output.new_empty(0) for t, w in zip(inputs, wanted, strict=True))


def _save_forward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    query, key, value, bias, additional_keys, additional_values, *ctx.numbers = inputs
    ctx.save_for_backward(query, key, value, bias, additional_keys, additional_values, *output)


def _forward_gradient(ctx: Any, grad_output: Tensor, grad_lse: Tensor) -> tuple[Any, ...]:
    saved = ctx.saved_tensors
    *inputs, _output, _lse = saved
    wanted = sum(1 << i for i, needed in enumerate(needed_gradients(ctx, inputs)) if needed)
    grads = _BACKWARD(dense_last(grad_output), grad_lse, *saved, *ctx.numbers, wanted)
    return (*_given(grads, _are_wanted(wanted, inputs)), *[None] * len(ctx.numbers))


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    (*tensors, _output, _lse), (*ctx.numbers, ctx.wanted) = split(inputs)
    ctx.save_for_backward(*tensors)


def _backward_gradient(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
    """Second derivatives, through the reference.

    Output and LSE are functions of the inputs, which the reference computes again: their share goes to the inputs.
    """
    grad_output, grad_lse, *inputs = ctx.saved_tensors
    *window, scale, _tf32 = ctx.numbers
    forward = partial(reference.neighborhood_attention, window=Window.from_numbers(*window), scale=scale)
    wanted = _given(grads, _are_wanted(ctx.wanted, inputs))
    second = second_derivatives(forward, (grad_output, grad_lse), inputs, wanted)
    return (*second, None, None, *[None] * len(ctx.numbers), None)


def _are_wanted(bits: int, inputs: Sequence[Tensor | None]) -> list[bool]:
    """Which gradients the operator computes: of the inputs that were given, those that `bits` names."""
    return [t is not None and bool(bits >> i & 1) for i, t in enumerate(inputs)]


def _given(grads: Sequence[Tensor], wanted: Sequence[bool]) -> list[Tensor | None]:
    """The gradients that are wanted: for the others the operator returns an empty tensor."""
    return [g if w else None for g, w in zip(grads, wanted, strict=True)]


def _autocast(device: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """All tensors in autocast's dtype, as `scaled_dot_product_attention` has them."""
    tensors, numbers = split(arguments)
    return *autocast_tensors(device, tensors), *numbers


_TENSORS = "Tensor query, Tensor key, Tensor value, Tensor? bias, Tensor? additional_keys, Tensor? additional_values"
_NUMBERS = "int[] kernel_size, int[] stride, int[] dilation, int[] is_causal, float scale, bool tf32=False"
_BIAS = 3  # its place: it has no batch axis
_COUNT = 7  # of the backward operator's numbers, `wanted` the last

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
    f"{_NUMBERS}, int wanted={ALL_GRADIENTS}) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    shapes=_backward_shapes,
    save=_save_backward,
    gradient=_backward_gradient,
    # The operator sums the gradient of the bias over the batch.
    can_fold=lambda in_dims, arguments: arguments[2 + _BIAS] is None,
)
