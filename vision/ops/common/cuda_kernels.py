"""The compiled kernels for CUDA tensors: `import vision._C_cuda` registers them, be they built here or of the wheel
neighborhood-vision-cuda.

Importing this module loads them, so it is for those who hold CUDA tensors, or report on the machine. The loading stands
in a module's body because torch.compile traces through calls, but runs imports.
"""

from __future__ import annotations

import re
import sys
from functools import cache

import torch

import vision
from vision.ops.common.tracing import constant

HALF_CAPABILITY = (8, 0)  # of a card, for half precision on its tensor cores: csrc/cuda/neighborhood/op.cpp


def missing() -> str | None:
    """Why there are no kernels for CUDA tensors on this machine, or None."""
    return _MISSING


def architectures() -> list[str]:
    """What vision._C_cuda has code for, such as "80" or "120+PTX"; empty where it is missing or does not say."""
    built = getattr(sys.modules.get("vision._C_cuda"), "architectures", "")
    return [name for name in built.split(":") if name]


@constant  # a card stays what it is
def why_not(index: int | None, half: bool) -> str | None:
    """Why a card cannot run the kernels that are there, or None; None, too, where there is no card to ask.

    Args:
        index: of the card, the current one if None.
        half: whether they are to compute in half precision.
    """
    card = capability(index)
    if card is None:
        return None
    built = architectures()
    if built and not any(runs_on(name, card) for name in built):
        names = ", ".join(f"sm_{name}" for name in built)
        return f"vision._C_cuda has code for {names}, this card has compute capability {card[0]}.{card[1]}"
    if half and card < HALF_CAPABILITY:
        return f"half precision needs compute capability 8.0, this card has {card[0]}.{card[1]}"
    return None


@cache
def capability(index: int | None) -> tuple[int, int] | None:
    """Compute capability of a card, or None where there is none."""
    return torch.cuda.get_device_capability(index) if torch.cuda.is_available() else None


@cache
def runs_on(architecture: str, card: tuple[int, int]) -> bool:
    """Whether code for an architecture runs on a card of that compute capability."""
    match = re.fullmatch(r"(\d+)(\d)([af]?)(\+PTX)?", architecture)
    if match is None:
        return False
    built = int(match[1]), int(match[2])
    if match[3] == "a":  # for one card alone
        return card == built
    if match[4] and not match[3]:  # the driver translates it for any later one
        return card >= built
    return card[0] == built[0] and card >= built


def _load(cuda: str | None) -> str | None:
    if cuda is None:  # the library needs torch's own for CUDA
        return "this torch is built without CUDA"
    try:
        import vision._C_cuda  # noqa: F401
    except ModuleNotFoundError:
        return _load_wheel(cuda)
    except ImportError as error:
        return f"vision._C_cuda is built, but cannot be loaded ({error}); build it again"
    return None


def _load_wheel(cuda: str) -> str | None:
    try:
        import neighborhood_vision_cuda as wheel
    except ModuleNotFoundError:
        return (
            "vision._C_cuda is not built: pip install neighborhood-vision-cuda, or, from the source, FORCE_CUDA=1 pip "
            "install --no-build-isolation -e ."
        )
    if wheel.__version__ != vision.__version__:
        return (
            f"neighborhood-vision-cuda {wheel.__version__} is not for neighborhood-vision {vision.__version__}; "
            f"pip install neighborhood-vision-cuda=={vision.__version__}"
        )
    if cuda.partition(".")[0] != wheel.cuda:  # what would load it may be the system's, for another driver than torch's
        return f"neighborhood-vision-cuda is for a torch of CUDA {wheel.cuda}, and this one is for {cuda}"
    try:
        from neighborhood_vision_cuda import _C_cuda
    except ImportError as error:
        return f"neighborhood-vision-cuda cannot be loaded ({error}); install it and torch again"
    sys.modules["vision._C_cuda"] = _C_cuda  # the name by which all others know it
    return None


_MISSING = _load(torch.version.cuda)
