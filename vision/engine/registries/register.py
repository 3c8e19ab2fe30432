"""Registration that may be repeated: tasks share classes, and `vision.registry` comes on top of a task's own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from mmengine.registry import Registry


def register(registry: Registry, *classes: type[Any]) -> None:
    """Register classes by their names.

    Raises:
        KeyError: another class has this name.
    """
    for kind in classes:
        register_as(registry, kind, kind.__name__)


def register_unloaded(registry: Registry, package: ModuleType, *names: str) -> None:
    """Register classes that a package loads when they are asked for, each as a function that builds one.

    For classes whose bases are mmdet's: a registry is imported for other tasks, too, while mmdet takes seconds, prints
    remarks, and may be missing.

    Raises:
        KeyError: another class has this name.
    """
    for name in names:
        known = registry.module_dict.get(name)
        if (getattr(known, "__module__", None), getattr(known, "__name__", None)) != (package.__name__, name):
            registry.register_module(name=name, module=_builder(package, name))


def _builder(package: ModuleType, name: str) -> Callable[..., Any]:
    def build(*args: Any, **kwargs: Any) -> Any:
        return getattr(package, name)(*args, **kwargs)

    # As of the class itself, for what mmengine logs and refuses.
    build.__module__, build.__name__ = package.__name__, name
    return build


def register_as(registry: Registry, kind: type[Any], name: str) -> None:
    """Register a class by a name that it once had, so that earlier configs go on working."""
    if registry.module_dict.get(name) is not kind:
        registry.register_module(name=name, module=kind)
