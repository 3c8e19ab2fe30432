"""Data sets, samplers and augmentations. Each is imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision.datasets.augment import (
        CenterCrop,
        Compose,
        FixedCorruption,
        RandomApply,
        RandomBlur,
        RandomCrop,
        RandomFlip,
        RandomJPEG,
        RandomNoise,
        RandomResize,
        RandomWebP,
        SomeOf,
    )
    from vision.datasets.forgery import ForgeryDataset
    from vision.datasets.layouts import Sample, list_samples
    from vision.datasets.sampler import BalancedSourceSampler

_HOME = {
    "BalancedSourceSampler": "vision.datasets.sampler",
    "CenterCrop": "vision.datasets.augment",
    "Compose": "vision.datasets.augment",
    "FixedCorruption": "vision.datasets.augment",
    "ForgeryDataset": "vision.datasets.forgery",
    "RandomApply": "vision.datasets.augment",
    "RandomBlur": "vision.datasets.augment",
    "RandomCrop": "vision.datasets.augment",
    "RandomFlip": "vision.datasets.augment",
    "RandomJPEG": "vision.datasets.augment",
    "RandomNoise": "vision.datasets.augment",
    "RandomResize": "vision.datasets.augment",
    "RandomWebP": "vision.datasets.augment",
    "Sample": "vision.datasets.layouts",
    "SomeOf": "vision.datasets.augment",
    "list_samples": "vision.datasets.layouts",
}

__all__ = [
    "BalancedSourceSampler",
    "CenterCrop",
    "Compose",
    "FixedCorruption",
    "ForgeryDataset",
    "RandomApply",
    "RandomBlur",
    "RandomCrop",
    "RandomFlip",
    "RandomJPEG",
    "RandomNoise",
    "RandomResize",
    "RandomWebP",
    "Sample",
    "SomeOf",
    "list_samples",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
