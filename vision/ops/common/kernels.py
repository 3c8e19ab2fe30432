"""The compiled kernels of all operators: `import vision._C` registers those for the CPU, `cuda_kernels` the others."""

from __future__ import annotations

import torch

from vision.device import require_torch
from vision.ops.common import transforms


def missing() -> str | None:
    """Why there are no kernels for the CPU on this machine, or None."""
    return _MISSING


def why_not(device: torch.device, *, has_cuda: bool = False, half: bool = False) -> str | None:
    """Why there are no kernels for tensors on a device, here and now, or None.

    Args:
        has_cuda: whether the operator has kernels for CUDA, too.
        half: whether those compute in half precision for this call.
    """
    kind = device.type
    if kind == "cuda" and has_cuda:
        from vision.ops.common import cuda_kernels

        reason = cuda_kernels.missing() or cuda_kernels.why_not(device.index, half)
    elif kind == "cpu":
        reason = _MISSING
    else:
        return f"no kernels for {kind} tensors"
    return transforms.why_not() if reason is None else reason


def _load() -> str | None:
    try:
        import vision._C  # noqa: F401
    except ModuleNotFoundError:
        return "vision._C is not built: pip install --no-build-isolation -e ."
    except ImportError as error:
        return f"vision._C is built, but cannot be loaded ({error}); build it again"
    return None


require_torch()  # else the library would lack a symbol, or PyTorch a function, and neither says why
_MISSING = _load()
