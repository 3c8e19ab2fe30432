"""Neighborhood attention: a query attends to the keys nearest to it (NAT, arXiv 2204.07143; GNA, arXiv 2504.16922)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from vision.ops.common.backends import select
from vision.ops.neighborhood.arguments import Window, make_call, make_window
from vision.ops.neighborhood.backends import BACKENDS


def na1d(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
    scale: float | None = None,
    *,
    bias: Tensor | None = None,
    additional_keys: Tensor | None = None,
    additional_values: Tensor | None = None,
    return_lse: bool = False,
    backend: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Neighborhood attention along a sequence `[B, N, heads, dim]`; everything else as in `na2d`."""
    window = make_window(1, kernel_size, stride, dilation, is_causal)
    options = (scale, bias, additional_keys, additional_values, return_lse)
    return _attend(1, query, key, value, window, *options, backend)


def na2d(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
    scale: float | None = None,
    *,
    bias: Tensor | None = None,
    additional_keys: Tensor | None = None,
    additional_values: Tensor | None = None,
    return_lse: bool = False,
    backend: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Neighborhood attention over a feature map.

    Args:
        query: `[B, H, W, heads, dim]`, float32, float64, bfloat16 or float16.
        key: `[B, H, W, heads_kv, dim]`, where `heads_kv` divides `heads`.
        value: `[B, H, W, heads_kv, value_dim]`.
        kernel_size: keys of a window, one number or one per axis; times `dilation` at most the axis.
        stride: queries that share a window, 1 (sliding) to `kernel_size` (blocks); None is the default, here and below.
        dilation: step between the keys of a window.
        is_causal: whether no key comes after its query, one flag or one per axis.
        scale: factor of the logits, `dim ** -0.5` if None.
        bias: relative positional bias `[heads, 2 * kernel_size - 1, ...]`, added to the scaled logits; index per axis
            (key - query) / dilation + kernel_size - 1. -inf masks; a query without any key gets zeros and an LSE of
            -inf, and its gradients are zero. CUDA kernels take numbers below -2.3e38 for -inf.
        additional_keys: `[B, S, heads_kv, dim]`, attended by every query, without bias.
        additional_values: `[B, S, heads_kv, value_dim]`, with `additional_keys`.
        return_lse: return the logarithm of the softmax's denominator too.
        backend: a name that `vision doctor` lists, or None for the fastest that can.

    Returns:
        `[B, H, W, heads, value_dim]`; with `return_lse` also LSE `[B, H, W, heads]`, natural logarithm, float32
        (float64 for float64 inputs).

    Raises:
        TypeError: a tensor is not floating point or not of the dtype of `query`, or a number is no integer.
        ValueError: a shape, device, number or the name of the backend is wrong.
        RuntimeError: the backend that was named cannot do this call; the message says why.
    """
    window = make_window(2, kernel_size, stride, dilation, is_causal)
    options = (scale, bias, additional_keys, additional_values, return_lse)
    return _attend(2, query, key, value, window, *options, backend)


def na3d(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = 1,
    dilation: int | Sequence[int] | None = 1,
    is_causal: bool | Sequence[bool] | None = False,
    scale: float | None = None,
    *,
    bias: Tensor | None = None,
    additional_keys: Tensor | None = None,
    additional_values: Tensor | None = None,
    return_lse: bool = False,
    backend: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Neighborhood attention over a volume or clip `[B, D, H, W, heads, dim]`; everything else as in `na2d`."""
    window = make_window(3, kernel_size, stride, dilation, is_causal)
    options = (scale, bias, additional_keys, additional_values, return_lse)
    return _attend(3, query, key, value, window, *options, backend)


def _attend(
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
    backend: str | None,
) -> Tensor | tuple[Tensor, Tensor]:
    call = make_call(rank, query, key, value, window, scale, bias, additional_keys, additional_values, return_lse)
    out, lse = select(BACKENDS, backend, call).run(call)
    return (out, lse) if return_lse else out
