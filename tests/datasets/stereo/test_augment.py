from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vision.datasets import (
    PackStereo,
    PerView,
    RandomErase,
    RandomSoften,
    RandomStereoColor,
    RandomStereoCrop,
    RandomStereoFlip,
    RandomStereoScale,
    RandomVerticalJitter,
    SyntheticStereo,
)
from vision.datasets.stereo.augment import hide_outside, resize_sample
from vision.datasets.transforms import build_transform

HEIGHT, WIDTH = 96, 160
MAPS = ("disparity", "disparity_right", "visible", "visible_right", "flow")

ALWAYS = [
    RandomStereoScale((1.2, 1.5), prob=1.0),
    RandomStereoCrop((64, 96), y_jitter=2),
    RandomVerticalJitter(prob=1.0),
    RandomStereoFlip(1.0, 1.0),
    RandomStereoColor(asymmetric=1.0, prob=1.0),
    RandomErase((10, 30), prob=1.0),
    RandomSoften((1.5, 2.0), prob=1.0),
    PerView([{"type": "RandomNoise", "sigma": (3, 6), "prob": 1.0}]),
]
names = [type(transform).__name__ for transform in ALWAYS]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def pair() -> dict:
    """A dense synthetic pair by ideal cameras."""
    return SyntheticStereo((HEIGHT, WIDTH), 4, sensor=0.0, num_textures=6, texture_size=128, layouts={"indoor": 1.0})[2]


@pytest.fixture
def sparse(pair) -> dict:
    """Left truth alone, at a fifth of the pixels, as laser scanners give it."""
    known = rng(5).random((HEIGHT, WIDTH)) < 0.2
    disparity = np.where(known, pair["disparity"], np.nan).astype(np.float32)
    return {**pair, "disparity": disparity, "disparity_right": None, "visible": None, "visible_right": None}


@pytest.fixture
def flow(pair) -> dict:
    """The pair as two frames."""
    field = np.stack([-pair["disparity"], np.full((HEIGHT, WIDTH), 1.5, np.float32)], 2)
    field[:4] = np.nan
    empty = {"disparity": None, "disparity_right": None, "visible_right": None}
    return {**pair, **empty, "flow": field}


@pytest.fixture
def bare(pair) -> dict:
    """Views alone."""
    return {"left": pair["left"], "right": pair["right"], "disparity": None, "visible": None, "path": "a", "scene": "b"}


def warp_error(sample: dict, extra: float = 0.0) -> float:
    """Median difference between the left view and what the right one shows at the match, where visible."""
    height, width = sample["left"].shape[:2]
    with np.errstate(invalid="ignore"):
        place = np.arange(width)[None] - sample["disparity"] + extra
        good = np.isfinite(place) & (place >= 0) & (place <= width - 1)
    good &= sample["visible"] if sample.get("visible") is not None else True
    columns = np.where(good, place, 0).round().astype(int)
    rows = np.broadcast_to(np.arange(height)[:, None], columns.shape)
    return float(np.median(np.abs(sample["right"][rows, columns].astype(float) - sample["left"])[good]))


@pytest.mark.parametrize("transform", ALWAYS, ids=names)
@pytest.mark.parametrize("kind", ["pair", "sparse", "flow", "bare"])
def test_each_takes_every_kind_of_sample(transform, kind, request):
    sample = request.getfixturevalue(kind)
    before = {name: value.copy() for name, value in sample.items() if isinstance(value, np.ndarray)}
    result, again = transform(sample, rng(3)), transform(sample, rng(3))
    for name, value in before.items():
        np.testing.assert_array_equal(sample[name], value)
    assert (result["path"], result["scene"]) == (sample["path"], sample["scene"])
    shape = result["left"].shape[:2]
    for name in ("left", "right"):
        assert result[name].dtype == np.uint8 and result[name].shape == (*shape, 3)
        np.testing.assert_array_equal(result[name], again[name])
    for name in MAPS:
        value = result.get(name)
        if value is not None:
            assert value.dtype == (bool if "visible" in name else np.float32)
            assert value.shape[:2] == shape
    packed = PackStereo()(result)
    assert packed["inputs"].shape == (2, 3, *shape)


