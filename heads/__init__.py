"""Heads of the suite. Each is imported when it is first asked for, so that one model never pays for another."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heads.forgery import ForgeryHead

_HOME = {"ForgeryHead": "heads.forgery"}

__all__ = ["ForgeryHead"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
