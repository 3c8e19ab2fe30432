"""Devices by name, tried before the slow part of a program."""

from __future__ import annotations

import re

import torch

from vision.errors import UsageError

# The compiled operators, and much of what is written in Python, use what earlier ones lack; setup.cfg says it to pip.
OLDEST_TORCH = (2, 10)


def usable_device(device: str | torch.device | None) -> torch.device:
    """A device that torch can use here; None takes CUDA when there is one, else the CPU.

    Raises:
        UsageError: there is no such device, or torch is too old to ask.
    """
    require_torch()
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = str(device)
    try:
        found = torch.device(name)
    except RuntimeError:
        message = f"unknown device {name!r}; expected cpu, cuda, cuda:1 ..."
        raise UsageError(message, code="unknown-device", value=name) from None
    try:
        torch.empty(1, device=found).cpu()
    # What an absent device raises depends on its kind and on how torch was built.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        message = f"device {name!r} cannot be used ({reason}); expected cpu, or a cuda that is there"
        raise UsageError(message, code="unusable-device", value=name) from None
    return found


def old_torch() -> str | None:
    """Why this torch is too old for the suite, or None."""
    numbers = re.match(r"(\d+)\.(\d+)", torch.__version__)
    if numbers is None or (int(numbers[1]), int(numbers[2])) >= OLDEST_TORCH:
        return None
    wanted = "{}.{}".format(*OLDEST_TORCH)
    return f"torch {torch.__version__} is too old; expected {wanted} or later: pip install --upgrade 'torch>={wanted}'"


def require_torch() -> None:
    """Refuse a torch that is too old, which pip does not look at once both are installed.

    Raises:
        UsageError: it is.
    """
    reason = old_torch()
    if reason is not None:
        raise UsageError(reason, code="old-torch", value=str(torch.__version__))