@pytest.mark.parametrize("transform", ALWAYS, ids=names)
def test_each_changes_the_pair_and_differs_from_draw_to_draw(transform, pair):
    results = [transform(pair, rng(seed)) for seed in range(5)]
    assert all(r["right"].shape != pair["right"].shape or (r["right"] != pair["right"]).any() for r in results)
    if not isinstance(transform, RandomStereoFlip):
        assert any(r["right"].shape != results[0]["right"].shape or (r["right"] != results[0]["right"]).any()
                   for r in results[1:])  # fmt: skip


def test_rows_of_flow_pairs_are_left_alone(flow):
    assert RandomVerticalJitter(prob=1.0)(flow, rng()) is flow
    for seed in range(5):
        result = RandomStereoCrop((64, 96), y_jitter=4)(flow, rng(seed))
        plain = RandomStereoCrop((64, 96))(flow, rng(seed))
        np.testing.assert_array_equal(result["right"], plain["right"])


@pytest.mark.parametrize(
    "transform",
    [
        RandomStereoScale(prob=0),
        RandomVerticalJitter(prob=0),
        RandomStereoFlip(0, 0),
        RandomStereoColor(prob=0),
        RandomErase(prob=0),
        RandomSoften(prob=0),
    ],
    ids=lambda t: type(t).__name__,
)
def test_probability_zero_leaves_the_pair_alone(transform, pair):
    for seed in range(3):
        result = transform(pair, rng(seed))
        assert all(result[name] is pair[name] for name in pair)


@pytest.mark.parametrize("size", [(120, 220), (70, 100), (96, 200)])
def test_resizing_scales_the_disparity_with_the_width(size, pair, sparse):
    result = resize_sample(pair, size)
    assert result["left"].shape[:2] == size
    assert np.median(result["disparity"]) == pytest.approx(np.median(pair["disparity"]) * size[1] / WIDTH, rel=0.05)
    assert warp_error(result) < 0.5 * warp_error(result, 4.0)
    # Nothing between two surfaces: every value is near one of the known ones.
    thin = resize_sample(sparse, size)["disparity"]
    values = np.unique(sparse["disparity"][np.isfinite(sparse["disparity"])] * np.float32(size[1] / WIDTH))
    found = thin[np.isfinite(thin)]
    assert 0.1 < np.isfinite(thin).mean() < 0.4
    nearest = np.abs(values[np.clip(np.searchsorted(values, found), 1, len(values) - 1)] - found)
    below = np.abs(values[np.clip(np.searchsorted(values, found) - 1, 0, len(values) - 1)] - found)
    assert np.minimum(nearest, below).max() <= 0.5


def test_smooth_truth_is_interpolated_and_edges_are_kept():
    ramp = np.broadcast_to(np.arange(WIDTH, dtype=np.float32) * 0.25, (HEIGHT, WIDTH)).copy()
    ramp[:, 80:] += 40
    views = {"left": np.zeros((HEIGHT, WIDTH, 3), np.uint8), "right": np.zeros((HEIGHT, WIDTH, 3), np.uint8)}
    large = resize_sample({**views, "disparity": ramp, "visible": ramp > 30}, (HEIGHT, 2 * WIDTH))
    steps = np.diff(large["disparity"][0])
    assert (np.abs(steps - 0.25) < 0.01).mean() > 0.95
    assert (steps > 70).sum() == 1
    np.testing.assert_array_equal(large["visible"][0], np.arange(2 * WIDTH) >= 160)


def test_flow_is_scaled_along_both_axes(flow):
    result = resize_sample(flow, (2 * HEIGHT, 3 * WIDTH))["flow"]
    assert np.nanmedian(result[..., 1]) == pytest.approx(3.0)
    assert np.nanmedian(result[..., 0]) == pytest.approx(3 * np.nanmedian(flow["flow"][..., 0]), rel=0.05)
    assert 0 < np.isnan(result).mean() < 0.1


