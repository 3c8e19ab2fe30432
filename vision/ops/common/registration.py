"""Registration of an operator with torch: schema, shapes, derivatives, autocast, vmap.

In the schemas of this suite all tensors stand before all numbers. Kernels register themselves, see `kernels`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from vision.ops.common.vmap import fold_vmap

Arguments = tuple[Any, ...]

# Definitions live as long as this object.
_LIBRARY = torch.library.Library("nbv", "FRAGMENT")
_DEFINED: set[str] = set()


def define(
    schema: str,
    *,
    shapes: Callable[..., Any],
    save: Callable[..., None],
    gradient: Callable[..., Arguments],
    kernel: Callable[..., Any] | None = None,
    autocast: Callable[[str, Arguments], Arguments] | None = None,
    can_fold: Callable[[Arguments, Arguments], bool] | None = None,
    shared: int | None = None,
) -> Any:
    """The operator `nbv::name(...)`; what is there where the same was defined before, as when a module is reloaded.

    Args:
        schema: as `torch.library.Library.define` takes it.
        shapes: outputs without values, for tracing.
        save: called as `save(ctx, inputs=..., output=...)`; keeps in autograd's context what `gradient` needs.
        gradient: from that context and the gradients of the outputs, those of the inputs.
        kernel: computes it in PyTorch on any device; None if it has compiled kernels only.
        autocast: arguments as they must be under autocast on a type of device; None leaves them as they are.
        can_fold: whether an axis of vmap can be a part of the batch, from where it is in each argument, and these
            arguments; None: always.
        shared: which argument has no batch axis.
    """
    name = schema.partition("(")[0]
    if schema in _DEFINED:
        return getattr(torch.ops.nbv, name).default
    _LIBRARY.define(schema)
    _DEFINED.add(schema)
    operator = getattr(torch.ops.nbv, name).default
    if kernel is not None:
        _LIBRARY.impl(name, kernel, "CompositeExplicitAutograd")
    torch.library.register_fake(f"nbv::{name}", shapes, lib=_LIBRARY)
    torch.library.register_autograd(f"nbv::{name}", _without_tangents(name, gradient), setup_context=save, lib=_LIBRARY)
    if autocast is not None:
        for device, key in (("cpu", "AutocastCPU"), ("cuda", "AutocastCUDA")):
            _LIBRARY.impl(name, _with_autocast(operator, device, autocast), key)
    torch.library.register_vmap(f"nbv::{name}", _with_vmap(operator, can_fold, shared), lib=_LIBRARY)
    return operator


def split(arguments: Arguments) -> tuple[Arguments, Arguments]:
    """Tensors (None where one was not given) and numbers of an operator's arguments."""
    tensors = tuple(itertools.takewhile(lambda value: value is None or isinstance(value, Tensor), arguments))
    return tensors, arguments[len(tensors) :]


def _without_tangents(name: str, gradient: Callable[..., Arguments]) -> Callable[..., Arguments]:
    """`gradient`, but an error where torch would drop tangents of what it gets, and give no derivative silently."""

    def run(ctx: Any, *grads: Any) -> Arguments:
        if forward_ad._current_level >= 0 and any(
            forward_ad.unpack_dual(g).tangent is not None for g in _tensors(grads)
        ):
            raise RuntimeError(
                f"nbv::{name} has no forward-mode derivative of its gradient; call it inside of the dual level or "
                "transform, too, where PyTorch's own operators take its place"
            )
        return gradient(ctx, *grads)

    return run


def _tensors(values: Arguments) -> list[Tensor]:
    return [value for value in values if isinstance(value, Tensor)]


def _with_autocast(operator: Any, device: str, autocast: Callable[[str, Arguments], Arguments]) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        cast = autocast(device, arguments)
        with torch.autocast(device, enabled=False):  # the next kernel is found below autocast
            return operator(*cast)

    return run


def _with_vmap(
    operator: Any, can_fold: Callable[[Arguments, Arguments], bool] | None, shared: int | None
) -> Callable[..., Any]:
    is_single = len(operator._schema.returns) == 1

    def run(info: Any, in_dims: Arguments, *arguments: Any) -> tuple[Any, Any]:
        outputs, out_dims = fold_vmap(
            (lambda *folded: (operator(*folded),)) if is_single else operator,
            info.batch_size,
            in_dims,
            arguments,
            can_fold=can_fold is None or can_fold(in_dims, arguments),
            shared=shared,
        )
        return (outputs[0], out_dims[0]) if is_single else (outputs, out_dims)

    return run
