"""What is drawn, by its pixels: colors of the maps as their authors published them, places worked out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from vision.apis import ForgeryResult, StereoResult
from vision.structures.heatmap import HeatMap
from vision.visualization.canvas import draw_panels, draw_scale, fitted, font_of, label_height, wrapped
from vision.visualization.flow import flow_colors, flow_wheel, longest
from vision.visualization.forgery import render_heatmap
from vision.visualization.points import render_points
from vision.visualization.stereo import disparity_colors, render_stereo

BACKGROUND = [22, 24, 29]
# The ends of Moreland's diverging map (blue, red) and Turbo (dark blue, dark red), RGB.
DIVERGING = {0: (59, 76, 192), 1: (180, 4, 38)}
TURBO = {0: (48, 18, 59), 1: (122, 4, 3)}


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def forgery(side: int, probability: float, verdict: str = "real", shade: tuple[int, ...] = (128, 128, 128)):
    preview = np.full((side, side, 3), shade, np.uint8)
    heat = HeatMap(np.full((1, 1), probability, np.float32), np.array([9.0]), np.array([9.0]), side, side, 256, preview)
    return ForgeryResult("a.png", verdict, probability, 0.0, 4, heatmap=heat)


@pytest.mark.parametrize("probability", [0, 1])
def test_tiles_are_blue_or_red_over_gray(probability: int) -> None:
    drawn = pixels(render_heatmap(forgery(400, probability)))
    # Red weighs 0.299 in gray, which is halved and lifted by 64; the colors lie over it with an opacity of 0.6.
    expected = 0.4 * 128 + 0.6 * np.array(DIVERGING[probability])
    assert drawn[drawn.shape[0] // 2, drawn.shape[1] * 3 // 4] == pytest.approx(expected, abs=1)
    red = pixels(render_heatmap(forgery(400, probability, shade=(200, 0, 0))))
    expected = 0.4 * (64 + 0.299 * 200 / 2) + 0.6 * np.array(DIVERGING[probability])
    assert red[red.shape[0] // 2, red.shape[1] * 3 // 4] == pytest.approx(expected, abs=1)
    assert red[red.shape[0] // 2, red.shape[1] // 4].tolist() == [200, 0, 0]


def test_the_legend_goes_from_real_to_generated() -> None:
    drawn = pixels(render_heatmap(forgery(400, 0.5)))
    # The bar is the lowest thing that has the colors of the ends, over middle gray.
    left, right = (0.4 * 128 + 0.6 * np.array(DIVERGING[end]) for end in (0, 1))
    rows = [y for y in range(drawn.shape[0]) if np.abs(drawn[y, 12] - left).max() <= 2]
    assert rows and np.abs(drawn[rows[3], -13] - right).max() <= 2
    assert drawn[rows[0] - 2, 12].tolist() == BACKGROUND


@pytest.mark.parametrize(
    ("verdict", "color"),
    [("real", (104, 190, 134)), ("ai-generated", (244, 122, 96)), ("inconclusive", (232, 190, 92))],
)
def test_verdicts_have_their_colors(verdict: str, color: tuple[int, ...]) -> None:
    drawn = render_heatmap(forgery(400, 0.5, verdict))
    header = pixels(drawn)[10:40, :200].reshape(-1, 3).tolist()
    assert list(color) in header


@pytest.mark.parametrize(
    ("side", "panel", "gap", "unit"), [(64, 320, 12, 13), (100, 300, 12, 13), (400, 400, 12, 13), (1000, 1000, 25, 24)]
)
def test_sizes_of_heat_maps(side: int, panel: int, gap: int, unit: int) -> None:
    """Two columns at least 360 wide, three gaps of a 40th of a column: small images are enlarged by whole numbers."""
    drawn = render_heatmap(forgery(side, 0.5))
    assert drawn.width == 2 * max(360, panel) + 3 * gap
    # Header, label, image and legend, by the size of letters; what is left are lines of words.
    words = drawn.height - (round(2.3 * unit) + round(1.9 * unit) + panel + unit + round(2.2 * unit) + 4 * gap)
    assert words in [round(1.4 * unit) * lines for lines in (1, 2, 3)]


def test_a_title_takes_a_line_and_numbers_are_written() -> None:
    plain, titled = (render_heatmap(forgery(400, 0.5), title) for title in ("", "holiday.png"))
    assert titled.height - plain.height == pytest.approx(1.7 * 13, abs=1.5)
    judged = forgery(400, 0.5)
    judged.stable = True
    other = forgery(400, 0.5)
    other.stable = False
    drawings = [pixels(render_heatmap(result)) for result in (forgery(400, 0.5), judged, other)]
    assert all((a != b).any() for a, b in ((drawings[0], drawings[1]), (drawings[1], drawings[2])))
    silent = forgery(400, 0.5)
    silent.probability = silent.verdict = None
    assert render_heatmap(silent).width == drawings[0].shape[1]


@pytest.mark.parametrize("turned", [False, True])
def test_disparities_are_turbo(turned: bool) -> None:
    disparity = np.array([[0, 10, 20, np.nan]], np.float32)
    colors = disparity_colors(disparity.T if turned else disparity, (0, 20)).reshape(4, 3).astype(int)
    assert colors[0] == pytest.approx(TURBO[0], abs=1) and colors[2] == pytest.approx(TURBO[1], abs=1)
    assert colors[1] == pytest.approx((164, 252, 60), abs=4)  # the middle is green
    assert colors[3].tolist() == [0, 0, 0]


def stereo(height: int, width: int, **fields: object) -> StereoResult:
    return StereoResult("l", "r", image=np.full((height, width, 3), (200, 100, 30), np.uint8), **fields)


@pytest.mark.parametrize(
    ("size", "panel"),
    [((100, 100), (300, 300)), ((100, 200), (100, 200)), ((400, 500), (400, 500)), ((1500, 2000), (750, 1000))],
)
def test_panels_of_a_pair(size: tuple[int, int], panel: tuple[int, int]) -> None:
    """Enlarged by whole numbers below 360 pixels, reduced to 1000; the second begins where the first and a gap end."""
    height, width = size
    ramp = np.tile(np.linspace(0, 100, width, dtype=np.float32), (height, 1))
    picture = pixels(render_stereo(stereo(height, width, disparity=ramp)))
    column = max(360, panel[1])
    gap = max(12, column // 40)
    assert picture.shape[1] == 2 * column + 3 * gap
    ys, xs = np.nonzero((np.abs(picture - [200, 100, 30]) <= 1).all(-1))
    assert (ys.max() - ys.min() + 1, xs.max() - xs.min() + 1) == panel
    assert xs.min() == gap + (column - panel[1]) // 2
    top, left = ys.min(), 2 * gap + column + (column - panel[1]) // 2
    right = picture[top : top + panel[0], left : left + panel[1]]
    assert right[5, 0] == pytest.approx(TURBO[0], abs=12) and right[-5, -1] == pytest.approx(TURBO[1], abs=12)
    assert picture[top + panel[0] // 2, left - 2].tolist() == BACKGROUND


def test_flow_panels_show_the_wheel_below() -> None:
    flow = np.zeros((400, 400, 2), np.float32)
    flow[..., 0] = 5
    picture = pixels(render_stereo(stereo(400, 400, flow=flow)))
    assert picture[100, 700].tolist() == [255, 0, 0]  # to the right
    # A gap, the label, the panel, a gap, a wheel as high as four lines of letters, a gap.
    assert picture.shape[0] == 12 + 25 + 400 + 12 + 4 * 13 + 12


def test_directions_of_the_wheel() -> None:
    """Right is red, down is yellow-green, left is cyan, up is violet: 90 degrees of hue for 90 of direction."""
    flow = np.array([[[1, 0], [0, 1], [-1, 0], [0, -1], [0.5, 0]]], np.float32)
    expected = np.array([[255, 0, 0], [128, 255, 0], [0, 255, 255], [128, 0, 255], [255, 128, 128]])
    assert flow_colors(flow, 1)[0].astype(int) == pytest.approx(expected, abs=1)
    wheel = flow_wheel(101).astype(int)
    assert wheel.shape == (101, 101, 3)
    right, down, left, up = wheel[50, 99], wheel[99, 50], wheel[50, 1], wheel[1, 50]
    assert right[0] > 250 and down[1] > 250 and left[0] < 10 and up[2] > 250
    assert (wheel[5, 5] == 0).all() and wheel[50, 50].min() > 250


def test_labels_stand_over_their_panels() -> None:
    canvas = Image.new("RGB", (320, 120), tuple(BACKGROUND))
    panels = [(np.full((40, 60, 3), 200, np.uint8), "first"), (np.full((40, 100, 3), 90, np.uint8), "second")]
    draw_panels(canvas, panels, 100, 10, 5, 13)
    drawn = pixels(canvas)
    for shade, left, wide in ((200, 30, 60), (90, 120, 100)):
        ys, xs = np.nonzero((drawn == shade).all(-1))
        assert (ys.min(), ys.max(), xs.min(), xs.max()) == (30, 69, left, left + wide - 1)  # 5 + 1.9 x 13
    assert label_height(13) == 25
    for left in (10, 120):
        assert (drawn[5:30, left : left + 50] != BACKGROUND).any()


def test_a_scale_runs_from_its_first_limit_to_its_last() -> None:
    image = Image.new("RGB", (201, 60), tuple(BACKGROUND))
    draw_scale(image, lambda v: np.rint(v)[..., None].repeat(3, 2).astype(np.uint8), (50, 250), ("a", "b", "c"), 12, 20)
    drawn = pixels(image)
    assert drawn[:12, [0, 100, 200], 0].tolist() == [[50, 150, 250]] * 12
    assert (drawn[12:20] == BACKGROUND).all()
    columns = np.nonzero((drawn[20:] != BACKGROUND).any((0, 2)))[0]
    assert columns.min() < 10 and columns.max() > 190 and ((columns > 90) & (columns < 110)).any()


def test_text_that_is_too_long_is_cut() -> None:
    font = font_of(13)
    text = "holiday pictures of the year before the last one/IMG_0001.jpg"
    start, end = fitted(text, 150, font), fitted(text, 150, font, keeps_end=True)
    assert start.endswith("...") and text.startswith(start[:-3]) and font.getlength(start) <= 150
    head, tail = end.split("...")
    assert text.startswith(head) and text.endswith(tail) and abs(len(head) - len(tail)) <= 1
    assert font.getlength(end) <= 150 < font.getlength(text)
    assert fitted("short", 150, font) == "short" and fitted("日x", 150, font) == "?x"
    assert len(fitted("i" * 1000, 10**6, font)) == 400
    lines = wrapped(text, 150, font)
    assert " ".join(lines) == text and len(lines) > 2
    assert all(font.getlength(line) <= 150 or " " not in line for line in lines)
    for line, after in itertools.pairwise(lines):
        assert font.getlength(f"{line} {after.split()[0]}") > 150


def test_points_are_drawn_where_the_camera_sees_them() -> None:
    """Four corners of a square 2 wide at depth 2: 98 of 100 points fit into 0.45 of the picture on either side."""
    x, y = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21))
    points = np.stack([x.ravel(), y.ravel(), np.full(441, 2.0)], 1)
    colors = np.full((441, 3), 90, np.uint8)
    colors[(x > 0.9).ravel() & (y < -0.9).ravel()] = (255, 0, 0)  # right and up
    picture = render_points(points, colors, size=(200, 200), yaw=0, pitch=0).astype(int)
    ys, xs = np.nonzero((picture == [255, 0, 0]).all(-1))
    # In the middle of a square of 1 + sqrt(2 x 200 x 200 / 441) = 14 pixels, 7 before it and 6 after.
    assert (xs.max(), ys.min()) == (190 + 6, 10 - 7)
    seen = (picture != BACKGROUND).any(-1)
    assert seen[20:180, 20:180].all() and not seen[:, :3].any()  # squares without gaps
    other = render_points(points, colors, size=(200, 200), yaw=0, pitch=0, background=(1, 2, 3))
    assert other[0, 0].tolist() == [1, 2, 3]


def test_a_camera_that_goes_up_sees_what_is_near_below() -> None:
    x, y = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41))
    wall = np.stack([x.ravel(), y.ravel(), np.full(x.size, 4.0)], 1)
    near = np.array([[0.0, 0.0, 3.0]])
    colors = np.vstack([np.full((x.size, 3), 90, np.uint8), np.array([[0, 255, 0]], np.uint8)])
    rows = []
    for pitch in (-20, 20):
        picture = render_points(np.vstack([wall, near]), colors, size=(160, 160), yaw=0, pitch=pitch)
        rows.append(np.nonzero((picture == [0, 255, 0]).all(-1))[0].mean())
    assert rows[0] > 88 and rows[1] < 72
    behind = np.vstack([wall, [[0, 0, -9.0]]])
    picture = render_points(behind, colors, size=(160, 160), yaw=0, pitch=0)
    assert not (picture == [0, 255, 0]).all(-1).any()  # what is behind the camera is not drawn


def test_the_longest_of_unknown_motion_is_a_pixel() -> None:
    assert longest(np.full((2, 2, 2), np.nan)) == 1
