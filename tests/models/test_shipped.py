"""What the shipped weights say, by numbers that were written down: the networks around them must not change."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from vision.models import forgery_detector, match_stereo
from vision.models.table import WEIGHTS_DIR
from vision.normalize import normalize_imagenet


def tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)


def noisy_slopes(seed: int) -> np.ndarray:
    y, x = np.mgrid[0:96, 0:128]
    slopes = np.stack([x + y, 2 * y, 220 - x], 2)
    return (slopes + np.random.default_rng(seed).integers(0, 60, (96, 128, 3))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "expected"), [("dual_frequency_wild", [-0.6736, -0.9413]), ("dual_frequency_demo", [-0.8000, -3.3235])]
)
def test_logits_of_the_detectors(name: str, expected: list[float]) -> None:
    images = torch.stack([tensor(noisy_slopes(0)), tensor(noisy_slopes(1))])
    images[1, :, ::2] = images[1, :, 1::2]  # rows twice, as by a generator's up-sampling
    with torch.no_grad():
        logits = forgery_detector(name).logits(normalize_imagenet(images))
    assert logits.tolist() == pytest.approx(expected, abs=5e-3)


def test_calibration_of_the_default_detector() -> None:
    calibration = forgery_detector("dual_frequency_wild").calibration
    found = [calibration.probability(logit) for logit in (-3.0, 0.0, 2.0)]
    assert found == pytest.approx([0.03845, 0.46461, 0.87101], abs=1e-5)
    assert (calibration.low, calibration.high) == pytest.approx((0.35744, 0.80101), abs=1e-5)
    strong = calibration.at(45, None)
    assert (strong.low, strong.high) == pytest.approx((0.28295, 0.80937), abs=1e-5)


def test_all_weights_together_are_small() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS_DIR.glob("*.safetensors")) <= 24e6


def test_calibration_of_the_demos_detector() -> None:
    calibration = forgery_detector("dual_frequency_demo").calibration
    found = [calibration.probability(logit) for logit in (-3.0, 0.0, 2.0)]
    assert found == pytest.approx([0.16127, 0.57909, 0.83630], abs=1e-5)
    assert (calibration.low, calibration.high) == pytest.approx((0.32071, 0.72653), abs=1e-5)
    assert calibration.threshold_at(0.01) == pytest.approx(0.85765, abs=1e-5)
    assert calibration.threshold_at(0.075) == pytest.approx((0.72653 + 0.64142) / 2, abs=1e-5)


def test_disparities_of_the_matcher() -> None:
    """A box at 14 pixels in front of a wall at 6: means of 4 x 4 parts of both views."""
    noise = np.random.default_rng(3).integers(0, 256, (192, 260, 3), dtype=np.uint8)
    texture = ((cv2.GaussianBlur(noise, (0, 0), 1.2).astype(np.float32) - 128) * 2.2 + 128).clip(0, 255)
    truth = np.full((192, 224), 6, np.float32)
    truth[60:130, 80:150] = 14
    x, y = np.meshgrid(np.arange(224, dtype=np.float32), np.arange(192, dtype=np.float32))
    views = [tensor(cv2.remap(texture, x + shift, y, cv2.INTER_LINEAR))[None] for shift in (0 * truth, truth)]
    with torch.no_grad():
        field = match_stereo()(*views)["field_up"]
    assert (field[..., 1] == 0).all()
    found = [
        cv2.resize(view.numpy(), (4, 4), interpolation=cv2.INTER_AREA) for view in (-field[0, ..., 0], field[1, ..., 0])
    ]
    left = [[5.831, 5.950, 6.015, 5.900], [5.900, 7.791, 10.061, 5.923]]
    left += [[5.948, 7.467, 9.844, 5.766], [5.785, 5.907, 6.045, 5.859]]
    right = [[5.862, 5.989, 6.024, 5.895], [5.991, 8.882, 8.804, 5.905]]
    right += [[5.982, 8.656, 8.884, 5.747], [5.828, 5.935, 6.095, 5.899]]
    np.testing.assert_allclose(found, [left, right], atol=0.03)
