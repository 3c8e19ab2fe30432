"""Registers everything of this package in mmengine's root registries; users' configs name it in `custom_imports`."""

from importlib import import_module

import_module("vision.engine.registry")
