"""Stereo inference: conventions, checks, sizes, tiles, video, with networks that know the answer."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from vision.apis import StereoInferencer, StereoResult, StereoVideo
from vision.apis.stereo.checks import alignment, pair_warnings
from vision.apis.stereo.fields import agreement
from vision.apis.stereo.memory import free_memory, needed_memory
from vision.errors import Notice, UsageError
from vision.geometry import CameraPair, StereoCalibration

WIDTH = 400


class Told(nn.Module):
    """Is told the disparities by the red channel, in pixels of an image that is `width` wide; its own are scaled.

    In a tile, what has its partner outside of it gets the disparity `lost`: no network could find it.
    """

    stereo = True

    def __init__(self, width: int = WIDTH, lost: float | None = None) -> None:
        super().__init__()
        self.width, self.lost = width, lost
        self.calls: list[tuple[tuple[int, int], bool]] = []

    def forward(
        self, img0: Tensor, img1: Tensor, stereo: bool | None = None, init_flow: Tensor | None = None
    ) -> dict[str, Tensor]:
        height, width = img0.shape[2:]
        self.calls.append(((height, width), init_flow is not None))
        scale = 1.0 if init_flow is not None else width / self.width
        field = torch.stack([-img0[0, 0], img1[0, 0]]) * scale
        if self.lost is not None and init_flow is not None:
            partner = torch.arange(width) + field
            field = torch.where((partner >= 0) & (partner < width), field, torch.full_like(field, self.lost))
        return {"field_up": torch.stack([field, torch.zeros_like(field)], -1)}


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth noise with features, uint8 `[H, W, 3]`."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 5 + 2, width // 5 + 2, 3), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def shifted_pair(
    disparity: int, size: tuple[int, int] = (240, WIDTH), shift_y: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A textured plane at one depth: right(x) = left(x + disparity)."""
    margin = abs(disparity) + abs(shift_y) + 1
    scene = textured(size[0] + 2 * margin, size[1] + 2 * margin)
    left = scene[margin : margin + size[0], margin : margin + size[1]]
    rows = slice(margin - shift_y, margin - shift_y + size[0])
    return left.copy(), scene[rows, margin + disparity : margin + disparity + size[1]].copy()


def told_pair(disparity: int, size: tuple[int, int] = (240, WIDTH)) -> tuple[np.ndarray, np.ndarray]:
    left, right = shifted_pair(disparity, size)
    left[..., 0] = right[..., 0] = disparity
    return left, right


def test_conventions() -> None:
    left, right = told_pair(20)
    infer = StereoInferencer(network=Told())
    (result,) = infer([(left, right)])
    assert result.error is None and result.warnings == [] and result.left == "array 0 left"
    assert (
        result.disparity.dtype == np.float32 and (result.disparity == 20).all() and result.disparity.shape == (240, 400)
    )
    assert (result.disparity_right == 20).all()
    assert result.occlusion[:, :20].all() and not result.occlusion[:, 20:].any()
    assert not result.occlusion_right[:, :-20].any() and result.occlusion_right[:, -20:].all()
    assert (result.confidence[:, 20:] == 1).all() and result.confidence[:, :20].max() < 0.1
    assert np.array_equal(infer.disparity(left, right), result.disparity)
    record = result.to_dict()
    assert (record["width"], record["height"], record["disparity_median"], record["occluded"]) == (400, 240, 20, 0.05)


def test_confidence_is_one_half_where_occlusion_begins() -> None:
    field = np.zeros((2, 4, 600, 1), np.float32)
    field[0], field[1] = -100, 100
    field[1, 0], field[1, 1], field[1, 2] = 101.9, 102.0, 101
    confidence, occlusion = agreement(field)
    assert occlusion[0, :, 300].tolist() == [False, True, False, False]
    np.testing.assert_allclose(confidence[0, :, 300], [1 / (1 + 0.95**2), 0.5, 0.8, 1], rtol=1e-4)
    # 1 % of the displacement, when that is more than 2 pixels.
    field[0], field[1] = -400, 403.9
    assert not agreement(field)[1][0, 0, 500]


