"""Where nothing along the row tells a match: clipped areas, noise, stripes along the rows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vision.apis import StereoInferencer
from vision.apis.stereo import texture
from vision.apis.stereo.texture import textureless

DISPARITY = 20
AREA = np.s_[50:150, 120:220]
INSIDE = np.s_[64:136, 134:206]  # a window and the blur away from its border


def views(area: np.ndarray | int, other: np.ndarray | int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two views of a textured plane with an area of 100 x 100 that is replaced, and the true field."""
    noise = np.random.default_rng(0).integers(0, 256, (50, 100, 3), dtype=np.uint8)
    scene = cv2.resize(noise, (400, 200), interpolation=cv2.INTER_CUBIC)
    left, right = scene[:, :300].copy(), scene[:, DISPARITY : 300 + DISPARITY].copy()
    left[AREA] = area
    right[50:150, 120 - DISPARITY : 220 - DISPARITY] = area if other is None else other
    field = np.full((2, 200, 300, 1), DISPARITY, np.float32)
    field[0] *= -1
    return left, right, field


def gray(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(np.rint(values), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def seeded(seed: int, spread: float) -> np.ndarray:
    return gray(np.random.default_rng(seed).normal(128, spread, (100, 100)))


STRIPES = gray(128 + 60 * np.sin(np.arange(100) / 3)[:, None] * np.ones(100))
PLAIN = {
    "white": (255, None),
    "black": (0, None),
    "noise": (seeded(1, 1.5), seeded(2, 1.5)),
    "rows": (STRIPES, None),
    "white on one side": (seeded(1, 30), 255),
}


@pytest.mark.parametrize("kind", sorted(PLAIN))
def test_nothing_to_match(kind: str) -> None:
    left, right, field = views(*PLAIN[kind])
    found = textureless(left, right, field)
    assert found.dtype == bool and found.shape == (2, 200, 300)
    assert found[0][INSIDE].mean() > 0.95 and found[1][64:136, 114:186].mean() > 0.95
    outside = found[0].copy()
    outside[40:160, 110:230] = False
    assert not outside.any()


SEEN = {
    "texture": seeded(3, 30),
    "columns": gray(128 + 60 * np.sin(np.arange(100) / 3)[None] * np.ones((100, 1))),
    "ramp": gray(np.linspace(100, 140, 100)[None] * np.ones((100, 1))),
    "faint texture": gray(128 + cv2.resize(np.random.default_rng(4).normal(0, 4, (25, 25)), (100, 100))),
}


@pytest.mark.parametrize("kind", sorted(SEEN))
def test_something_to_match(kind: str) -> None:
    assert textureless(*views(SEEN[kind]))[:, 20:180, 40:260].mean() < 0.01


def test_parts_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = textureless(*views(255))
    monkeypatch.setattr(texture, "_ROWS", 33)
    assert np.array_equal(textureless(*views(255)), whole)


class Told(nn.Module):
    stereo = True

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        field = torch.zeros(2, *img0.shape[2:], 2)
        field[0, :, :, 0], field[1, :, :, 0] = -DISPARITY, DISPARITY
        return {"field_up": field}


def test_confidence_says_so() -> None:
    left, right, field = views(255)
    result = StereoInferencer(network=Told(), scale=1).match(left, right)
    plain = textureless(left, right, field)
    assert result.textureless is not None and np.array_equal(result.textureless, plain[0])
    assert np.array_equal(result.textureless_right, plain[1])
    assert (result.confidence[plain[0]] == 0.25).all() and (result.confidence_right[plain[1]] == 0.25).all()
    assert (result.confidence[:, 20:][~plain[0][:, 20:]] == 1).all()
    # What is hidden remains what the two views disagree on.
    assert result.occlusion[:, :20].all() and not result.occlusion[:, 20:].any()
    assert result.to_dict()["textureless"] == round(float(plain[0].mean()), 4) > 0.08
