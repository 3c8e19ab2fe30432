"""Registration that may be repeated: tasks share classes, and `vision.registry` comes on top of a task's own."""

from __future__ import annotations

from typing import Any

from mmengine.registry import Registry


def register(registry: Registry, *classes: type[Any]) -> None:
    """Register classes by their names.

    Raises:
        KeyError: another class has this name.
    """
    for kind in classes:
        if registry.module_dict.get(kind.__name__) is not kind:
            registry.register_module(module=kind)