def test_scaling_reaches_the_size_that_the_crop_needs(pair):
    for seed in range(8):
        result = RandomStereoScale((0.3, 0.6), min_size=(80, 150))(pair, rng(seed))
        assert result["left"].shape[0] >= 80 and result["left"].shape[1] >= 150
        assert RandomStereoCrop((80, 150))(result, rng(seed))["left"].shape == (80, 150, 3)
    ratios = []
    for seed in range(30):
        height, width = RandomStereoScale((0.8, 1.25), stretch=0.2, prob=1.0)(pair, rng(seed))["left"].shape[:2]
        assert 0.79 <= width / WIDTH <= 1.26
        ratios.append(height / HEIGHT / (width / WIDTH))
    assert 0.8 < min(ratios) < 0.9 and 1.1 < max(ratios) < 1.22


def test_a_crop_is_one_window_of_everything(pair):
    result = RandomStereoCrop((40, 64))(pair, rng(7))
    windows = np.lib.stride_tricks.sliding_window_view(pair["disparity"], (40, 64))
    ((top, left),) = np.argwhere((windows == result["disparity"]).all((2, 3)))
    rows, columns = slice(top, top + 40), slice(left, left + 64)
    for name in ("left", "right", "disparity_right"):
        np.testing.assert_array_equal(result[name], pair[name][rows, columns])
    outside = np.arange(64) - result["disparity"] < 0
    np.testing.assert_array_equal(result["visible"], pair["visible"][rows, columns] & ~outside)
    outside = np.arange(64) + result["disparity_right"] > 63
    np.testing.assert_array_equal(result["visible_right"], pair["visible_right"][rows, columns] & ~outside)
    with pytest.raises(ValueError, match=r"96 x 160.*100 x 64"):
        RandomStereoCrop((100, 64))(pair, rng())


def test_crop_jitter_moves_the_rows_of_the_right_view_alone(pair):
    rows = np.broadcast_to(np.arange(HEIGHT, dtype=np.uint8)[:, None, None], (HEIGHT, WIDTH, 3))
    columns = np.broadcast_to(np.arange(WIDTH, dtype=np.uint8)[:, None], (HEIGHT, WIDTH, 3))
    shifts = set()
    for seed in range(30):
        crop = RandomStereoCrop((40, 64), y_jitter=2)
        result = crop({**pair, "left": rows, "right": rows}, rng(seed))
        shifts.add(int(result["right"][0, 0, 0]) - int(result["left"][0, 0, 0]))
        result = crop({**pair, "left": columns, "right": columns}, rng(seed))
        np.testing.assert_array_equal(result["left"], result["right"])
    assert shifts == {-2, -1, 0, 1, 2}


def test_flow_that_leaves_the_image_is_not_visible(flow):
    result = hide_outside(flow)
    assert not result["visible"][-1].any() and flow["visible"][-1].any()
    np.testing.assert_array_equal(result["visible"][:4], flow["visible"][:4])


def test_vertical_jitter_is_a_fraction_of_a_row(pair):
    ramp = np.broadcast_to(np.arange(HEIGHT, dtype=np.uint8)[:, None, None] * 2, (HEIGHT, WIDTH, 3)).copy()
    sample = {**pair, "right": ramp}
    shifts = []
    for seed in range(20):
        result = RandomVerticalJitter(1.5, tilt=0.0, prob=1.0)(sample, rng(seed))
        assert result["left"] is pair["left"] and result["disparity"] is pair["disparity"]
        shifts.append(float((ramp[20:70].astype(float) - result["right"][20:70]).mean()) / 2)
    assert -1.6 < min(shifts) < -0.7 and 0.7 < max(shifts) < 1.6
    assert any(abs(shift - round(shift)) > 0.2 for shift in shifts)


