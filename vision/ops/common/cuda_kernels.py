"""The compiled kernels for CUDA tensors: `import vision._C_cuda` registers them.

Importing this module loads them, so it is for those who hold CUDA tensors, or report on the machine. The loading stands
in a module's body because torch.compile traces through calls, but runs imports.
"""

from __future__ import annotations

import torch


def missing() -> str | None:
    """Why there are no kernels for CUDA tensors on this machine, or None."""
    return _MISSING


def _load(cuda: str | None) -> str | None:
    if cuda is None:  # the library needs torch's own for CUDA
        return "this torch is built without CUDA"
    try:
        import vision._C_cuda  # noqa: F401
    except ModuleNotFoundError:
        return "vision._C_cuda is not built: FORCE_CUDA=1 pip install --no-build-isolation -e ."
    except ImportError as error:
        return f"vision._C_cuda is built, but cannot be loaded ({error}); build it again"
    return None


_MISSING = _load(torch.version.cuda)
