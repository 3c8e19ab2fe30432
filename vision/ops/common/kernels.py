"""The compiled kernels of all operators: `import vision._C` registers those for the CPU, `cuda_kernels` the others."""

from __future__ import annotations

import torch


def missing() -> str | None:
    """Why there are no kernels for the CPU on this machine, or None."""
    return _MISSING


def why_not(device: torch.device, *, has_cuda: bool = False, half: bool = False) -> str | None:
    """Why there are no kernels for tensors on a device, here and now, or None.

    Args:
        has_cuda: whether the operator has kernels for CUDA, too.
        half: whether those compute in half precision for this call.
    """
    if device.type == "cuda" and has_cuda:
        from vision.ops.common import cuda_kernels

        reason = cuda_kernels.missing() or cuda_kernels.why_not(device.index, half)
    elif device.type == "cpu":
        reason = _MISSING
    else:
        return f"no kernels for {device.type} tensors"
    if reason is None and not torch.compiler.is_compiling() and _in_gradient_transform():
        return "no torch.func gradients (grad, vjp, jvp, jacrev), which torch.library operators cannot have"
    return reason


def _in_gradient_transform() -> bool:
    stack = torch._C._functorch.get_interpreter_stack()
    return bool(stack) and any(level.key() != torch._C._functorch.TransformType.Vmap for level in stack)


def _load() -> str | None:
    try:
        import vision._C  # noqa: F401
    except ModuleNotFoundError:
        return "vision._C is not built: pip install --no-build-isolation -e ."
    except ImportError as error:
        return f"vision._C is built, but cannot be loaded ({error}); build it again"
    return None


_MISSING = _load()