@pytest.mark.parametrize("kind", ["paths", "arrays", "gray", "tuple"])
def test_kinds_of_pairs(kind: str, tmp_path: Path) -> None:
    left, right = told_pair(10)
    views: tuple[Any, Any] = (left, right)
    if kind == "gray":
        views = (left[..., 0], right[..., 0])
    elif kind == "paths":
        for name, view in (("l", left), ("r", right)):
            Image.fromarray(view).save(tmp_path / f"{name}.png")
        views = (tmp_path / "l.png", str(tmp_path / "r.png"))
    results = StereoInferencer(network=Told())(views if kind == "tuple" else [views])
    (result,) = results
    assert (result.disparity == 10).all()
    assert result.left == (str(tmp_path / "l.png") if kind == "paths" else "array 0 left")


def test_16_bit_images(tmp_path: Path) -> None:
    left, right = (view[..., 1].astype(np.uint16) * 257 for view in shifted_pair(8))
    for name, view in (("l", left), ("r", right)):
        Image.fromarray(view).save(tmp_path / f"{name}.png")
    result = StereoInferencer(network=Told()).match(tmp_path / "l.png", tmp_path / "r.png")
    assert result.error is None and result.image.dtype == np.uint8
    assert np.array_equal(result.image[..., 2], shifted_pair(8)[0][..., 1])


def test_a_bad_pair_does_not_stop_the_others(tmp_path: Path) -> None:
    left, right = told_pair(10)
    pairs = [
        (left, right),
        (left, right[:200]),
        (tmp_path / "missing.png", right),
        (left, tmp_path / "gone.png"),
        (left.astype(float), right),
        (left, right),
    ]
    results = StereoInferencer(network=Told())(pairs)
    errors = [result.error for result in results]
    assert errors[0] is None and errors[-1] is None
    assert errors[1] == "is 400 x 240 pixels but array 1 right is 400 x 200; expected two views of one size"
    assert errors[2] == "no such file; check the path"
    assert errors[3] == f"{tmp_path / 'gone.png'}: no such file; check the path"
    assert "is a float64 array" in errors[4]
    assert results[2].to_dict()["disparity_median"] is None
    with pytest.raises(ValueError, match=r"missing\.png: no such file"):
        StereoInferencer(network=Told()).disparity(tmp_path / "missing.png", right)
    with pytest.raises(TypeError, match="pair 0 is a ndarray; expected two paths"):
        StereoInferencer(network=Told())([left])


class Negative(Told):
    """Finds the opposite."""

    def forward(self, *views: Tensor, **options: Any) -> dict[str, Tensor]:
        return {"field_up": -super().forward(*views, **options)["field_up"]}


def test_swapped_views_are_noticed() -> None:
    left, right = told_pair(12)
    found = pair_warnings(*shifted_pair(12)[::-1])
    assert len(found) == 1 and "look swapped: 100% of" in found[0] and "exchange left and right" in found[0]

    (result,) = StereoInferencer(network=Negative())([(left, right)])
    assert result.warnings == ["the views look swapped: 100% of the disparities are negative; exchange left and right"]
    (result,) = StereoInferencer(network=Negative(), checks=False)([(left, right)])
    assert result.warnings == []


@pytest.mark.parametrize("shift", [-3, 2])
def test_unrectified_views_are_noticed(shift: int) -> None:
    found = pair_warnings(*shifted_pair(12, shift_y=shift))
    assert len(found) == 1 and f"rows differ by {abs(shift):.1f} pixels" in found[0]
    assert found[0].code == "views-unrectified" and found[0].value == pytest.approx(abs(shift), abs=0.2)
    (late,) = pair_warnings(*shifted_pair(12, shift_y=shift), rectified=True)
    assert late.code == "bad-rectification"
    assert alignment(*shifted_pair(12, shift_y=shift)).vertical_shift == pytest.approx(-shift, abs=0.2)


def test_a_turned_camera_is_noticed() -> None:
    left, right = shifted_pair(12, (480, 640))
    turn = cv2.getRotationMatrix2D((320, 240), 1.0, 1)
    found = pair_warnings(left, cv2.warpAffine(right, turn, (640, 480), borderMode=cv2.BORDER_REFLECT))
    assert len(found) == 1 and "looks unrectified" in found[0]


