"""Neighborhood attention through NATTEN (0.20 or newer) where its compiled library is installed; SHI Labs, MIT.

What it cannot do is read off the checks of version 0.21.7.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from types import ModuleType

import torch
from torch import Tensor

from vision.ops.common import transforms
from vision.ops.neighborhood.arguments import Call


def neighborhood_attention(call: Call) -> tuple[Tensor, Tensor]:
    """Output `[B, *spatial, heads, dim]` and LSE `[B, *spatial, heads]`."""
    function = getattr(_natten(), f"na{len(call.window.kernel_size)}d")
    return function(
        call.query,
        call.key,
        call.value,
        **call.window._asdict(),
        scale=call.scale,
        additional_keys=call.additional_keys,
        additional_values=call.additional_values,
        return_lse=True,
    )


def missing() -> str | None:
    """Why NATTEN's kernels are not on this machine, or None."""
    module = _natten()
    if module is None:
        return "not installed: pip install 'neighborhood-vision[natten]'"
    if not getattr(module, "HAS_LIBNATTEN", False):
        return "installed without its compiled library libnatten, see https://natten.org/install"
    return None


def why_not(call: Call) -> str | None:
    """Why NATTEN cannot do `call`, or None."""
    query, value = call.query, call.value
    if query.device.type != "cuda":  # first: an import of NATTEN cannot be compiled
        return f"kernels for cuda only, not for {query.device.type}"
    odd = [dim for dim in (query.shape[-1], value.shape[-1]) if dim % 8]
    reasons = (
        (query.dtype == torch.float64, "no float64"),
        (call.bias is not None, "no positional bias since version 0.20"),
        (1 in call.window.kernel_size, f"it needs kernel sizes of at least 2, got {call.window.kernel_size}"),
        (bool(odd), f"it needs head dims that are multiples of 8, got {odd}"),
        (call.scale == 0, "it takes scale 0 for its default"),
        (query.shape[0] == 0, "no empty batch"),
        (call.return_lse and call.needs_grad, "no gradient of the LSE"),
    )
    absent = missing()
    if absent is not None:
        return absent
    return next((reason for applies, reason in reasons if applies), None) or transforms.why_not()


@lru_cache(maxsize=1)
def _natten() -> ModuleType | None:
    try:
        return importlib.import_module("natten")
    except ImportError:
        return None
