"""Linear layers and convolutions that keep their weights in oneDNN's own order between inference calls on a CPU.

Plain layers have their weights put in order anew at every call, which costs small batches a third of their time. Values
are the same up to rounding. Wherever anything but plain inference goes on (gradients, tracing, compilation, subclasses
of tensors, function transforms) these layers are `nn.Linear` and `nn.Conv2d`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F


class PackedLinear(nn.Linear):
    """`nn.Linear`, if wanted with a GELU after it or a shortcut added to it, in the same pass over memory."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self._cache = PackedWeight()

    def forward(self, x: Tensor, gelu: bool = False, shortcut: Tensor | None = None) -> Tensor:
        """`[..., in_features]` -> `[..., out_features]`: GELU of the product if wanted, then plus `shortcut`."""
        dtype = _inference_dtype(x, self.weight)
        if dtype is None or x.shape[-1] != self.weight.shape[1]:  # torch's error is readable, oneDNN's is not
            out = F.linear(x, self.weight, self.bias)
            out = F.gelu(out) if gelu else out
            return out if shortcut is None else shortcut + out
        x, bias = x.to(dtype), None if self.bias is None else self.bias.to(dtype)
        weight = self._cache.get(self.weight, dtype, torch.ops.mkldnn._reorder_linear_weight)
        fits = shortcut is not None and shortcut.dtype == dtype and shortcut.shape == (*x.shape[:-1], len(self.weight))
        if fits and not gelu:
            return torch.ops.mkldnn._linear_pointwise.binary(x, shortcut, weight, bias, "add")
        activation, variant = ("gelu", "none") if gelu else ("none", "")
        out = torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], variant)
        return out if shortcut is None else shortcut + out


class PackedConv2d(nn.Conv2d):
    """`nn.Conv2d`; packed where the input has a batch and the padding is numbers of zeros, fastest if channels-last."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> None:
        super().__init__(in_channels, out_channels, kernel_size, **options)
        self._cache = PackedWeight()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, out_channels, H', W']`."""
        dtype = _inference_dtype(x, self.weight)
        if dtype is None or x.dim() != 4 or x.shape[1] != self.in_channels:
            return super().forward(x)
        if self.padding_mode != "zeros" or isinstance(self.padding, str):
            return super().forward(x)
        geometry = (self.padding, self.stride, self.dilation, self.groups)
        x, bias = x.to(dtype), None if self.bias is None else self.bias.to(dtype)
        weight = self._cache.get(
            self.weight, dtype, lambda w: torch.ops.mkldnn._reorder_convolution_weight(w, *geometry, tuple(x.shape))
        )
        return torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *geometry, "none", [], "")


class PackedWeight:
    """The copy of a weight in oneDNN's order, made when it is first asked for and again when the weight has changed.

    A change shows in the tensor's version, its memory and layout, or, for edits through `.data`, which leave no version
    behind, in a sample of up to 64 values that lie all over it. An edit through `.data` that leaves all of these alone
    goes unseen until the weight changes otherwise. Copies of a module and its pickles start without one.
    """

    def __init__(self) -> None:
        self._made: tuple[tuple[Any, ...], Tensor, Tensor, Tensor] | None = None

    def get(self, weight: Tensor, dtype: torch.dtype, pack: Callable[[Tensor], Tensor]) -> Tensor:
        """`pack(weight.to(dtype))`, from before if the weight is still the same."""
        made = self._made  # read once: another thread may replace it
        state = (weight.data_ptr(), weight._version, dtype, weight.shape, weight.stride())
        if made is None or made[0] != state or not torch.equal(made[1], made[2]):
            sample = _sample(weight.detach())
            made = self._made = (state, sample, sample.clone(), pack(weight.detach().to(dtype)))
        return made[3]

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedWeight, ()


def _sample(weight: Tensor) -> Tensor:
    """A view of values at equal distances in memory, of different rows and columns if rows are not more than 64."""
    step = max(weight.numel() // len(weight) + 1, weight.numel() // 64)
    return weight.as_strided((-(-weight.numel() // step),), (step,))


@functools.cache
def _can_pack() -> bool:
    """Whether this torch has oneDNN, and still has what packing needs beneath its public interface."""
    needed: list[tuple[Any, str]] = [
        (torch.ops.mkldnn, "_linear_pointwise"),
        (torch.ops.mkldnn, "_reorder_linear_weight"),
        (torch.ops.mkldnn, "_convolution_pointwise"),
        (torch.ops.mkldnn, "_reorder_convolution_weight"),
        (torch.ops.mkldnn, "_is_mkldnn_bf16_supported"),
        (torch._C, "_len_torch_dispatch_stack"),
        (torch._C._functorch, "peek_interpreter_stack"),
        (forward_ad, "_current_level"),
    ]
    return torch.backends.mkldnn.is_available() and all(hasattr(owner, name) for owner, name in needed)


def _inference_dtype(x: Tensor, weight: Tensor) -> torch.dtype | None:
    """What oneDNN computes this call in; None where it is no plain inference on a CPU in float32 or bfloat16."""
    if torch.compiler.is_compiling():  # first, so that nothing else gets into a graph
        return None
    if torch.jit.is_tracing():  # before sizes are asked for, which a trace would record
        return None
    if not _can_pack() or torch.is_grad_enabled() or type(x) is not Tensor or type(weight) is not nn.Parameter:
        return None
    plain = (
        x.device.type == weight.device.type == "cpu"
        and x.layout == torch.strided
        and not x.is_nested
        and x.numel() > 0
        and weight.numel() > 0
        and not weight.is_inference()
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._functorch.peek_interpreter_stack() is None
        and forward_ad._current_level < 0  # tangents survive no_grad
        and torch.backends.mkldnn.enabled
    )
    if not plain:
        return None
    if torch.is_autocast_enabled("cpu") and {x.dtype, weight.dtype} <= {torch.float32, torch.bfloat16}:
        dtype = torch.get_autocast_dtype("cpu")
    elif x.dtype == weight.dtype:
        dtype = x.dtype
    else:
        return None
    if dtype == torch.bfloat16:
        return dtype if torch.ops.mkldnn._is_mkldnn_bf16_supported() else None
    return dtype if dtype == torch.float32 else None
