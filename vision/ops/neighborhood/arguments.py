"""What a call of neighborhood attention takes: normalized, and refused where it cannot be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vision.ops.common.checks import as_integer, check_grid, check_kind, check_like, make_scale
from vision.ops.common.precision import autocast_is_on, autocast_tensors


class Axis(NamedTuple):
    """One axis of a map and the window along it, as `Axis` of csrc/geometry/window.h."""

    length: int
    kernel_size: int
    stride: int
    dilation: int
    is_causal: bool


class Window(NamedTuple):
    """Shape of the neighborhoods, one number per axis."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    is_causal: tuple[bool, ...]

    @classmethod
    def from_numbers(
        cls, kernel_size: Sequence[int], stride: Sequence[int], dilation: Sequence[int], is_causal: Sequence[int]
    ) -> Window:
        """From what an operator of `nbv` gets."""
        return cls(tuple(kernel_size), tuple(stride), tuple(dilation), tuple(map(bool, is_causal)))

    @property
    def numbers(self) -> tuple[Sequence[int], ...]:
        """As the operators of `nbv` take it: flags are numbers in their schemas."""
        return self.kernel_size, self.stride, self.dilation, [int(causal) for causal in self.is_causal]

    def axes(self, spatial: Sequence[int]) -> list[Axis]:
        """What concerns each axis of a map of these sizes."""
        return [Axis(*numbers) for numbers in zip(spatial, *self, strict=True)]


class Call(NamedTuple):
    """Checked arguments, and what the caller wants back."""

    query: Tensor  # [B, *spatial, heads, dim]
    key: Tensor  # [B, *spatial, heads_kv, dim]
    value: Tensor  # [B, *spatial, heads_kv, value_dim]
    bias: Tensor | None  # [heads, 2 * kernel_size - 1, ...]
    additional_keys: Tensor | None  # [B, S, heads_kv, dim]
    additional_values: Tensor | None  # [B, S, heads_kv, value_dim]
    window: Window
    scale: float
    return_lse: bool = False

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None]:
        """The six tensors, None where one was not given."""
        return self.query, self.key, self.value, self.bias, self.additional_keys, self.additional_values

    @property
    def needs_grad(self) -> bool:
        """Whether a gradient may be asked for."""
        return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in self.tensors)


def make_window(
    rank: int,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
) -> Window:
    """One number per axis, in range; None is the default, and numbers of NumPy and of torch's tracing are Python's.

    Raises:
        TypeError: a number is no integer, or `is_causal` is no flag.
        ValueError: a number is out of range, or there are not as many as axes.
    """
    kernel_size = _integers("kernel_size", kernel_size, rank)
    stride = _integers("stride", 1 if stride is None else stride, rank)
    dilation = _integers("dilation", 1 if dilation is None else dilation, rank)
    for s, k in zip(stride, kernel_size, strict=True):
        if s > k:
            raise ValueError(f"stride must be from 1 to kernel_size = {kernel_size}, got {stride}")
    return Window(kernel_size, stride, dilation, _flags(False if is_causal is None else is_causal, rank))


def check_fits(window: Window, spatial: Sequence[int]) -> None:
    """Raise ValueError where an axis of `spatial` is shorter than the window."""
    for length, k, d in zip(spatial, window.kernel_size, window.dilation, strict=True):
        if k * d > length:
            raise ValueError(
                f"kernel_size * dilation must be at most the spatial size {tuple(spatial)}, got kernel_size = "
                f"{window.kernel_size} and dilation = {window.dilation}; take a smaller dilation, or "
                "pad_small_inputs=True of NeighborhoodAttention1D/2D/3D"
            )


def make_call(
    rank: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    window: Window,
    scale: float | None,
    bias: Tensor | None,
    additional_keys: Tensor | None,
    additional_values: Tensor | None,
    return_lse: bool,
) -> Call:
    """Checked arguments; under autocast tensors of the dtype that it asks for.

    Raises:
        TypeError: a tensor is none, or is not floating point, or has another dtype than `query`.
        ValueError: a shape or device does not fit.
    """
    check_grid("query", query, rank)
    tensors = (query, key, value, bias, additional_keys, additional_values)
    if autocast_is_on(query.device.type):
        tensors = autocast_tensors(query.device.type, tensors)  # type: ignore[assignment]
        query, key, value, bias, additional_keys, additional_values = tensors
    check_fits(window, query.shape[1:-2])
    check_like("key", key, query, dim=query.shape[-1])
    check_like("value", value, query, heads=key.shape[-2])
    if bias is not None:
        check_bias(bias, query, window)
    if additional_keys is not None or additional_values is not None:
        if additional_keys is None or additional_values is None:
            raise ValueError("additional_keys and additional_values must be given together")
        check_additional("additional_keys", additional_keys, key)
        check_additional("additional_values", additional_values, value, count=additional_keys.shape[1])
    scale = make_scale(scale, query.shape[-1])
    return Call(query, key, value, bias, additional_keys, additional_values, window, scale, return_lse)


def check_bias(bias: Tensor, query: Tensor, window: Window) -> None:
    """Raise where `bias` is not `[heads, 2 * kernel_size - 1, ...]`."""
    check_kind("bias", bias, "query", query)
    shape = (query.shape[-2], *[2 * k - 1 for k in window.kernel_size])
    if bias.shape != shape:
        raise ValueError(f"bias must be [heads, 2 * kernel_size - 1, ...] = {shape}, got {tuple(bias.shape)}")


def check_additional(name: str, tensor: Tensor, grid: Tensor, count: int | None = None) -> None:
    """Raise where `tensor` is not `[B, S, heads_kv, dim]` to go with `grid` (keys or values); `count`: S if fixed."""
    check_kind(name, tensor, "query", grid)
    if tensor.dim() != 4 or tensor.shape[0] != grid.shape[0] or tensor.shape[2:] != grid.shape[-2:]:
        wanted = [grid.shape[0], "S" if count is None else count, *grid.shape[-2:]]
        raise ValueError(f"{name} must be [{', '.join(map(str, wanted))}], got shape {tuple(tensor.shape)}")
    if count is not None and tensor.shape[1] != count:
        raise ValueError(f"{name} must hold as many tokens as additional_keys, {count}, got {tensor.shape[1]}")


def _integers(name: str, value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One positive integer per axis."""
    values = tuple(as_integer(v) for v in _per_axis(value, rank))
    for v in values:
        if v is None:
            raise TypeError(f"{name} must be an integer or {rank} integers, got {value!r}")
        if v < 1:
            raise ValueError(f"{name} must be at least 1, got {value!r}")
    if len(values) != rank:
        raise ValueError(f"{name} must be an integer or {rank} integers, one per axis, got {value!r}")
    return values  # type: ignore[return-value]


def _flags(value: bool | Sequence[bool], rank: int) -> tuple[bool, ...]:
    """One flag per axis."""
    values = _per_axis(value, rank)
    for v in values:
        if not isinstance(v, bool | np.bool_):
            raise TypeError(f"is_causal must be a flag or {rank} flags, got {value!r}")
    if len(values) != rank:
        raise ValueError(f"is_causal must be a flag or {rank} flags, one per axis, got {value!r}")
    return tuple(map(bool, values))


def _per_axis(value: Any, rank: int) -> tuple[Any, ...]:
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return tuple(value.tolist())
    return tuple(value) if isinstance(value, Sequence) else (value,) * rank
