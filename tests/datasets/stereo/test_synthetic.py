from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest

from vision.datasets import PackStereo, SyntheticStereo
from vision.datasets.scene import outline
from vision.datasets.scene.camera import Rig
from vision.datasets.scene.planar import coverage
from vision.datasets.scene.pool import TexturePool, tileable
from vision.datasets.scene.view import Fragment, View
from vision.datasets.scene.workshop import Workshop
from vision.datasets.stereo.visibility import LEFT, RIGHT, seen_by_other

LAYOUTS = ["indoor", "street", "confetti"]
SIZE = (128, 224)


def make(layout: str | None = None, **options) -> SyntheticStereo:
    layouts = None if layout is None else {layout: 1.0}
    return SyntheticStereo(
        **{"size": SIZE, "length": 100, "num_textures": 5, "texture_size": 64, "layouts": layouts, **options}
    )


@pytest.fixture(scope="module")
def ideal() -> dict[str, list[dict]]:
    """A few pairs of each layout by ideal cameras."""
    return {name: [make(name, sensor=0.0, gray=0.0)[i] for i in range(3)] for name in LAYOUTS}


def match(values: np.ndarray, disparity: np.ndarray, sign: int, mode: int = cv2.INTER_LINEAR) -> np.ndarray:
    """What the other view shows at every pixel's match."""
    x = np.arange(disparity.shape[1], dtype=np.float32)[None] + sign * disparity
    y = np.broadcast_to(np.arange(disparity.shape[0], dtype=np.float32)[:, None], x.shape)
    return cv2.remap(values, x, y, mode, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_pair_has_what_the_docstring_says(layout):
    dataset = make(layout)
    for index in range(3):
        sample = dataset[index]
        for name in ("left", "right"):
            assert sample[name].dtype == np.uint8 and sample[name].shape == (*SIZE, 3)
            assert sample[name].std() > 5
        for name in ("disparity", "disparity_right"):
            assert sample[name].dtype == np.float32 and sample[name].shape == SIZE
            assert sample[name].min() > 0 and sample[name].max() <= dataset.max_disparity
        assert sample["visible"].dtype == sample["visible_right"].dtype == bool
        assert (sample["path"], sample["scene"]) == (f"synthetic/{index:05d}", "synthetic")
    assert len(dataset) == 100
    with pytest.raises(IndexError):
        dataset[100]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_other_view_shows_the_same_at_the_match(layout, ideal):
    for sample in ideal[layout]:
        for view, other, truth, seen, sign in (
            ("left", "right", "disparity", "visible", -1),
            ("right", "left", "disparity_right", "visible_right", 1),
        ):
            # Edges mix two surfaces, and the views sample them at different places.
            inner = cv2.erode(sample[seen].astype(np.uint8), np.ones((3, 3))) > 0
            error = np.abs(match(sample[other], sample[truth], sign).astype(float) - sample[view]).mean(2)
            assert np.median(error[inner]) < 4 and error[inner].mean() < 8
            shifted = np.abs(match(sample[other], sample[truth] + 3, sign).astype(float) - sample[view]).mean(2)
            assert error[inner].mean() < 0.5 * shifted[inner].mean()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_disparities_agree_where_both_views_see(layout, ideal):
    for sample in ideal[layout]:
        left, right = sample["disparity"], sample["disparity_right"]
        step = cv2.dilate(right, np.ones((3, 3))) - cv2.erode(right, np.ones((3, 3)))
        inner = sample["visible"] & (match(step, left, -1, cv2.INTER_NEAREST) < 1)
        error = np.abs(match(right, left, -1) - left)[inner]
        assert error.mean() < 0.01 and (error > 0.1).mean() < 0.03


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_hidden_is_behind_something_or_outside(layout, ideal):
    shares = []
    for sample in ideal[layout]:
        left, right = sample["disparity"], sample["disparity_right"]
        place = np.arange(SIZE[1])[None] - left
        outside = (place < 0) | (place > SIZE[1] - 1)
        assert not (sample["visible"] & outside).any()
        around = cv2.dilate(right, np.ones((1, 3)))
        hidden = ~sample["visible"] & ~outside
        behind = match(around, left, -1, cv2.INTER_NEAREST) > left + 0.5
        assert (behind | ~hidden).mean() > 0.999
        assert sample["visible"].mean() > 0.3
        shares += [behind[hidden].mean()] if hidden.any() else []
    assert len(shares) >= 2 and min(shares) > 0.95


def test_an_item_depends_on_seed_and_index_alone():
    first, second = make(), make()
    second[3], second[0]
    for a, b in ((first[2], second[2]), (first[2], pickle.loads(pickle.dumps(second))[2])):
        for name, value in a.items():
            np.testing.assert_array_equal(value, b[name])
    assert (make(seed=1)[2]["left"] != first[2]["left"]).any()
    assert (first[1]["left"] != first[2]["left"]).any()


def test_disparity_stays_below_its_limit():
    for index in range(4):
        sample = make(max_disparity=12)[index]
        assert max(sample["disparity"].max(), sample["disparity_right"].max()) <= 12


def test_disparities_differ_from_pair_to_pair():
    dataset = make(size=(48, 192))
    largest = np.array([dataset[index]["disparity"].max() for index in range(14)])
    assert largest.min() < 0.12 * 192 and largest.max() > 0.25 * 192


def test_gray_pairs_have_equal_channels():
    sample = make(gray=1.0)[0]
    assert all((image == image[..., :1]).all() for image in (sample["left"], sample["right"]))
    assert any((image != image[..., :1]).any() for image in [make(gray=0.0)[i]["left"] for i in range(3)])


def test_real_cameras_differ_and_the_truth_does_not():
    ideal, real = make(sensor=0.0), make(sensor=1.0)
    errors = []
    for index in range(4):
        a, b = ideal[index], real[index]
        np.testing.assert_array_equal(a["disparity"], b["disparity"])
        errors.append([np.abs(match(s["right"], s["disparity"], -1).astype(float) - s["left"]).mean() for s in (a, b)])
    assert np.mean(errors, axis=0)[1] > np.mean(errors, axis=0)[0]


def test_photographs_become_textures(tmp_path):
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "a.png"), rng.integers(0, 255, (90, 120, 3), dtype=np.uint8))
    (tmp_path / "notes.md").write_text("not an image")
    dataset = make(textures=tmp_path, photo_share=1.0)
    assert {dataset.pool.kind(index) for index in range(10)} == {"photo"}
    assert (dataset[0]["left"] != make()[0]["left"]).any()
    assert (dataset[0]["left"] == make(textures=[tmp_path / "a.png"], photo_share=1.0)[0]["left"]).all()
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"a\.png"):
        make(textures=tmp_path, photo_share=1.0)[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (16, 200)}, "16"),
        ({"layouts": {"garden": 1.0}}, "garden"),
        ({"layouts": {"indoor": 0.0}}, "indoor"),
        ({"max_disparity": 1}, "max_disparity"),
        ({"textures": "/nowhere"}, "nowhere"),
        ({"photo_share": 1.5}, "photo_share"),
        ({"length": -1}, "length"),
        ({"num_textures": 0}, "num_textures"),
        ({"texture_size": 4}, "texture_size"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_transforms_are_applied():
    packed = make(transforms=[{"type": "RandomStereoCrop", "size": (64, 96)}, PackStereo()])[1]
    assert packed["inputs"].shape == (2, 3, 64, 96) and packed["disparity"].shape == (2, 64, 96)
    again = make(transforms=[{"type": "RandomStereoCrop", "size": (64, 96)}, PackStereo()])[1]
    assert (packed["inputs"] == again["inputs"]).all()


def rig() -> Rig:
    return Rig((60, 100), 90.0, (52.0, 31.0), 60.0)


def test_a_point_lies_half_its_disparity_from_the_middle_in_each_view():
    point = rig().point(40.0, 20.0, 8.0)
    assert rig().project(point[None])[0] == pytest.approx([40.0, 20.0])
    for side, x in ((LEFT, 44.0), (RIGHT, 36.0)):
        assert rig().project((point + np.array([side, 0, 0]))[None])[0] == pytest.approx([x, 20.0])


@pytest.mark.parametrize("kind", ["patch", "ball", "cushion"])
def test_surfaces_have_the_disparity_of_their_points(kind):
    shop = Workshop(np.random.default_rng(0), rig(), TexturePool(count=2, size=32))
    place = (50.0, 30.0, 9.0)
    if kind == "patch":
        surface = shop.patch(place, (20, 20), outline.rectangle(), shop.frame())
    elif kind == "ball":
        surface = shop.quadric("ball", place, (15, 15, 15), np.eye(3))
    else:
        surface = shop.cushion(place, (20, 20), outline.ellipse())
    found = []
    for side in (LEFT, RIGHT):
        fragment = surface.trace(View(rig(), side))
        assert fragment is not None
        left, top, *_ = fragment.box
        row = fragment.disparity[30 - top]
        # The middle camera sees the anchor at column 50: there the side's disparity puts it.
        columns = np.arange(left, left + len(row))
        middle = columns - side * row
        found.append(float(np.interp(50.0, middle[row > 0], row[row > 0])))
        assert fragment.color((2, 3, 6, 5)).shape == (2, 4, 3)
    assert found[0] == pytest.approx(found[1], abs=0.02)
    if kind == "patch":
        assert found[0] == pytest.approx(9.0, abs=1e-3)
    else:
        # The front of a ball of 15 pixels is nearer by 15 / 90 of its distance.
        assert 9.0 < found[0] < 9.0 / (1 - 15 / 90) + 1.5


def test_coverage_is_the_area_of_the_shape():
    shape = [[outline.box(2.25, 3.5, 12.0, 9.0), outline.box(4, 5, 6, 7)], [outline.box(14.0, 1.0, 15.0, 20.0)]]
    mask = coverage(shape, (0, 0, 20, 24))
    assert mask.shape == (24, 20) and mask.max() == 1 and mask[6, 5] == 0
    assert mask.sum() == pytest.approx(9.75 * 5.5 - 4 + 19, rel=0.15)


def test_the_nearer_surface_hides_the_farther_in_any_order():
    def flat(disparity: float, box: tuple[int, int, int, int], shade: float) -> Fragment:
        shape = (box[3] - box[1], box[2] - box[0])
        return Fragment(
            box,
            np.full(shape, disparity, np.float32),
            np.ones(shape, np.float32),
            lambda part: np.full((part[3] - part[1], part[2] - part[0], 3), shade, np.float32),
        )

    far, near = flat(3.0, (0, 0, 100, 60), 50.0), flat(7.0, (20, 10, 40, 30), 200.0)
    too_near = flat(61.0, (0, 0, 100, 60), 9.0)
    for order in ([far, near], [near, far], [near, None, far, too_near]):
        view = View(rig(), LEFT)
        view.compose(order)
        inside = np.zeros((60, 100), bool)
        inside[10:30, 20:40] = True
        np.testing.assert_array_equal(view.disparity, np.where(inside, 7, 3))
        np.testing.assert_allclose(view.color[..., 0], np.where(inside, 200, 50), rtol=1e-4)


def test_a_pixel_is_seen_where_the_other_view_has_its_disparity():
    left = np.full((1, 10), 2.0, np.float32)
    right = np.full((1, 10), 2.0, np.float32)
    right[0, 4] = 5.0
    seen = seen_by_other(left, right, LEFT)[0]
    # One of the two pixels next to the match is enough.
    assert seen.tolist() == [False] * 2 + [True] * 8
    right[0, 4:6] = 5.0
    assert not seen_by_other(left, right, LEFT)[0, 6]
    assert seen_by_other(right, left, RIGHT)[0].tolist() == [True] * 4 + [False] * 2 + [True] * 2 + [False] * 2


def test_tiled_textures_have_no_seam():
    ramp = np.broadcast_to(np.linspace(0, 250, 80).astype(np.uint8)[None, :, None], (80, 80, 3))
    image = tileable(ramp, 20).astype(int)
    assert image.shape == (60, 60, 3)
    assert np.abs(image[:, 0] - image[:, -1]).max() < 10 < np.abs(ramp[:, 0].astype(int) - ramp[:, -1]).max()


def test_every_kind_of_texture_can_be_made():
    pool = TexturePool(count=40, size=40)
    kinds = {pool.kind(index) for index in range(40)}
    assert len(kinds) == 13
    for kind in kinds:
        index = next(i for i in range(40) if pool.kind(i) == kind)
        texture = pool.texture(index)
        assert texture.levels[0].shape == (40, 40, 3) and texture.levels[0].std() > 0
