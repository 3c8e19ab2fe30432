"""Linear layers and convolutions that oneDNN computes from weights in its own order, for inference on a CPU.

torch gives a linear layer in float32 to its BLAS, MKL, which on AMD's processors reaches half the rate of oneDNN (100
against 200 GFLOP/s, measured on one core of an EPYC with AVX-512). Convolutions go to oneDNN anyway. It wants weights
in blocks that fit its registers and torch keeps them row by row, so that a plain convolution has them put in order anew
in every call. Packed layers go to oneDNN and keep the ordered copy.

In the same pass over memory oneDNN can apply GELU or ReLU6 to the product, or add a shortcut to it, while the results
are still in registers; plain layers write the product and read it again.
"""

from __future__ import annotations

import functools
import weakref
from abc import ABC, abstractmethod
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.nn.modules import module as hooks

AnyModule = TypeVar("AnyModule", bound=nn.Module)
AnyPacked = TypeVar("AnyPacked", bound="_PackedLayer")

_DTYPES = (torch.float32, torch.bfloat16)
# Methods after which a layer may have to be plain: training mode, and all that moves it or changes its dtype.
_WATCHED = ("train", "_apply")


def pack_for_inference(model: AnyModule) -> AnyModule:
    """Let every linear layer and convolution of a model keep its weight as oneDNN wants it, for inference on a CPU.

    Values are the same up to rounding, parameters and state dict stay as they are, and the copies take the memory of
    the weights once more. They are made in the first call without gradients, in float32 or bfloat16. In all other calls
    (with gradients, traced, compiled, exported, under function transforms or modes, with subclasses of tensors) the
    layers work as ever. What packed convolutions give lies in memory as channels-last, as for a model of that format.

    A layer that goes into training mode, loads weights, or moves to another device or dtype drops its copy and is a
    plain layer from then on. Copies (`copy.deepcopy`) make their own. Writing to weights in other ways, such as through
    `.data`, is the caller's affair: call this again then. `torch.jit.script` takes plain layers only.

    Args:
        model: any module; linear layers and convolutions of other classes than `nn.Linear` and `nn.Conv2d` themselves,
            or not on the CPU, stay as they are.

    Returns:
        The same model, in eval mode.
    """
    kinds = {nn.Linear: _PackedLinear, nn.Conv2d: _PackedConv2d}
    model.eval()
    for layer in model.modules() if _can_pack() else ():
        kind = kinds.get(type(layer))
        weight = layer._parameters.get("weight")
        if kind is None or weight is None or not _is_packable(weight):
            continue
        if type(layer.__dict__.get("forward")) in (type(None), kind):  # else someone has put in a forward of their own
            layer.__dict__["forward"] = packed = kind(layer)
            layer.__dict__.update({name: _Watched(packed, name) for name in _WATCHED})
    return model


def linear_gelu(layer: nn.Module, x: Tensor) -> Tensor:
    """`gelu(layer(x))`, in one pass if the layer is packed."""
    packed = _fusible(layer, _PackedLinear)
    out = None if packed is None else packed.run(x, gelu=True)
    return F.gelu(layer(x)) if out is None else out


def linear_add(layer: nn.Module, x: Tensor, shortcut: Tensor | None) -> Tensor:
    """`shortcut + layer(x)`, in one pass if the layer is packed and the shortcut like its output; None adds nothing."""
    packed = _fusible(layer, _PackedLinear) if shortcut is not None else None
    out = None if packed is None else packed.run(x, shortcut=shortcut)
    if out is not None:
        return out
    return layer(x) if shortcut is None else shortcut + layer(x)


def conv2d_relu6(layer: nn.Module, x: Tensor) -> Tensor:
    """`relu6(layer(x))`, in one pass if the layer is packed."""
    packed = _fusible(layer, _PackedConv2d)
    out = None if packed is None else packed.run(x, relu6=True)
    return F.relu6(layer(x)) if out is None else out


class _Made(NamedTuple):
    """A weight in oneDNN's order, and what it was made from."""

    parameter: Tensor
    version: int
    memory: Tensor  # holds the parameter's memory, so that no other tensor gets that address while we compare by it
    dtype: torch.dtype
    weight: Tensor

    def is_of(self, parameter: Tensor) -> bool:
        """Whether it still is this parameter, with the values that it had."""
        same = self.parameter is parameter and self.version == parameter._version
        return same and parameter.is_set_to(self.memory)


