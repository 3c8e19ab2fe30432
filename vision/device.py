"""Devices by name, tried before the slow part of a program."""

from __future__ import annotations

import torch

from vision.errors import UsageError


def usable_device(device: str | torch.device | None) -> torch.device:
    """A device that torch can use here; None takes CUDA when there is one, else the CPU.

    Raises:
        UsageError: there is no such device.
    """
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
