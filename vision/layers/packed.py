"""Linear layers and convolutions that keep their weights in oneDNN's own order between inference calls on a CPU.

Plain layers have their weights put in order anew at every call, which costs small batches a third of their time. Values
are the same up to rounding. Wherever anything but plain inference goes on (gradients, tracing, compilation, autocast,
subclasses of tensors, function transforms) these layers are `nn.Linear` and `nn.Conv2d`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PackedLinear(nn.Linear):
    """`nn.Linear`, if wanted with a GELU after it or a shortcut added to it, in the same pass over memory."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self._cache = PackedWeight()

    def forward(self, x: Tensor, gelu: bool = False, shortcut: Tensor | None = None) -> Tensor:
        """`[..., in_features]` -> `[..., out_features]`: GELU of the product if wanted, then plus `shortcut`."""
        if _is_plain_inference(x, self.weight) and (shortcut is None or shortcut.dtype == x.dtype):
            weight = self._cache.get(self.weight, _pack_linear)
            if shortcut is None:
                activation, variant = ("gelu", "none") if gelu else ("none", "")
                return torch.ops.mkldnn._linear_pointwise(x, weight, self.bias, activation, [], variant)
            if not gelu:
                return torch.ops.mkldnn._linear_pointwise.binary(x, shortcut, weight, self.bias, "add")
        out = F.linear(x, self.weight, self.bias)
        out = F.gelu(out) if gelu else out
        return out if shortcut is None else shortcut + out


class PackedConv2d(nn.Conv2d):
    """`nn.Conv2d` with zeros as padding; the fastest input is channels-last."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **options)
        self._cache = PackedWeight()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, out_channels, H', W']`."""
        if not _is_plain_inference(x, self.weight):
            return super().forward(x)
        geometry = (self.padding, self.stride, self.dilation, self.groups)
        weight = self._cache.get(
            self.weight, lambda w: torch.ops.mkldnn._reorder_convolution_weight(w, *geometry, tuple(x.shape))
        )
        return torch.ops.mkldnn._convolution_pointwise(x, weight, self.bias, *geometry, "none", [], "")


class PackedWeight:
    """The copy of a weight in oneDNN's order, made when it is first asked for and again when the weight has changed.

    A change shows in the tensor's version, its memory, or, for edits through `.data`, which leave no version behind, in
    the weight's first row. Copies of a module and its pickles start without one.
    """

    def __init__(self) -> None:
        self._made: tuple[tuple[int, int], Tensor, Tensor, Tensor] | None = None

    def get(self, weight: Tensor, pack: Callable[[Tensor], Tensor]) -> Tensor:
        """`pack(weight)`, from before if the weight is still the same."""
        made = self._made  # read once: another thread may replace it
        state = (weight.data_ptr(), weight._version)
        if made is None or made[0] != state or not torch.equal(made[1], made[2]):
            row = weight.detach()[0]
            made = self._made = (state, row, row.clone(), pack(weight.detach()))
        return made[3]

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedWeight, ()


def _pack_linear(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight)


def _is_plain_inference(x: Tensor, weight: Tensor) -> bool:
    return (
        not torch.is_grad_enabled()
        and type(x) is Tensor
        and type(weight) is nn.Parameter
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
        and x.numel() > 0
        and not weight.is_inference()
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
        and not torch.is_autocast_enabled("cpu")
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._functorch.peek_interpreter_stack() is None
        and bool(torch.backends.mkldnn.enabled)
        and torch.backends.mkldnn.is_available()
    )