class _PackedLayer(ABC):
    """The `forward` of a packed layer, an attribute of the instance: its class, hooks and parameters are torch's own.

    It keeps the copy of the weight. Copies and pickles of the layer make one of their own.
    """

    def __init__(self, layer: nn.Module) -> None:
        self._layer = weakref.ref(layer)  # the layer has us: a cycle would keep weights until garbage is collected
        self._made: _Made | None = None

    @property
    def layer(self) -> nn.Module:
        """Whose `forward` this is."""
        layer = self._layer()
        if layer is None:  # this is a shallow copy's
            raise RuntimeError("the packed layer that this is a shallow copy of is gone; use copy.deepcopy")
        return layer

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.layer,)

    def plain(self, x: Tensor) -> Tensor:
        """What the layer would do unpacked."""
        return type(self.layer).forward(self.layer, x)

    def operands(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None] | None:
        """Input, packed weight and bias, all of one dtype; None where the call is not for oneDNN."""
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return None  # first, so that nothing else gets into a graph, not even the sizes asked for below
        parameters = self.layer._parameters
        weight, bias = parameters.get("weight"), parameters.get("bias")
        if self.layer.training or (weight is not None and not _is_packable(weight)):
            self.unpack()
            return None
        if weight is not None and weight.requires_grad and torch.is_grad_enabled():
            self._made = None  # some optimizers write to a weight without leaving a new version
            return None
        if weight is None or "bias" not in parameters:
            return None  # computed from others: parametrized, pruned
        dtype = _inference_dtype(x, weight)
        if dtype is None or not self.takes(x, weight) or (bias is not None and bias.shape != weight.shape[:1]):
            return None
        made = self._made  # read once: another thread may replace it
        if made is not None and not made.is_of(weight):
            self.unpack()
            return None
        if made is None or made.dtype != dtype:
            packed = self.pack(weight.detach().to(dtype), x)
            made = self._made = _Made(weight, weight._version, weight.detach(), dtype, packed)
        return x.to(dtype), made.weight, None if bias is None else bias.to(dtype)

    def unpack(self) -> None:
        """Give the layer its own `forward` back."""
        if self.layer.__dict__.get("forward") is self:
            for name in ("forward", *_WATCHED):
                self.layer.__dict__.pop(name, None)
        self._made = None

    @abstractmethod
    def takes(self, x: Tensor, weight: Tensor) -> bool:
        """Whether oneDNN computes these shapes as torch does; torch's errors are readable, oneDNN's are not."""

    @abstractmethod
    def pack(self, weight: Tensor, x: Tensor) -> Tensor:
        """The weight in oneDNN's order for inputs like `x`; it is right for all others, too."""


class _Watched:
    """A method of a packed layer that goes on as ever, then unpacks the layer where that is due.

    At once and not in the next call: what is trained and evaluated again is plain, whatever was written in between, and
    replicas of a layer on other devices, which share its `__dict__`, find nothing packed.
    """

    def __init__(self, packed: _PackedLayer, name: str) -> None:
        self.packed, self.name = packed, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        layer = self.packed.layer
        out = getattr(type(layer), self.name)(layer, *args, **kwargs)
        weight = layer._parameters.get("weight")
        if layer.training or (weight is not None and not _is_packable(weight)):
            self.packed.unpack()
        return out


class _PackedLinear(_PackedLayer):
    def __call__(self, x: Tensor) -> Tensor:
        out = self.run(x)
        return self.plain(x) if out is None else out

    def run(self, x: Tensor, gelu: bool = False, shortcut: Tensor | None = None) -> Tensor | None:
        """The product, then GELU, or plus a shortcut; None where that is not for oneDNN."""
        operands = self.operands(x)
        if operands is None:
            return None
        x, weight, bias = operands
        if shortcut is not None:
            if shortcut.dtype != x.dtype or shortcut.shape != (*x.shape[:-1], weight.shape[0]):
                return None
            return torch.ops.mkldnn._linear_pointwise.binary(x, shortcut, weight, bias, "add")
        activation, variant = ("gelu", "none") if gelu else ("none", "")  # "none" is the exact GELU, by erf
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], variant)

    def takes(self, x: Tensor, weight: Tensor) -> bool:
        return x.dim() > 0 and weight.dim() == 2 and x.shape[-1] == weight.shape[1]

    def pack(self, weight: Tensor, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._reorder_linear_weight(weight)


class _PackedConv2d(_PackedLayer):
    def __call__(self, x: Tensor) -> Tensor:
        out = self.run(x)
        return self.plain(x) if out is None else out

    def run(self, x: Tensor, relu6: bool = False) -> Tensor | None:
        """The convolution, then ReLU6; None where that is not for oneDNN."""
        operands = self.operands(x)
        if operands is None:
            return None
        x, weight, bias = operands
        activation, bounds = ("hardtanh", [0.0, 6.0]) if relu6 else ("none", [])
        return torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *self._geometry(), activation, bounds, "")

    def takes(self, x: Tensor, weight: Tensor) -> bool:
        padding, _, dilation, groups = self._geometry()
        if self.layer.padding_mode != "zeros" or isinstance(padding, str) or x.dim() != 4 or weight.dim() != 4:
            return False
        sides = zip(x.shape[2:], padding, dilation, weight.shape[2:], strict=True)
        reaches = all(side + 2 * pad > step * (kernel - 1) for side, pad, step, kernel in sides)
        return reaches and x.shape[1] == groups * weight.shape[1]

    def pack(self, weight: Tensor, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._reorder_convolution_weight(weight, *self._geometry(), tuple(x.shape))

    def _geometry(self) -> tuple[Any, ...]:
        return self.layer.padding, self.layer.stride, self.layer.dilation, self.layer.groups


def _is_packable(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype in _DTYPES


def _fusible(layer: nn.Module, kind: type[AnyPacked]) -> AnyPacked | None:
    """What computes a packed layer; None if it is not packed, or someone wants to see its output."""
    if torch.compiler.is_compiling():
        return None
    packed = layer.__dict__.get("forward")
    if type(packed) is not kind or packed.layer is not layer:
        return None
    # The hooks that `nn.Module.__call__` looks for: with any of them the layer must be called.
    own = layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks or layer._backward_pre_hooks
    everyones = hooks._global_forward_hooks or hooks._global_forward_pre_hooks
    return None if own or everyones else packed


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
        (torch._C, "_len_torch_function_stack"),
        (torch._C._functorch, "peek_interpreter_stack"),
        (forward_ad, "_current_level"),
    ]
    return torch.backends.mkldnn.is_available() and all(hasattr(owner, name) for owner, name in needed)


def _inference_dtype(x: Tensor, weight: Tensor) -> torch.dtype | None:
    """What oneDNN computes this call in; None where it is no plain inference on a CPU in float32 or bfloat16."""
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
        and torch._C._len_torch_function_stack() == 0
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
