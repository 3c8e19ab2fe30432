"""Stands in for the package of this name on machines that lack it: names of a stub file, imported when asked for."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def attach_stub(package: str, filename: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose stub file lies beside `filename`."""
    where: dict[str, str | None] = {}
    for node in ast.parse(Path(filename).with_suffix(".pyi").read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            where.update({name.asname or name.name: node.module for name in node.names})

    def get(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = where[name]
        if module is None:
            return importlib.import_module(f"{package}.{name}")
        return getattr(importlib.import_module(f"{package}.{module}"), name)

    names = sorted(where)
    return get, lambda: names, names
