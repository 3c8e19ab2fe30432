"""Data sets, samplers and augmentations. Each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vision.lazy import lazy_exports

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
    from vision.datasets.timm_images import TimmImageDataset

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
    "TimmImageDataset": "vision.datasets.timm_images",
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
    "TimmImageDataset",
    "list_samples",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOME)
