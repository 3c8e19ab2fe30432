"""Frames that are made worse than others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from vision.datasets.video.base import VideoDataset
from vision.datasets.video.degrade import (
    DegradeFrames,
    RandomDefocus,
    RandomMotionBlur,
    disc_kernel,
    path_kernel,
)
from vision.datasets.video.references import BilateralUniformSample
from vision.errors import UsageError


@pytest.mark.parametrize(("length", "angle"), [(1.0, 0.3), (4.0, 0.0), (9.0, math.pi / 2), (7.5, 0.8), (15.0, 2.5)])
def test_a_path_has_its_length_direction_and_center(length: float, angle: float) -> None:
    kernel = path_kernel(length, angle)
    assert kernel.shape[0] == kernel.shape[1] and kernel.shape[0] % 2 == 1
    y, x = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert (kernel * x).sum() == pytest.approx(0, abs=1e-4)
    assert (kernel * y).sum() == pytest.approx(0, abs=1e-4)
    # Along the path the variance is that of a line of its length; sharing among pixels adds about 1/6 both ways.
    along = x * math.cos(angle) + y * math.sin(angle)
    across = y * math.cos(angle) - x * math.sin(angle)
    assert (kernel * along**2).sum() == pytest.approx((length - 1) ** 2 / 12, rel=0.1, abs=0.45)
    assert (kernel * across**2).sum() < 0.3


def test_a_disc_is_round() -> None:
    kernel = disc_kernel(3.0)
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    assert np.array_equal(kernel, kernel.T) and np.array_equal(kernel, kernel[::-1])
    assert kernel[0, 0] == 0 and kernel[3, 0] > 0


@pytest.mark.parametrize("blur", [RandomMotionBlur((5, 9), 1.0), RandomDefocus((2, 3), 1.0)])
def test_blur_takes_detail_and_keeps_the_light(blur: Callable[..., np.ndarray], picture: Any) -> None:
    image = picture(40, 50)
    before = image.copy()
    blurred = blur(image, np.random.default_rng(0))
    assert np.array_equal(image, before)
    assert blurred.shape == image.shape and blurred.dtype == np.uint8
    assert abs(float(blurred.mean()) - float(image.mean())) < 1
    assert np.abs(np.diff(blurred.astype(int), axis=1)).mean() < np.abs(np.diff(image.astype(int), axis=1)).mean()
    assert np.array_equal(RandomMotionBlur(prob=0.0)(image, np.random.default_rng(0)), image)
    assert np.array_equal(RandomDefocus(prob=0.0)(image, np.random.default_rng(0)), image)


@pytest.mark.parametrize(("frames", "expected"), [("all", 3), ("key", 1), ("references", 2)])
def test_which_frames_are_touched(
    frames: str, expected: int, listed: Callable[..., VideoDataset], make_videos: Any
) -> None:
    def set_red(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        image[..., 0] = 200
        return image

    load = {"type": "TransformBroadcaster", "transforms": [{"type": "LoadImageFromFile"}]}
    data = listed(
        make_videos(9), pipeline=[BilateralUniformSample(), load, DegradeFrames([set_red], prob=1.0, frames=frames)]
    )
    found = data[0, 4]
    # Red is the last channel of what mmcv loads.
    touched = [bool((image[..., 2] == 200).all()) for image in found["img"]]
    assert touched == found["degraded"]
    assert sum(touched) == expected
    assert all((image[..., 0] < 20).all() for image in found["img"])
    if frames != "all":
        assert touched == [flag == (frames == "key") for flag in found["key_frame_flags"]]


def test_each_frame_is_drawn_for_itself() -> None:
    torch.manual_seed(0)
    degrade = DegradeFrames([{"type": "RandomMotionBlur", "prob": 1.0}], prob=0.5)
    sample = {"frame_id": [0] * 40, "img": [np.zeros((9, 9, 3), np.uint8)] * 40, "degraded": [False] * 40}
    first, second = degrade.transform(sample)["degraded"], degrade.transform(sample)["degraded"]
    assert 8 < sum(first) < 32
    assert first != second
    assert not any(sample["degraded"])


def test_arguments_out_of_range() -> None:
    with pytest.raises(UsageError, match="frames is 'some'"):
        DegradeFrames([], frames="some")
    with pytest.raises(ValueError, match="length is"):
        RandomMotionBlur((0, 9))
    with pytest.raises(ValueError, match="radius is"):
        RandomDefocus((3, 1))
