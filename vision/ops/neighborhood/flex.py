"""Neighborhood attention through torch's FlexAttention: a block-sparse mask, compiled into one kernel on GPUs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from vision.ops.common import transforms
from vision.ops.neighborhood.arguments import Call, Window
from vision.ops.neighborhood.block_mask import block_mask as _block_mask
from vision.ops.neighborhood.block_mask import unravel

# Sizes of maps that are compiled for before torch would go on uncompiled, with the logits of all pairs of tokens in
# memory. Its own limit of 8 is reached by the first images that a detector sees.
_MOST_SIZES = 1 << 16


def neighborhood_attention(call: Call) -> tuple[Tensor, Tensor]:
    """Output `[B, *spatial, heads, value_dim]` and LSE `[B, *spatial, heads]`."""
    from torch.nn.attention.flex_attention import AuxRequest

    if not call.needs_grad:
        # On the CPU FlexAttention refuses tensors that require a gradient even where none is recorded.
        call = call._replace(**{name: t.detach() for name, t in call._asdict().items() if isinstance(t, Tensor)})  # type: ignore[arg-type]
    query, spatial = call.query, tuple(call.query.shape[1:-2])
    window = call.window
    extra = 0 if call.additional_keys is None else call.additional_keys.shape[1]
    with _many_sizes():
        out, aux = _attention(query.device.type)(
            _flatten(query),
            _flatten(call.key, call.additional_keys),
            _flatten(call.value, call.additional_values),
            score_mod=None if call.bias is None else _add_bias(call.bias, spatial, window),
            block_mask=_block_mask(spatial, window, extra, query.device),
            scale=call.scale,
            enable_gqa=call.key.shape[-2] != query.shape[-2],
            return_aux=AuxRequest(lse=True),
        )
    return out.transpose(1, 2).unflatten(1, spatial), aux.lse.transpose(1, 2).unflatten(1, spatial)


def missing() -> str | None:
    """None: every supported torch has it."""
    return None


def why_not(call: Call) -> str | None:
    """Why FlexAttention cannot do `call`, or None."""
    device = call.query.device.type
    if device not in ("cpu", "cuda"):
        return f"it runs on cpu and cuda, not on {device}"
    if call.query.shape[0] == 0:
        return "no empty batch"
    if device == "cpu" and call.needs_grad:
        return "no backward on the CPU"
    if device == "cuda" and call.query.dtype == torch.float64:
        return "no float64 on GPUs"
    narrow = min(call.query.shape[-1], call.value.shape[-1])
    if device == "cuda" and narrow < 16:
        return f"it needs head dims of at least 16 on GPUs, got {narrow}"
    return transforms.why_not()


@lru_cache(maxsize=1)
def _compiled() -> Callable[..., Any]:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False)


def _attention(device: str) -> Callable[..., Any]:
    """Compiled on GPUs, where it is fast then; a caller who compiles does it himself."""
    from torch.nn.attention.flex_attention import flex_attention

    if device == "cuda" and not torch.compiler.is_compiling():
        return _compiled()
    return flex_attention


def _many_sizes() -> AbstractContextManager[Any]:
    """Where each size of map is compiled for; a caller who compiles has his own limit."""
    if torch.compiler.is_compiling():
        return nullcontext()
    from torch._dynamo import config

    return config.patch(recompile_limit=_MOST_SIZES, accumulated_recompile_limit=_MOST_SIZES)


def _flatten(grid: Tensor, additional: Tensor | None = None) -> Tensor:
    """`[B, *spatial, heads, dim]` -> `[B, heads, tokens, dim]`, additional tokens `[B, S, heads, dim]` last."""
    tokens = grid.flatten(1, -3)
    return (tokens if additional is None else torch.cat([tokens, additional], dim=1)).transpose(1, 2)


def _add_bias(bias: Tensor, spatial: tuple[int, ...], window: Window) -> Callable[..., Tensor]:
    """A `score_mod` that adds the relative positional bias `[heads, 2 * kernel_size - 1, ...]`."""
    tokens = _count(spatial)

    def add(score: Tensor, b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        axes = zip(unravel(query, spatial), unravel(key, spatial), window.kernel_size, window.dilation, strict=True)
        # Of keys outside of the window, which are masked, any index will do.
        index = [((k // d - q // d) + size - 1).clamp(0, 2 * size - 2) for q, k, size, d in axes]
        return torch.where(key < tokens, score + bias[(h, *index)], score)

    return add


def _count(spatial: tuple[int, ...]) -> int:
    count = 1
    for length in spatial:
        count *= length
    return count
