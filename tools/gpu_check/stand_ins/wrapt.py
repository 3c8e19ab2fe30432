"""Stands in for the package of this name on machines that lack it: its one function that we use."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType


def when_imported(name: str) -> Callable[[Callable[[ModuleType], None]], Callable[[ModuleType], None]]:
    """Decorator: call the function with a module. It is imported at once, which takes longer, but is no less right."""

    def decorate(hook: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
        hook(importlib.import_module(name))
        return hook

    return decorate
