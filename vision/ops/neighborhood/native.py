"""The operators `nbv::neighborhood_attention` and its backward: schema, shapes, autograd, autocast and vmap.

Their kernels are C++, in `csrc`; `import vision._C` registers them.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vision.ops.common.checks import autocast_tensors
from vision.ops.common.second_order import second_derivatives
from vision.ops.common.vmap import dense_last, fold_vmap
from vision.ops.neighborhood import reference
from vision.ops.neighborhood.arguments import Call

_TENSORS = "Tensor query, Tensor key, Tensor value, Tensor? bias, Tensor? additional_keys, Tensor? additional_values"
_NUMBERS = "int[] kernel_size, int[] stride, int[] dilation, int[] is_causal, float scale"
_NUM_TENSORS = 6

# The definition lives as long as this object.
_LIBRARY = torch.library.Library("nbv", "DEF")
_LIBRARY.define(f"neighborhood_attention({_TENSORS}, {_NUMBERS}) -> (Tensor, Tensor)")
_LIBRARY.define(
    f"neighborhood_attention_backward(Tensor grad_output, Tensor grad_lse, {_TENSORS}, Tensor output, Tensor lse, "
    f"{_NUMBERS}) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)"
)
_FORWARD = torch.ops.nbv.neighborhood_attention.default
_BACKWARD = torch.ops.nbv.neighborhood_attention_backward.default


def neighborhood_attention(call: Call) -> tuple[Tensor, Tensor]:
    """Output `[B, *spatial, heads, value_dim]` and LSE `[B, *spatial, heads]`."""
    return _FORWARD(
        *[dense_last(tensor) for tensor in call.tensors],
        call.kernel_size,
        call.stride,
        call.dilation,
        [int(causal) for causal in call.is_causal],
        call.scale,
    )


def missing() -> str | None:
    """Why there are no kernels on this machine, or None."""
    return _MISSING


def why_not(call: Call) -> str | None:
    """Why the kernels cannot do `call`, or None."""
    return why_not_here(call.query.device.type)


def why_not_here(device: str) -> str | None:
    """Why there are no kernels for tensors of a type of device, here and now, or None."""
    if device != "cpu":
        return f"no kernels for {device} tensors"
    if _MISSING is None and not torch.compiler.is_compiling() and _in_gradient_transform():
        return "no torch.func gradients (grad, vjp, jvp, jacrev), which torch.library operators cannot have"
    return _MISSING


def _in_gradient_transform() -> bool:
    stack = torch._C._functorch.get_interpreter_stack()
    return bool(stack) and any(level.key() != torch._C._functorch.TransformType.Vmap for level in stack)


def _load_kernels() -> str | None:
    try:
        importlib.import_module("vision._C")
    except ModuleNotFoundError:
        return "vision._C is not built: pip install --no-build-isolation -e ."
    except ImportError as error:
        return f"vision._C is built, but cannot be loaded ({error}); build it again"
    return None


_MISSING = _load_kernels()


@torch.library.register_fake("nbv::neighborhood_attention", lib=_LIBRARY)
def _forward_shapes(query: Tensor, key: Tensor, value: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    shape = query.shape[:-1]
    lse = query.new_empty(shape, dtype=reference.compute_dtype(query.dtype))
    return query.new_empty((*shape, value.shape[-1])), lse


@torch.library.register_fake("nbv::neighborhood_attention_backward", lib=_LIBRARY)
def _backward_shapes(grad_output: Tensor, grad_lse: Tensor, query: Tensor, *rest: Any) -> tuple[Tensor, ...]:
    inputs = (query, *rest[: _NUM_TENSORS - 1])
    return tuple(query.new_empty(0) if t is None else t.new_empty(t.shape) for t in inputs)


def _save_forward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:_NUM_TENSORS], *output)
    ctx.numbers = inputs[_NUM_TENSORS:]


def _forward_gradient(ctx: Any, grad_output: Tensor, grad_lse: Tensor) -> tuple[Any, ...]:
    saved = ctx.saved_tensors
    inputs = saved[:_NUM_TENSORS]
    grads = _BACKWARD(dense_last(grad_output), grad_lse, *saved, *ctx.numbers)
    return (*_given(grads, inputs), *[None] * len(ctx.numbers))


def _save_backward(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[: 2 + _NUM_TENSORS])
    ctx.numbers = inputs[4 + _NUM_TENSORS :]


def _backward_gradient(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
    """Second derivatives, through the reference.

    Output and LSE are functions of the inputs, which the reference computes again: their share goes to the inputs.
    """
    upstream, inputs = ctx.saved_tensors[:2], ctx.saved_tensors[2:]
    second = second_derivatives(
        lambda *tensors: reference.neighborhood_attention(*tensors, *ctx.numbers), upstream, inputs, grads
    )
    return (*second, None, None, *[None] * len(ctx.numbers))


def _given(grads: Sequence[Tensor], inputs: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Gradients of the inputs that were given: for the others the operator returns an empty tensor."""
    return [None if t is None else g for g, t in zip(grads, inputs, strict=True)]


torch.library.register_autograd(
    "nbv::neighborhood_attention", _forward_gradient, setup_context=_save_forward, lib=_LIBRARY
)
torch.library.register_autograd(
    "nbv::neighborhood_attention_backward", _backward_gradient, setup_context=_save_backward, lib=_LIBRARY
)


def _register_autocast(device: str, key: str) -> None:
    """All tensors in autocast's dtype, as `scaled_dot_product_attention` has them."""

    def cast(*args: Any) -> tuple[Tensor, Tensor]:
        tensors = autocast_tensors(device, args[:_NUM_TENSORS])
        with torch.autocast(device, enabled=False):
            return _FORWARD(*tensors, *args[_NUM_TENSORS:])

    _LIBRARY.impl("neighborhood_attention", cast, key)


def _vmap_forward(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    return fold_vmap(_FORWARD, info.batch_size, in_dims, args, can_fold=in_dims[3] is None, shared=3)


def _vmap_backward(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    # The operator sums the gradient of the bias over the batch.
    return fold_vmap(_BACKWARD, info.batch_size, in_dims, args, can_fold=args[5] is None)


_register_autocast("cpu", "AutocastCPU")
_register_autocast("cuda", "AutocastCUDA")
torch.library.register_vmap("nbv::neighborhood_attention", _vmap_forward, lib=_LIBRARY)
torch.library.register_vmap("nbv::neighborhood_attention_backward", _vmap_backward, lib=_LIBRARY)
