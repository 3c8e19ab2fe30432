"""What a package exports lazily must stay what it is, whichever of its modules were imported before."""

from __future__ import annotations

import importlib
import pkgutil
import types

import pytest

PACKAGES = [
    *("vision.layers", "vision.models", "vision.datasets", "vision.metrics", "vision.apis", "vision.geometry"),
    *("vision.stereo_io", "backbones", "heads"),
]


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_hides_an_export(name: str) -> None:
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__, f"{name}."):
        importlib.import_module(module.name)
    for export in package.__all__:
        assert not isinstance(getattr(package, export), types.ModuleType), f"{name}.{export} is hidden by a module"
    assert set(package.__all__) <= set(dir(package))
