"""What a model costs, from shapes alone: parameters and multiply-accumulates (MACs), without computing anything.

Counted are linear layers, convolutions, matrix products and attention, with neighborhood attention as the products of
queries with keys and weights with values over all slots of every window, padding included. Biases (relative position
biases, too), norms, activations, softmax, pooling, resizing and Fourier transforms are not. So counted, all NAT, DiNAT
and DiNAT_s models have the figures of `backbones.neighborhood.variants`, to their last digit.

The authors' script counts with fvcore and so adds norms (5 per value) and relative position biases: 0.7 % more for
NAT-Mini, 0.25 % for DiNAT-Large at 384 x 384. Some tables of theirs have such figures, 89.7 instead of 89.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import vision.ops  # noqa: F401 - tells torch's counter of our operators
from vision.errors import UsageError


class Cost(NamedTuple):
    """Parameters, and multiply-accumulates of one image (None: not counted)."""

    parameters: int
    macs: int | None


def model_cost(model: nn.Module, image_size: tuple[int, int], **arguments: Any) -> Cost:
    """Count one forward pass of an image `[1, 3, H, W]`.

    Args:
        model: on any device; on the meta device it costs no memory.
        image_size: height and width in pixels.
        arguments: further ones of the model's `forward`.

    Raises:
        UsageError: the model cannot take this size, or its way depends on values and it has none.
    """
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Cost(parameters, _forward_flop(model, (1, 3, *image_size), arguments) // 2)


def _forward_flop(model: nn.Module, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> int:
    try:
        with torch.no_grad():
            return counted_flop(lambda: _run_fake(model, shape, arguments))
    except DataDependentOutputException:
        if any(parameter.is_meta for parameter in model.parameters()):
            raise UsageError("the model looks at values to choose what it computes; build it on the CPU") from None
        with torch.no_grad():
            return counted_flop(lambda: model(torch.zeros(shape), **arguments))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise UsageError(f"the model does not take images of {shape[2]} x {shape[3]} pixels: {reason}") from error


def counted_flop(run: Callable[[], object]) -> int:
    """FLOP of what a call computes, backward passes in it, too, counted as said above: two per multiply-accumulate."""
    # torch has no formula for its fused attention on the CPU; in MATH it is made of products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def _run_fake(model: nn.Module, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> None:
    """Run on tensors that have a shape and no values. They say they are on the CPU, where our operator has kernels."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        state: dict[str, Tensor] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        fake = {name: torch.empty(tensor.shape, dtype=tensor.dtype) for name, tensor in state.items()}
        torch.func.functional_call(model, fake, (torch.empty(shape),), dict(arguments))