def test_good_featureless_same_and_unrelated_views() -> None:
    assert pair_warnings(*shifted_pair(12)) == []
    flat = np.full((240, 400, 3), 128, np.uint8)
    gradient = np.tile(np.linspace(0, 255, 400).astype(np.uint8)[None, :, None], (240, 1, 3))
    assert pair_warnings(flat, gradient) == []
    left = textured(240, 400)
    assert "both images are the same" in pair_warnings(left, left.copy())[0]
    assert "share hardly any detail" in pair_warnings(left, textured(240, 400, seed=1))[0]


def test_small_images_are_told_of() -> None:
    left, right = told_pair(10, (100, 150))
    (result,) = StereoInferencer(network=Told(150))([(left, right)])
    assert result.disparity.shape == (100, 150)
    assert "150 x 100 pixels are extended to 192 x 192" in result.warnings[0]


def test_max_size_gives_disparities_of_the_full_size() -> None:
    network = Told()
    left, right = told_pair(20)
    result = StereoInferencer(network=network, max_size=200).match(left, right)
    assert network.calls == [((120, 200), False)]
    assert result.disparity.shape == (240, 400)
    np.testing.assert_allclose(result.disparity, 20, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "matched"),
    [
        ({}, (240, WIDTH)),
        ({"scale": 1.5}, (360, 600)),
        ({"scale": 0.5}, (120, 200)),
        ({"scale": 2, "max_size": 500}, (300, 500)),
    ],
)
def test_scale(options: dict[str, Any], matched: tuple[int, int]) -> None:
    network = Told()
    result = StereoInferencer(network=network, checks=False, **options).match(*told_pair(20))
    assert network.calls == [(matched, False)]
    assert result.disparity.shape == (240, WIDTH) and result.image.shape == (240, WIDTH, 3)
    np.testing.assert_allclose(result.disparity, 20, rtol=1e-4)


@pytest.mark.parametrize(
    ("size", "options", "scale"),
    [
        ((240, 400), {}, 2),
        ((700, 1000), {}, (10 / 7) ** 0.5),
        ((1500, 2000), {}, 1),
        ((240, 400), {"max_size": 600}, 1.5),
        ((240, 400), {"tile": 384}, 384 / 96_000**0.5),
        ((240, 400), {"scale": 1}, 1),
    ],
)
def test_small_images_are_enlarged_for_the_shipped_model(
    size: tuple[int, int], options: dict[str, Any], scale: float
) -> None:
    network = Told()
    network.variant = "nano"
    result = StereoInferencer(network=network, checks=False, **options).match(*told_pair(20, size))
    assert network.calls == [(tuple(round(side * scale) for side in size), False)]
    np.testing.assert_allclose(result.disparity, 20 * size[1] / WIDTH, rtol=2e-3)


def test_images_are_not_enlarged_beyond_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Told()
    network.variant = "nano"
    infer = StereoInferencer(network=network, checks=False)
    needed = needed_memory(300, 500, network, infer.device, False)
    monkeypatch.setattr("vision.apis.stereo.memory.free_memory", lambda device: needed)
    result = infer.match(*told_pair(20))
    assert result.error is None and network.calls == [((240, WIDTH), False)] and result.scale == 1
    assert "matched at 400 x 240 pixels, not at 800 x 480: memory is short" in result.warnings[0]


