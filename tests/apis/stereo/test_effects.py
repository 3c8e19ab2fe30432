"""What each part of stereo inference does to its results, by networks that know the answer or are wrong on purpose."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vision.apis import StereoInferencer
from vision.apis.stereo import memory
from vision.apis.stereo.checks import alignment, pair_warnings, swapped_warning
from vision.apis.stereo.fields import agreement
from vision.apis.stereo.tiles import CUT
from vision.geometry import StereoCalibration


def textured(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (height // 5 + 2, width // 5 + 2, 3), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


class Tall(nn.Module):
    """Flow along y as the red channel tells it; in a tile, what has its partner outside of it gets nonsense."""

    stereo = False

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        height, width = img0.shape[2:]
        field = torch.zeros(2, height, width, 2)
        scale = 1.0 if init_flow is not None else height / 1200
        field[..., 1] = torch.stack([-img0[0, 0], img1[0, 0]]) * scale
        if init_flow is not None:
            partner = torch.arange(height)[:, None] + field[..., 1]
            field[..., 1] = torch.where((partner >= 0) & (partner < height), field[..., 1], torch.tensor(1000.0))
        return {"field_up": field}


def test_tiles_of_flow_reach_as_far_as_it_goes_along_y() -> None:
    y, x = np.mgrid[:1200, :400]
    left, right = np.zeros((2, 1200, 400, 3), np.uint8)
    left[..., 0] = right[..., 0] = 60 + 20 * np.sin(x / 90)
    result = StereoInferencer(network=Tall(), flow=True, tile=400, checks=False).match(left, right)
    there = y - left[..., 0].astype(float)
    np.testing.assert_allclose(result.flow[..., 1][there >= 0], -left[..., 0].astype(float)[there >= 0], atol=1e-3)
    back = y + right[..., 0].astype(float)
    np.testing.assert_allclose(
        result.flow_back[..., 1][back < 1200], right[..., 0].astype(float)[back < 1200], atol=1e-3
    )


class WrongAtCuts(nn.Module):
    """The disparity is 10, but near the sides of a tile, where windows reach beyond it, it is 30."""

    stereo = True

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        field = torch.zeros(2, *img0.shape[2:], 2)
        scale = 1.0 if init_flow is not None else img0.shape[3] / 1200
        field[0, :, :, 0], field[1, :, :, 0] = -10 * scale, 10 * scale
        if init_flow is not None:
            for side in (slice(0, CUT - 2), slice(-CUT + 2, None)):
                field[:, :, side] *= 3
        return {"field_up": field}


def test_what_is_next_to_a_cut_is_left_to_the_neighbor() -> None:
    views = np.zeros((400, 1200, 3), np.uint8)
    result = StereoInferencer(network=WrongAtCuts(), tile=400, checks=False).match(views, views)
    inside = slice(CUT, 1200 - CUT)  # the image's own borders have no neighbor
    np.testing.assert_allclose(result.disparity[:, inside], 10, atol=1e-3)
    np.testing.assert_allclose(result.disparity_right[:, inside], 10, atol=1e-3)


def test_agreement_looks_at_its_own_rows() -> None:
    """More rows than are looked at in one go, and displacements that differ by row."""
    field = np.zeros((2, 600, 64, 1), np.float32)
    field[1, :, :, 0] = 3 + 10 * (np.arange(600)[:, None] // 150)
    field[0] = -field[1]
    confidence, occlusion = agreement(field)
    for row in (0, 299, 300, 599):
        shift = int(field[1, row, 0, 0])
        assert not occlusion[0, row, shift:].any() and occlusion[0, row, : shift - 2].all()
        np.testing.assert_allclose(confidence[0, row, shift:], 1)


def test_rows_are_compared_in_pixels_of_the_full_image() -> None:
    """Over half a million pixels: what is looked at is a reduced copy."""
    scene = textured(1210, 1640)
    left, right = scene[5:1205, :1600], scene[1:1201, 12:1612]
    found = alignment(left, right)
    assert found.scale < 0.6 and found.vertical == pytest.approx(4, abs=0.3)
    assert found.vertical_shift == pytest.approx(-4, abs=0.3)


def test_the_scale_of_a_result_is_what_images_were_enlarged_by() -> None:
    views = textured(200, 240)
    for scale in (2, 0.5):
        result = StereoInferencer(network=WrongAtCuts(), scale=scale, checks=False).match(views, views)
        assert result.scale == scale and result.to_dict()["scale"] == scale


def test_what_the_system_would_give_back_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/sys/fs/cgroup/memory.max": "1000\n",
        "/sys/fs/cgroup/memory.current": "900\n",
        "/sys/fs/cgroup/memory.stat": "anon 500\ninactive_file 250\nactive_file 30\n",
    }
    monkeypatch.setattr(memory, "_read", lambda path: files.get(path, ""))
    assert memory.free_memory(torch.device("cpu")) == 1000 - 900 + 250
    older = {
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "1000",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes": "990",
        "/sys/fs/cgroup/memory/memory.stat": "total_inactive_file 7\n",
    }
    monkeypatch.setattr(memory, "_read", lambda path: older.get(path, ""))
    assert memory.free_memory(torch.device("cpu")) == 17


def verged() -> tuple[np.ndarray, np.ndarray]:
    """All of the scene has a disparity of -15: the right camera's principal point lies 25 pixels further right."""
    scene = textured(240, 440)
    return scene[:, 15:415].copy(), scene[:, :400].copy()


class Minus15(nn.Module):
    stereo = True

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        field = torch.zeros(2, *img0.shape[2:], 2)
        field[0, :, :, 0], field[1, :, :, 0] = 15, -15
        return {"field_up": field}


@pytest.mark.parametrize(("doffs", "is_told"), [(0.0, True), (25.0, False), (10.0, True)])
def test_verged_cameras_are_not_taken_for_swapped_views(doffs: float, is_told: bool) -> None:
    calibration = StereoCalibration(400, 0.1, doffs=doffs)
    result = StereoInferencer(network=Minus15(), calibration=calibration).match(*verged())
    assert any("swapped" in warning for warning in result.warnings) == is_told
    assert bool(pair_warnings(*verged(), doffs=doffs)) == is_told
    assert bool(swapped_warning(np.full((4, 4), -15.0), doffs)) == is_told


class Notes(nn.Module):
    """Notes the sizes that it is called with, and the type in which a product comes out."""

    stereo = True

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, bool, torch.dtype]] = []

    def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        product = img0[0, 0] @ img0[0, 0].mT
        self.calls.append((img0.shape[3], init_flow is not None, product.dtype))
        return {"field_up": torch.zeros(2, *img0.shape[2:], 2)}


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        ({}, [(240, False, torch.float32)]),
        ({"precision": "bf16"}, [(240, False, torch.bfloat16)]),
        ({"coarse_to_fine": True}, [(120, False, torch.float32), (240, True, torch.float32)]),
    ],
)
def test_options_change_what_the_network_gets(options: dict[str, Any], calls: list[Any]) -> None:
    network = Notes()
    views = textured(200, 240)
    StereoInferencer(network=network, scale=1, checks=False, **options).match(views, views)
    assert network.calls == calls
