"""Disparity and flow in colors, and the image beside them."""

from __future__ import annotations

import numpy as np
import pytest

from vision.apis import StereoResult
from vision.visualization.flow import flow_colors, flow_wheel, longest
from vision.visualization.stereo import disparity_colors, disparity_range, render_stereo


def result_of(size: tuple[int, int], flow: bool = False) -> StereoResult:
    disparity = np.tile(np.linspace(0, 50, size[1], dtype=np.float32), (size[0], 1))
    result = StereoResult("left.png", "right.png", image=np.full((*size, 3), 128, np.uint8))
    result.occlusion = np.zeros(size, bool)
    if flow:
        result.flow = np.stack([disparity, -disparity], axis=-1)
    else:
        result.disparity = disparity
    return result


def test_near_is_red_far_is_blue_unknown_is_black() -> None:
    disparity = np.tile(np.linspace(10, 90, 81, dtype=np.float32), (3, 1))
    disparity[1, 40] = np.nan
    disparity[2, 40] = np.inf
    colors = disparity_colors(disparity, (20, 80)).astype(int)
    assert colors.shape == (3, 81, 3)
    assert colors[0, 20, 2] > colors[0, 20, 0] and colors[0, 60, 0] > colors[0, 60, 2]
    assert (colors[0, 0] == colors[0, 10]).all() and (colors[0, 80] == colors[0, 70]).all()
    assert (colors[1:, 40] == 0).all() and colors[1:, 41].any()


def test_range_is_of_what_is_known() -> None:
    disparity = np.linspace(0, 100, 1001, dtype=np.float32).reshape(7, 143)
    assert disparity_range(disparity) == pytest.approx((1, 99), abs=0.1)
    disparity[:] = 7
    assert disparity_range(disparity) == (7, 8)
    assert disparity_range(np.full((2, 2), np.nan)) == (0, 1)


def test_flow_is_white_at_rest_and_opposite_motions_have_opposite_colors() -> None:
    flow = np.array([[[0, 0], [5, 0], [-5, 0], [np.nan, 0], [50, 0]]], np.float32)
    colors = flow_colors(flow, 5.0)[0].tolist()
    assert colors[:4] == [[255, 255, 255], [255, 0, 0], [0, 255, 255], [0, 0, 0]] and colors[4] == colors[1]
    assert longest(flow) == pytest.approx(50, rel=0.05) and longest(flow[:, :1]) == 1
    wheel = flow_wheel(41)
    assert wheel[20, 40, 0] > 200 > wheel[20, 40, 1] and (wheel[0, 0] == 0).all() and wheel[20, 20].min() > 230


@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("size", [(8, 8), (8, 3000), (3000, 8), (375, 1242)])
def test_any_size_is_drawn(size: tuple[int, int], flow: bool) -> None:
    picture = render_stereo(result_of(size, flow), "a title " * 50 + "日本語")
    assert picture.mode == "RGB" and 700 < picture.width <= 2100 and 60 < picture.height <= 1200


def test_the_left_panel_is_the_image_the_right_one_its_disparity() -> None:
    picture = np.asarray(render_stereo(result_of((400, 400)))).astype(int)
    middle, quarter = picture.shape[0] // 2, picture.shape[1] // 4
    assert picture[middle, quarter].tolist() == [128, 128, 128]
    far, near = (picture[middle, column] for column in (2 * quarter + 40, 4 * quarter - 40))
    assert far[2] > far[0] and near[0] > near[2]


def test_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing to draw: no such file"):
        render_stereo(StereoResult("a", "b", error="no such file"))
