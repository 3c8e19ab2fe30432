"""Packages that import their parts when they are asked for (PEP 562), and modules that follow another's import."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def lazy_exports(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package.

    Args:
        package: its `__name__`.
        homes: exported name -> module that defines it.
    """

    def get(name: str) -> Any:
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        return sorted({*vars(importlib.import_module(package)), *homes})

    return get, names


def when_imported(module: str, follower: str) -> None:
    """Import `follower` right after `module` has been imported: now if it has been, else when someone does."""
    if module in sys.modules:
        importlib.import_module(follower)
    else:
        sys.meta_path.insert(0, _Follow(module, follower))


class _Follow(MetaPathFinder, Loader):
    """Finds one module as Python would, and imports another one once it is there."""

    def __init__(self, module: str, follower: str) -> None:
        self.module = module
        self.follower = follower
        self.loader: Loader | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec) if self.loader is not None else None

    def exec_module(self, module: ModuleType) -> None:
        assert self.loader is not None and module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self.loader  # what follows sees an ordinary module
        self.loader.exec_module(module)
        importlib.import_module(self.follower)
