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
        register_as(registry, kind, kind.__name__)


def register_as(registry: Registry, kind: type[Any], name: str) -> None:
    """Register a class by a name that it once had, so that earlier configs go on working."""
    if registry.module_dict.get(name) is not kind:
        registry.register_module(name=name, module=kind)
