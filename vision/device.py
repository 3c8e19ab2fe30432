"""Devices by name, tried before the slow part of a program."""

from __future__ import annotations

import torch

from vision.errors import UsageError


def usable_device(name: str) -> torch.device:
    """A device that torch can use here.

    Raises:
        UsageError: there is no such device.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device {name!r}; expected cpu, cuda, cuda:1 ...") from None
    try:
        torch.empty(1, device=device).cpu()
    # What an absent device raises depends on its kind and on how torch was built.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise UsageError(f"device {name!r} cannot be used ({reason}); expected cpu, or a cuda that is there") from None
    return device
