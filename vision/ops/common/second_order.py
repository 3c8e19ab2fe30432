"""Second derivatives of operators whose kernels compute the first: through a reference in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def second_derivatives(
    forward: Callable[..., Sequence[Tensor]],
    upstream: Sequence[Tensor | None],
    inputs: Sequence[Tensor | None],
    grads: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Derivatives by `upstream` and `inputs` of the gradients that an operator's backward pass gives.

    Args:
        forward: the operator; computes in PyTorch from `inputs` what `upstream` are the gradients of.
        upstream: gradients that went into the backward pass; None where there was none.
        inputs: of the operator; None where one was not given.
        grads: gradients of what the backward pass returned, one per input; None where it returned nothing.
    """
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        # Aliases: a derivative by one input must not run through another that was computed from it.
        aliases: list[Any] = [None if t is None else _alias(t) for t in (*upstream, *inputs)]
        sources, aliased = aliases[: len(upstream)], aliases[len(upstream) :]
        given = [t for t in sources if t is not None]
        first = gradients(forward(*aliased), aliased, given, True)
        pairs = [(f, g) for f, g in zip(first, grads, strict=True) if f is not None and g is not None]
        return gradients([f for f, _ in pairs], aliases, [g for _, g in pairs], create_graph)


def gradients(
    outputs: Sequence[Any], inputs: Sequence[Any], upstream: Sequence[Any], create_graph: bool
) -> list[Tensor | None]:
    """Derivatives by the inputs that are not None."""
    wanted = [t for t in inputs if t is not None]
    grads = iter(torch.autograd.grad(outputs, wanted, upstream, create_graph=create_graph, materialize_grads=True))
    return [None if t is None else next(grads) for t in inputs]


def _alias(tensor: Tensor) -> Tensor:
    return tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
