"""Augmentations do what they did: recipes were tuned with their defaults, and data sets repeat by a seed.

`python tests/datasets/test_golden.py` writes the golden file anew, where a change is meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import vision.datasets.augment
import vision.datasets.stereo.augment
import vision.datasets.stereo.color  # noqa: F401 - each registers its transforms
from vision.datasets.transforms import build_transform

GOLDEN = Path(__file__).with_name("golden.npz")
SEEDS = 24
IMAGE: dict[str, dict[str, Any]] = {
    "flip": {"type": "RandomFlip"},
    "flip both": {"type": "RandomFlip", "prob": 0.3, "vertical_prob": 0.6},
    "jpeg": {"type": "RandomJPEG"},
    "webp": {"type": "RandomWebP"},
    "webp often": {"type": "RandomWebP", "quality": [20, 60], "prob": 0.7},
    "blur": {"type": "RandomBlur"},
    "blur often": {"type": "RandomBlur", "sigma": [0.5, 3.0], "prob": 0.7},
    "resize": {"type": "RandomResize"},
    "resize often": {"type": "RandomResize", "factor": [0.5, 2.0], "prob": 0.8},
    "noise": {"type": "RandomNoise"},
    "noise often": {"type": "RandomNoise", "sigma": [10, 40], "prob": 0.7},
    "crop": {"type": "RandomCrop", "size": [40, 90]},
    "center": {"type": "CenterCrop", "size": [31, 57]},
    "fixed": {"type": "FixedCorruption", "jpeg": 30, "blur": 1.5},
    "apply": {"type": "RandomApply", "transforms": [{"type": "RandomFlip", "prob": 1.0}]},
    "some": {
        "type": "SomeOf",
        "transforms": [{"type": "RandomFlip", "prob": 1.0}, {"type": "RandomBlur", "prob": 1.0}],
        "least": 1,
    },
}
PAIR: dict[str, dict[str, Any]] = {
    "scale": {"type": "RandomStereoScale"},
    "scale far": {"type": "RandomStereoScale", "scale": [0.5, 2], "stretch": 0.3, "min_size": [40, 70], "prob": 1.0},
    "stereo crop": {"type": "RandomStereoCrop", "size": [32, 64]},
    "stereo crop jitter": {"type": "RandomStereoCrop", "size": [44, 70], "y_jitter": 3},
    "jitter": {"type": "RandomVerticalJitter"},
    "jitter far": {"type": "RandomVerticalJitter", "shift": 6, "tilt": 8, "prob": 1.0},
    "stereo flip": {"type": "RandomStereoFlip"},
    "color": {"type": "RandomStereoColor"},
    "color far": {"type": "RandomStereoColor", "hue": 0.4, "saturation": 0.9, "asymmetric": 0.7, "prob": 1.0},
    "erase": {"type": "RandomErase"},
    "erase small": {"type": "RandomErase", "size": [8, 20], "most": 4, "prob": 0.8},
    "soften": {"type": "RandomSoften"},
    "soften often": {"type": "RandomSoften", "factor": [1.5, 4.0], "prob": 1.0},
    "per view": {"type": "PerView", "transforms": [{"type": "RandomNoise", "sigma": [20, 40], "prob": 0.8}]},
    "per view alike": {"type": "PerView", "transforms": [{"type": "RandomFlip"}], "alike": 0.6},
}


def picture(seed: int, height: int = 48, width: int = 80) -> np.ndarray:
    """Something with edges and slopes, other in each channel and corner."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    shift = 7 * seed
    red = 120 + 80 * np.sin((x + shift) / 9) + 40 * (y > 20)
    green = 2 * y + x + 10 * np.cos(y / 3)
    blue = 220 - 2 * x - 30 * ((x // 6 + y // 5 + seed) % 2)
    return np.stack([red, green, blue], 2).clip(0, 255).astype(np.uint8)


def pair() -> dict[str, Any]:
    y, x = np.mgrid[0:48, 0:80].astype(np.float32)
    disparity, other = 3 + 0.1 * x + 2 * (y > 25), 9 - 0.05 * x + 0.05 * y
    disparity[5:9, 30:50] = np.nan
    visible = {"visible": (x + y) % 11 > 2, "visible_right": (x - y) % 7 > 1}
    views = {"left": picture(1), "right": picture(2), "path": "a", "scene": "b"}
    return {**views, "disparity": disparity, "disparity_right": other, **visible}


def moving() -> dict[str, Any]:
    sample = pair()
    flow = np.stack([-sample["disparity"], sample["disparity_right"] - 6], 2)
    return {**sample, "disparity": None, "disparity_right": None, "visible_right": None, "flow": flow}


def summary(values: np.ndarray) -> np.ndarray:
    """Its height and width, the means and the mean roughness of each of 3 x 3 parts."""
    plain = np.nan_to_num(values.astype(np.float32), nan=-20.0).reshape(*values.shape[:2], -1)
    rough = np.abs(np.diff(plain, axis=1, prepend=0)).mean(2)
    both = np.dstack([plain, rough])
    means = [part.mean((0, 1)) for rows in np.array_split(both, 3, 0) for part in np.array_split(rows, 3, 1)]
    return np.concatenate([values.shape[:2], *means])


def images(spec: dict[str, Any]) -> np.ndarray:
    transform = build_transform(spec)
    return np.stack([summary(transform(picture(0), np.random.default_rng(seed))) for seed in range(SEEDS)])


def pairs(spec: dict[str, Any]) -> np.ndarray:
    transform, found = build_transform(spec), []
    for seed in range(SEEDS):
        sample = transform(pair(), np.random.default_rng(seed))
        maps = [100 * sample[name] for name in ("visible", "visible_right")]
        maps += [10 * sample[name] for name in ("disparity", "disparity_right")]
        flow = transform(moving(), np.random.default_rng(seed))
        maps += [10 * flow["flow"], 100 * flow["visible"]]
        found.append(np.concatenate([summary(value) for value in (sample["left"], sample["right"], *maps)]))
    return np.stack(found)


@pytest.mark.parametrize("name", list(IMAGE))
def test_images(name: str) -> None:
    golden = np.load(GOLDEN)[name].astype(np.float32)
    np.testing.assert_allclose(images(IMAGE[name]), golden, rtol=1e-3, atol=0.3)


@pytest.mark.parametrize("name", list(PAIR))
def test_pairs(name: str) -> None:
    golden = np.load(GOLDEN)[name].astype(np.float32)
    np.testing.assert_allclose(pairs(PAIR[name]), golden, rtol=1e-3, atol=0.3)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    every = {name: images(spec) for name, spec in IMAGE.items()} | {name: pairs(spec) for name, spec in PAIR.items()}
    np.savez_compressed(GOLDEN, **{name: values.astype(np.float16) for name, values in every.items()})