def test_coarse_to_fine_starts_from_a_match_at_half_the_size() -> None:
    class Started(Told):
        def forward(self, *views: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
            out = super().forward(*views, init_flow=init_flow)
            return out if init_flow is None else {"field_up": init_flow}

    network = Started()
    result = StereoInferencer(network=network, coarse_to_fine=True, checks=False).match(*told_pair(20))
    assert network.calls == [((120, 200), False), ((240, 400), True)]
    np.testing.assert_allclose(result.disparity, 20, rtol=1e-5)


def varying_pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Red channels with disparities of 5 to 60 that vary over the image; the rest is of no importance."""
    y, x = np.mgrid[:height, :width]
    left, right = np.zeros((2, height, width, 3), np.uint8)
    left[..., 0] = 32 + 27 * np.sin(x / 90) * np.cos(y / 70)
    right[..., 0] = 32 + 27 * np.sin(x / 70 + 1) * np.cos(y / 90)
    return left, right


@pytest.mark.parametrize("size", [(700, 1200), (300, 2000), (1500, 400)])
def test_tiles_see_the_partners_of_what_they_show(size: tuple[int, int]) -> None:
    width = size[1]
    network = Told(width, lost=1000.0)
    left, right = varying_pair(*size)
    done: list[tuple[int, int]] = []
    infer = StereoInferencer(network=network, tile=400, checks=False, on_tile=lambda *counts: done.append(counts))
    result = infer.match(left, right)
    inside = np.arange(width) - left[..., 0] >= 0
    np.testing.assert_allclose(result.disparity[inside], left[..., 0][inside], atol=1e-3)
    inside = np.arange(width) + right[..., 0] < width
    np.testing.assert_allclose(result.disparity_right[inside], right[..., 0][inside], atol=1e-3)
    assert all(h * w <= 400 * 400 for (h, w), _ in network.calls)
    assert [has_start for _, has_start in network.calls] == [False, *[True] * (len(network.calls) - 1)]
    assert done[0] == (0, len(network.calls) - 1) and done[-1] == (len(network.calls) - 1,) * 2


def test_tiles_fade_into_each_other() -> None:
    class Biased(Told):
        """Each tile is off by another pixel."""

        def forward(self, *views: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
            out = super().forward(*views, init_flow=init_flow)["field_up"]
            return {"field_up": out + len(self.calls) % 2 * (init_flow is not None)}

    left, right = told_pair(10, (700, 1200))
    result = StereoInferencer(network=Biased(1200), tile=400, checks=False).match(left, right)
    assert np.ptp(result.disparity) == pytest.approx(1, abs=1e-4)
    for axis in (0, 1):
        assert np.abs(np.diff(result.disparity, axis=axis)).max() < 0.03


def test_disparities_as_wide_as_tiles_get_strips() -> None:
    network = Told(900)
    left, right = told_pair(255, (400, 900))
    left[..., 0] = right[..., 0] = 200
    # The network tells three times what it is told.
    network.forward = lambda *views, **options: {"field_up": 3 * Told.forward(network, *views, **options)["field_up"]}
    result = StereoInferencer(network=network, tile=384, checks=False).match(left, right)
    assert {width for (_, width), start in network.calls if start} == {900}
    np.testing.assert_allclose(result.disparity, 600, atol=1e-3)


def test_work_grows_with_the_pixels_alone() -> None:
    work = []
    for factor in (1, 2, 4):
        network = Told(1000 * factor)
        left, right = told_pair(10, (300 * factor, 1000 * factor))
        StereoInferencer(network=network, tile=500, checks=False).match(left, right)
        work.append(sum(h * w for (h, w), _ in network.calls) / (factor * factor))
    assert max(work) < 2.5 * 300_000 and work[2] < 1.3 * work[1]


def test_what_does_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = told_pair(10, (500, 600))
    infer = StereoInferencer(network=Told(600), checks=False)
    needed = needed_memory(400, 600, infer.network, infer.device, False)
    monkeypatch.setattr("vision.apis.stereo.memory.free_memory", lambda device: needed)
    error = infer.match(left, right).error
    assert error is not None and "600 x 500 pixels takes about" in error
    assert "use tile=1024, or max_size" in error and error.code == "match-out-of-memory" and error.value > needed
    for options in ({"tile": 400}, {"max_size": 400}):
        assert StereoInferencer(network=Told(600), checks=False, **options).match(left, right).error is None


@pytest.mark.parametrize(
    "failure",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")],
)
def test_failed_allocations_are_told_in_a_line(failure: Exception) -> None:
    class Full(Told):
        def forward(self, *_: Tensor, **__: Any) -> dict[str, Tensor]:
            raise failure

    error = StereoInferencer(network=Full(), checks=False).match(*told_pair(10)).error
    assert error is not None and "do not fit into the memory of cpu; use tile=1024" in error
    assert error.code == "match-out-of-memory"


def test_enlarged_images_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    infer = StereoInferencer(network=Told(), scale=4, checks=False)
    needed = needed_memory(240, WIDTH, infer.network, infer.device, False)
    monkeypatch.setattr("vision.apis.stereo.memory.free_memory", lambda device: 2 * needed)
    monkeypatch.setattr("vision.apis.stereo.matching._scaled", None)
    error = infer.match(*told_pair(20)).error
    assert error is not None and "matching 400 x 240 pixels at 1600 x 960 takes about" in error
    assert "use a smaller scale, tile=1024, or max_size" in error


def test_tiles_of_wide_disparities_are_counted_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class Far(Told):
        def forward(self, *views: Tensor, **options: Any) -> dict[str, Tensor]:
            return {"field_up": 2 * super().forward(*views, **options)["field_up"]}

    left, right = told_pair(100, (400, 8000))
    network = Far(8000)
    infer = StereoInferencer(network=network, tile=384, checks=False)
    left[..., 0] = right[..., 0] = 250
    assert infer.match(left, right).error is None
    largest = max(h * w for (h, w), _ in network.calls)
    assert largest > 384**2
    enough = needed_memory(384, 384, network, infer.device, False) + 60 * 400 * 8000
    monkeypatch.setattr("vision.apis.stereo.memory.free_memory", lambda device: enough / 0.9 + 1)
    error = infer.match(left, right).error
    assert error is not None and "which its disparities need" in error and "a larger tile" in error
    assert error.code == "tile-out-of-memory"


def test_12_bit_images_in_16_bit_files_keep_their_levels(tmp_path: Path) -> None:
    views = told_pair(20)
    paths = []
    for side, view in zip(("l", "r"), views, strict=True):
        paths.append(tmp_path / f"{side}.png")
        cv2.imwrite(str(paths[-1]), view[..., 1].astype(np.uint16) << 4)  # 0..4095
    result = StereoInferencer(network=Told(), checks=False).match(*paths)
    np.testing.assert_array_equal(result.image[..., 0], views[0][..., 1])
    np.testing.assert_array_equal(result.image_right[..., 0], views[1][..., 1])


def test_views_that_hardly_agree_are_noticed() -> None:
    class Wild(Told):
        def forward(self, *views: Tensor, **options: Any) -> dict[str, Tensor]:
            field = super().forward(*views, **options)["field_up"]
            field[1] *= 3
            return {"field_up": field}

    warnings = StereoInferencer(network=Wild()).match(*told_pair(20)).warnings
    assert any("the views hardly agree" in text for text in warnings)


def test_a_calibration_that_leaves_no_depth_is_noticed() -> None:
    calibration = StereoCalibration(focal=500, baseline=0.1, doffs=-100)
    result = StereoInferencer(network=Told(), calibration=calibration, checks=False).match(*told_pair(20))
    assert "no pixel has a depth: disparities (median 20.0) and doffs -100" in result.warnings[0]


@pytest.mark.parametrize(("doffs", "is_swapped"), [(0.0, True), (25.0, False), (11.0, True)])
def test_views_of_verged_cameras_are_not_called_swapped(doffs: float, is_swapped: bool) -> None:
    calibration = StereoCalibration(focal=500, baseline=0.1, doffs=doffs)
    # The features of the images say it, and so do the disparities: each alone.
    assert any("swapped" in text for text in pair_warnings(*shifted_pair(-15), doffs=doffs)) == is_swapped
    for network, views in ((Told(), told_pair(15)[::-1]), (Negative(), told_pair(15))):
        result = StereoInferencer(network=network, calibration=calibration).match(*views)
        assert any("swapped" in text for text in result.warnings) == is_swapped


@pytest.mark.parametrize("is_raw", [False, True])
def test_calibrations_of_other_images_are_told(is_raw: bool) -> None:
    k = np.array([[400.0, 0, 399.5], [0, 400, 239.5], [0, 0, 1]])
    if is_raw:
        known = {"cameras": CameraPair(k, np.zeros(5), k, np.zeros(5), np.eye(3), np.array([-0.1, 0, 0]))}
    else:
        known = {"calibration": StereoCalibration(focal=400, baseline=0.1, cx=399.5, cy=239.5)}
    warnings = StereoInferencer(network=Told(), checks=False, **known).match(*told_pair(20)).warnings
    assert [warning.code for warning in warnings] == ["off-center"]
    sized = {name: replace(value, size=(800, 480)) for name, value in known.items()}
    warnings = StereoInferencer(network=Told(), checks=False, **sized).match(*told_pair(20)).warnings
    assert [(warning.code, warning.value) for warning in warnings] == [("calibration-scaled", 0.5)]


def test_models_without_weights_are_refused() -> None:
    for options in ({"model": "match_stereo_tiny"}, {"flow": True}):
        with pytest.raises(ValueError, match="ships without weights"):
            StereoInferencer(**options)


def test_other_errors_of_a_network_are_not_hidden() -> None:
    class Broken(Told):
        def forward(self, *_: Tensor, **__: Any) -> dict[str, Tensor]:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        StereoInferencer(network=Broken()).match(*told_pair(10))


def test_free_memory_of_this_machine() -> None:
    free = free_memory(torch.device("cpu"))
    assert free is None or 1 << 20 < free < 1 << 50


def test_values_that_are_no_numbers() -> None:
    class Bad(Told):
        def forward(self, *views: Tensor, **options: Any) -> dict[str, Tensor]:
            return {"field_up": super().forward(*views, **options)["field_up"] * np.nan}

    for precision, code in (("fp32", "not-a-number"), ("bf16", "not-a-number-in-half")):
        result = StereoInferencer(network=Bad(), checks=False, precision=precision).match(*told_pair(10))
        assert result.error is not None and result.error.code == code and result.disparity is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp8"}, "precision is 'fp8'; expected one of fp32, bf16, fp16"),
        ({"scale": 0}, "scale is 0; expected 0.1 to 4"),
        ({"scale": math.nan}, "scale is nan"),
        ({"max_size": 100}, "max_size is 100; expected at least 192"),
        ({"tile": 100}, "tile is 100; expected at least 384"),
        ({"device": "abacus"}, "unknown device 'abacus'"),
        ({"flow": True}, "is a stereo model; use it without flow"),
        ({"model": "nonsense", "network": None}, "unknown stereo model 'nonsense'"),
        ({"checkpoint": "missing.pth", "network": None}, "does not exist"),
        ({"flow": True, "calibration": StereoCalibration(1, 1)}, "a calibration of two cameras does not apply"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StereoInferencer(**{"network": Told(), **options})


def test_flow() -> None:
    class Flow(nn.Module):
        stereo = False

        def forward(self, img0: Tensor, img1: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
            field = torch.zeros(2, *img0.shape[2:], 2)
            field[0], field[1] = torch.tensor([3.0, -4.0]), torch.tensor([-3.0, 4.0])
            return {"field_up": field}

    result = StereoInferencer(network=Flow(), flow=True).match(*shifted_pair(5, shift_y=5))
    assert result.warnings == [] and result.disparity is None
    assert result.flow.shape == (240, 400, 2) and result.flow[0, 0].tolist() == [3, -4]
    assert result.flow_back[0, 0].tolist() == [-3, 4] and not result.occlusion[10:-10, 10:-10].any()
    assert result.to_dict()["motion_median"] == 5
    with pytest.raises(UsageError, match=r"use it with flow=True"):
        StereoInferencer(network=Flow())
    large = shifted_pair(5, (700, 900), shift_y=5)
    tiled = StereoInferencer(network=Flow(), flow=True, tile=400, checks=False).match(*large)
    np.testing.assert_allclose(tiled.flow, np.broadcast_to([3, -4], (700, 900, 2)), atol=1e-4)


def test_depth_comes_with_a_calibration() -> None:
    calibration = StereoCalibration(focal=800, baseline=0.5, doffs=4, size=(800, 480))
    result = StereoInferencer(network=Told(), calibration=calibration).match(*told_pair(18))
    np.testing.assert_allclose(result.depth, 400 * 0.5 / 20, rtol=1e-5)
    other = StereoCalibration(focal=800, baseline=0.5, size=(400, 400))
    error = StereoInferencer(network=Told(), calibration=other).match(*told_pair(18)).error
    assert error is not None and "is for images of 400 x 400 pixels, these are 400 x 240" in error


def test_raw_pairs_are_rectified_first() -> None:
    k = np.array([[400.0, 0, 199.5], [0, 400, 119.5], [0, 0, 1]])
    turned = cv2.Rodrigues(np.array([0.0, 0, 0.02]))[0]
    cameras = CameraPair(k, np.zeros(5), k, np.zeros(5), turned, turned @ [-0.1, 0, 0])
    left, right = shifted_pair(10)
    seen = cv2.warpPerspective(right, k @ turned @ np.linalg.inv(k), (400, 240), borderMode=cv2.BORDER_REFLECT)
    assert "unrectified" in pair_warnings(left, seen)[0]
    result = StereoInferencer(network=Told(), cameras=cameras).match(left, seen)
    assert result.error is None and result.rectified and not any("unrectified" in w for w in result.warnings)
    assert result.image.shape == left.shape and result.calibration.baseline == pytest.approx(0.1)
    assert result.depth is not None


class Remembers(Told):
    """Notes the field that each call starts from."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[float | None] = []

    def forward(self, *views: Tensor, init_flow: Tensor | None = None) -> dict[str, Tensor]:
        self.starts.append(None if init_flow is None else float(init_flow[0, ..., 0].mean()))
        return super().forward(*views)


def test_frames_start_from_the_last_field_within_a_scene() -> None:
    frames = []
    for disparity in (10, 12, 14):
        frames.append(shifted_pair(11))
        frames[-1][0][..., 0] = frames[-1][1][..., 0] = disparity
    white = [np.full_like(view, 255) for view in frames[0]]
    network = Remembers()
    video = StereoVideo(StereoInferencer(network=network))
    results = list(video([*frames, (white[0], white[1]), (white[0], white[0][:100]), frames[0], frames[1]]))
    assert [result.error is None for result in results] == [True] * 4 + [False, True, True]
    assert network.starts == [None, -10, -12, None, None, -10] and video.cuts == 2
    assert results[1].left == "frame 1 left" and (results[2].disparity == 14).all()
    cold = Remembers()
    list(StereoVideo(StereoInferencer(network=cold), warm=False).stream(frames))
    assert cold.starts == [None] * 3


def test_warnings_of_video_are_given_once_and_not_before_there_is_something_to_see() -> None:
    black = np.zeros((240, WIDTH, 3), np.uint8)
    swapped = shifted_pair(12)[::-1]
    frames = [(black, black + 1), swapped, swapped]
    warnings = [result.warnings for result in StereoVideo(StereoInferencer(network=Told()))(frames)]
    assert [any("swapped" in text for text in each) for each in warnings] == [False, True, False]


def test_only_the_first_frame_is_checked() -> None:
    pair = shifted_pair(12)[::-1]
    results = list(StereoVideo(StereoInferencer(network=Told()))([pair, pair]))
    assert "swapped" in results[0].warnings[0] and results[1].warnings == []


@pytest.fixture(scope="module")
def nano() -> nn.Module:
    from vision.models import MatchStereo

    torch.manual_seed(0)
    return MatchStereo.from_variant("nano")


def test_the_real_network(nano: nn.Module) -> None:
    left, right = shifted_pair(8, (192, 224))
    infer = StereoInferencer(network=nano, scale=1, checks=False)
    result = infer.match(left, right)
    assert result.error is None and result.disparity.shape == (192, 224) and np.isfinite(result.disparity).all()
    with torch.no_grad():
        images = [torch.from_numpy(view).permute(2, 0, 1)[None].float() for view in (left, right)]
        field = nano(*images)["field_up"].numpy()
    np.testing.assert_allclose(result.disparity, -field[0, ..., 0], atol=1e-3)
    np.testing.assert_allclose(result.disparity_right, field[1, ..., 0], atol=1e-3)


def test_the_real_network_starts_from_a_field(nano: nn.Module) -> None:
    infer = StereoInferencer(network=nano, checks=False)
    views = shifted_pair(8, (192, 224))
    pair = infer.prepare(*views, ("left", "right"), checks=False)
    start = np.full((2, 192, 224, 1), 5, np.float32)
    fields = [infer.finish(pair, given)[1] for given in (None, start, 2 * start)]
    assert all(field is not None and field.shape == (2, 192, 224, 1) for field in fields)
    assert not np.allclose(fields[1], fields[0]) and not np.allclose(fields[1], fields[2])


def test_results_without_anything() -> None:
    result = StereoResult("a", "b", error="no such file")
    assert result.to_dict()["error"] == "no such file" and result.path == "a"


def test_a_record_has_plain_text() -> None:
    notice = Notice("both are odd", "same-images")
    record = StereoResult("a", "b", warnings=[notice], error=notice).to_dict()
    assert [*record["warnings"], record["error"]] == [notice, notice]
    assert {type(text) for text in (*record["warnings"], record["error"])} == {str}
