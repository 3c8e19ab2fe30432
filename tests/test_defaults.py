"""What is taken where nobody says anything: recipes, calibrations and docs rest on these numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from vision import datasets
from vision.models.classifier import TimmClassifier
from vision.models.forgery.calibration import fit_calibration
from vision.models.stereo.loss import MatchLoss

DEFAULTS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (datasets.FixedCorruption, {"jpeg": None, "blur": 0}),
    (datasets.PerView, {"alike": 0.5}),
    (datasets.RandomApply, {"prob": 0.5}),
    (datasets.RandomBlur, {"sigma": (0.1, 2.0), "prob": 0.1}),
    (datasets.RandomErase, {"size": (50, 100), "most": 2, "prob": 0.5}),
    (datasets.RandomFlip, {"prob": 0.5, "vertical_prob": 0.0}),
    (datasets.RandomJPEG, {"quality": (30, 100), "prob": 0.5, "shift_prob": 0.5}),
    (datasets.RandomNoise, {"sigma": (0.5, 8.0), "prob": 0.1}),
    (datasets.RandomResize, {"factor": (0.75, 1.33), "prob": 0.2}),
    (datasets.RandomSoften, {"factor": (1.0, 2.2), "prob": 0.6}),
    (
        datasets.RandomStereoColor,
        {
            "brightness": 0.3,
            "contrast": 0.3,
            "saturation": 0.4,
            "hue": 0.08,
            "gamma": (0.8, 1.25),
            "asymmetric": 0.2,
            "prob": 0.8,
        },
    ),
    (datasets.RandomStereoCrop, {"y_jitter": 0}),
    (datasets.RandomStereoFlip, {"horizontal_prob": 0.5, "vertical_prob": 0.1}),
    (datasets.RandomStereoScale, {"scale": (0.75, 1.5), "stretch": 0.1, "min_size": None, "prob": 0.8}),
    (datasets.RandomVerticalJitter, {"shift": 1.0, "tilt": 0.5, "prob": 0.3}),
    (datasets.RandomWebP, {"quality": (30, 100), "prob": 0.1}),
    (datasets.SomeOf, {"most": None, "least": 0}),
    (
        datasets.SyntheticStereo,
        {
            "size": (256, 512),
            "length": 10000,
            "max_disparity": None,
            "seed": 0,
            "textures": None,
            "photo_share": 0.5,
            "gray": 0.15,
            "sensor": 1.0,
            "weak": 0.15,
            "num_textures": 400,
            "texture_size": 384,
        },
    ),
    (
        datasets.ForgeryDataset,
        {
            "layout": "auto",
            "split": None,
            "max_per_source": None,
            "crop_size": 256,
            "test_mode": False,
            "verify": "header",
            "max_pixels": 100_000_000,
            "cache": False,
        },
    ),
    (datasets.BalancedSourceSampler, {"num_samples": None, "seed": None, "alpha": 1.0}),
    (TimmClassifier, {"num_classes": 1000, "mixup": None, "label_smoothing": 0.1}),
    (MatchLoss, {"decay": 0.9, "initial_weight": 2.0, "self_weight": 0.5, "consistency_weight": 0.05}),
    (fit_calibration, {"fpr": 0.05, "fnr": 0.1, "rates": (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)}),
]


@pytest.mark.parametrize(("kind", "expected"), DEFAULTS, ids=[kind.__name__ for kind, _ in DEFAULTS])
def test_defaults(kind: Callable[..., Any], expected: dict[str, Any]) -> None:
    parameters = inspect.signature(kind).parameters
    found = {name: parameters[name].default for name in expected}
    assert found == expected and all(type(found[name]) is type(value) for name, value in expected.items())