def test_flips_are_their_own_inverse_and_keep_the_geometry(pair):
    for flip in (RandomStereoFlip(1, 0), RandomStereoFlip(0, 1), RandomStereoFlip(1, 1)):
        result = flip(pair, rng())
        assert (result["left"] != pair["left"]).any()
        assert result["disparity"].min() > 0 and warp_error(result) < 0.5 * warp_error(result, 4.0)
        again = flip(result, rng())
        for name in pair:
            np.testing.assert_array_equal(again[name], pair[name])
    mirrored = RandomStereoFlip(1, 0)(pair, rng())
    np.testing.assert_array_equal(mirrored["left"], pair["right"][:, ::-1])
    np.testing.assert_array_equal(mirrored["disparity"], pair["disparity_right"][:, ::-1])
    np.testing.assert_array_equal(mirrored["visible"], pair["visible_right"][:, ::-1])


def test_mirroring_needs_the_right_views_truth(sparse, bare):
    assert RandomStereoFlip(1, 0)(sparse, rng())["left"] is sparse["left"]
    np.testing.assert_array_equal(RandomStereoFlip(1, 0)(bare, rng())["left"], bare["right"][:, ::-1])


def test_mirrored_flow_turns_its_sign(flow):
    result = RandomStereoFlip(1, 1)(flow, rng())
    np.testing.assert_array_equal(result["left"], flow["left"][::-1, ::-1])
    np.testing.assert_array_equal(result["flow"], -flow["flow"][::-1, ::-1])


def test_colors_change_alike_or_not(pair):
    same = {**pair, "right": pair["left"]}
    alike = RandomStereoColor(asymmetric=0.0, prob=1.0)(same, rng(1))
    np.testing.assert_array_equal(alike["left"], alike["right"])
    unlike = RandomStereoColor(asymmetric=1.0, prob=1.0)(same, rng(1))
    assert (unlike["left"] != unlike["right"]).any()
    nothing = RandomStereoColor(0, 0, 0, 0, (1.0, 1.0), prob=1.0)(pair, rng())
    np.testing.assert_array_equal(nothing["left"], pair["left"])
    gray = RandomStereoColor(0, 0, saturation=0, hue=0.5, gamma=(1, 1), prob=1.0)
    channels = gray({**pair, "left": np.repeat(pair["left"][..., :1], 3, 2)}, rng())["left"].astype(int)
    assert np.ptp(channels, axis=2).max() <= 1


def test_brightness_moves_the_mean(pair):
    dull = {**pair, "left": (pair["left"] // 3 + 60).astype(np.uint8)}
    means = [
        RandomStereoColor(0.3, 0, 0, 0, (1, 1), prob=1.0)(dull, rng(seed))["left"].mean() / dull["left"].mean()
        for seed in range(20)
    ]
    assert 0.69 < min(means) < 0.85 and 1.15 < max(means) < 1.31


def test_erased_rectangles_are_mean_colored_and_hide_what_matches(pair):
    result = RandomErase((20, 40), most=1, prob=1.0)(pair, rng(2))
    changed = (result["right"] != pair["right"]).any(2)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    assert (result["right"][window] == pair["right"].reshape(-1, 3).mean(0).round()).all()
    assert not result["visible_right"][window].any()
    lost = pair["visible"] & ~result["visible"]
    place = (np.arange(WIDTH) - pair["disparity"]).round()
    inside = (place >= columns[0]) & (place <= columns[-1])
    inside[: rows[0]] = inside[rows[-1] + 1 :] = False
    np.testing.assert_array_equal(lost, inside & pair["visible"])


def test_softened_views_are_what_half_their_pixels_show_and_stay_in_place(pair):
    result = RandomSoften((2.0, 2.0), prob=1.0)(pair, rng())
    for view in ("left", "right"):
        sharp, soft = pair[view].astype(float), result[view].astype(float)
        blocks = [image.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3) for image in (sharp, soft)]
        np.testing.assert_allclose(*(image.mean((1, 3)).mean((0, 1)) for image in blocks), atol=1)  # as bright
        detail = [(image - image.mean((1, 3), keepdims=True)).std() for image in blocks]
        assert detail[1] < 0.5 * detail[0]
        assert np.corrcoef(sharp.ravel(), soft.ravel())[0, 1] > 0.9
        shifted = np.roll(soft, 1, axis=1)
        assert np.abs(sharp - soft).mean() < np.abs(sharp - shifted).mean()


def test_each_view_gets_its_own_noise_or_the_same(pair):
    same = {**pair, "right": pair["left"]}
    noise = [{"type": "RandomNoise", "sigma": (5, 5), "prob": 1.0}]
    alike, unlike = PerView(noise, alike=1.0)(same, rng()), PerView(noise, alike=0.0)(same, rng())
    np.testing.assert_array_equal(alike["left"], alike["right"])
    assert (unlike["left"] != unlike["right"]).mean() > 0.5
    with pytest.raises(ValueError, match="keep the size"):
        PerView([{"type": "RandomResize", "factor": (2, 2), "prob": 1.0}])(pair, rng())


def test_packing_keeps_both_views_and_marks_the_unknown(pair, sparse, flow, bare):
    packed = PackStereo()(pair, rng())
    assert packed["inputs"].dtype == torch.uint8
    np.testing.assert_array_equal(packed["inputs"][1].permute(1, 2, 0).numpy(), pair["right"])
    np.testing.assert_array_equal(packed["disparity"].numpy(), np.stack([pair["disparity"], pair["disparity_right"]]))
    np.testing.assert_array_equal(packed["visible"].numpy(), np.stack([pair["visible"], pair["visible_right"]]))
    assert packed["path"] == pair["path"] and packed["scene"] == "synthetic" and "field" not in packed
    half = PackStereo()(sparse)
    assert half["disparity"][1].isnan().all() and half["visible"].isnan().all()
    np.testing.assert_array_equal(half["disparity"][0].numpy(), sparse["disparity"])
    assert PackStereo()(bare)["disparity"].isnan().all()
    moving = PackStereo()(flow)
    assert moving["field"].shape == (2, HEIGHT, WIDTH, 2) and "disparity" not in moving
    assert moving["field"][1].isnan().all()
    with pytest.raises(ValueError, match="synthetic/00002"):
        PackStereo()({**pair, "right": pair["right"][:-1]})
    with pytest.raises(ValueError, match="visible"):
        PackStereo()({**pair, "visible": pair["visible"][:-1]})


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (RandomStereoScale, {"scale": (2.0, 1.0)}),
        (RandomStereoScale, {"prob": 1.5}),
        (RandomStereoCrop, {"size": 0}),
        (RandomStereoCrop, {"size": 32, "y_jitter": -1}),
        (RandomVerticalJitter, {"shift": -1.0}),
        (RandomStereoFlip, {"horizontal_prob": 2.0}),
        (RandomStereoColor, {"brightness": 3.0}),
        (RandomStereoColor, {"gamma": (0.0, 1.0)}),
        (RandomErase, {"size": (50, 20)}),
        (RandomErase, {"most": 0}),
        (RandomSoften, {"factor": (0.5, 2.0)}),
        (PerView, {"transforms": [], "alike": -1.0}),
    ],
)
def test_values_out_of_range_are_refused(kind, options):
    with pytest.raises(ValueError, match="expected"):
        kind(**options)


@pytest.mark.parametrize("name", [*names, "PackStereo"])
def test_configs_name_them(name):
    options = {"RandomStereoCrop": {"size": 32}, "PerView": {"transforms": []}}.get(name, {})
    assert type(build_transform({"type": name, **options})).__name__ == name


@pytest.mark.parametrize(("size", "mode"), [((150, 250), cv2.INTER_LINEAR), ((60, 100), cv2.INTER_AREA)])
def test_views_are_averaged_where_they_shrink_and_interpolated_where_they_grow(size, mode, pair):
    expected = cv2.resize(pair["left"], size[::-1], interpolation=mode)
    np.testing.assert_array_equal(resize_sample(pair, size)["left"], expected)
