from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.datasets.scene.pool import TexturePool
from vision.datasets.video.synthetic import FAULTS, SHAPES, Clip, ClipMaker
from vision.datasets.video.synthetic.motion import Camera, Drift, Ground, Walk
from vision.datasets.video.synthetic.scenery import Backgrounds, muted
from vision.datasets.video.synthetic.shots import plan_shots
from vision.datasets.video.synthetic.sprite import Sprite
from vision.datasets.video.synthetic.stage import Floater, Stage

PEOPLE = ("person",)
POOL = TexturePool(0, 6, size=64)


def maker(classes: tuple[str, ...] = SHAPES, size: tuple[int, int] = (96, 128), **options) -> ClipMaker:
    return ClipMaker(classes, size, Backgrounds(POOL), **options)


def square_sprite(side: int = 16) -> Sprite:
    """A white square that fills all of its side."""
    return Sprite(np.full((side, side, 4), 255, np.uint8), ((side - 1) / 2, (side - 1) / 2), side)


def still(x: float, y: float, size: float) -> Drift:
    none = np.zeros((1, 4))
    return Drift(np.array([x, y, np.log(size), 0.0]), np.zeros(4), none, none + 1, none)


def stage_of(*places: tuple[float, float, float], size: tuple[int, int] = (40, 60)) -> Stage:
    """White squares (x, y, side) on black, seen by a camera at rest; a later one is before an earlier one."""
    camera = Camera(np.random.default_rng(0), size, size, 10, restless=0.0)
    actors = [Floater(square_sprite(), still(*place), 0, rank=float(n)) for n, place in enumerate(places)]
    return Stage(size, np.zeros((*size, 3), np.uint8), camera, list(actors))


def test_boxes_of_a_square_are_where_it_is_drawn():
    # Centers of pixels are whole numbers: 8 pixels around 19.5 are those from 16 to 23.
    stage = stage_of((19.5, 9.5, 8.0))
    objects = stage.objects(0)
    np.testing.assert_array_equal(objects.boxes, [[16, 6, 24, 14]])
    np.testing.assert_array_equal(objects.amodal, [[16, 6, 24, 14]])
    assert objects.visibility.tolist() == [1.0]
    drawn = stage.draw(0)[..., 0] > 128
    expected = np.zeros((40, 60), bool)
    expected[6:14, 16:24] = True
    np.testing.assert_array_equal(drawn, expected)


def test_what_hides_and_what_the_frame_cuts_is_not_in_the_visible_box():
    stage = stage_of((19.5, 9.5, 8.0), (23.5, 9.5, 8.0), (59.5, 39.5, 8.0))
    objects = stage.objects(0)
    np.testing.assert_array_equal(objects.boxes, [[16, 6, 20, 14], [20, 6, 28, 14], [56, 36, 60, 40]])
    np.testing.assert_array_equal(objects.amodal, [[16, 6, 24, 14], [20, 6, 28, 14], [56, 36, 64, 44]])
    np.testing.assert_allclose(objects.visibility, [0.5, 1.0, 0.25])
    assert objects.track_ids.tolist() == [0, 1, 2]


def test_what_is_hidden_altogether_has_no_box_and_the_others_keep_their_tracks():
    objects = stage_of((19.5, 9.5, 8.0), (19.5, 9.5, 12.0), (40.5, 20.5, 6.0)).objects(0)
    assert objects.track_ids.tolist() == [1, 2]


@pytest.mark.parametrize("classes", [SHAPES, PEOPLE])
@settings(max_examples=8, deadline=None)
@given(height=st.integers(32, 110), width=st.integers(32, 110), seed=st.integers(0, 999))
def test_boxes_are_those_of_the_pixels_that_the_objects_change(classes, height, width, seed):
    stage, _ = maker(classes, (height, width)).prepare(np.random.default_rng(seed), 5)
    time = 3
    objects = stage.objects(time)
    owners = stage.owners(time)
    assert owners.shape == (height, width)
    for box, track, label, visibility in zip(
        objects.boxes, objects.track_ids, objects.labels, objects.visibility, strict=True
    ):
        rows, columns = np.nonzero(owners == track)
        assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert 0 < visibility <= 1
        assert 0 <= label < len(classes)
        # Without it the picture is another one, around nowhere else than in and around its box. The tip of a star, less
        # than a pixel wide, fades out beyond.
        others = Stage(
            stage.size, stage.background, stage.camera, [a for n, a in enumerate(stage.actors) if n != track]
        )
        changed = np.abs(stage.draw(time).astype(int) - others.draw(time)).max(2) > 16
        left, top, right, bottom = objects.amodal[objects.track_ids.tolist().index(track)].astype(int)
        outside = changed.copy()
        outside[max(top - 2, 0) : bottom + 2, max(left - 2, 0) : right + 2] = False
        assert not outside.any()
    assert (objects.boxes[:, :2] >= objects.amodal[:, :2] - 1e-3).all()
    assert (objects.boxes[:, 2:] <= objects.amodal[:, 2:] + 1e-3).all()


@pytest.mark.parametrize("classes", [SHAPES, PEOPLE])
def test_a_seed_decides_all_in_whatever_order_frames_are_asked_for(classes):
    first = maker(classes).make((4, 7), 6)
    frames = first.frames()
    assert frames.shape == (6, 96, 128, 3) and frames.dtype == np.uint8
    again = maker(classes).make((4, 7), 6)
    for number in (5, 0, 3):
        np.testing.assert_array_equal(again.frame(number), frames[number])
        for name, values in first.objects(number)._asdict().items():
            np.testing.assert_array_equal(getattr(again.objects(number), name), values)
    other = maker(classes).make((4, 8), 6)
    assert (other.frames() != frames).any()


@pytest.mark.parametrize("share, count", [(0.0, 0), (0.25, 6), (0.5, 12), (1.0, 24)])
def test_the_wanted_share_of_frames_is_degraded_and_the_first_is_not(share, count):
    for seed in range(20):
        shots = plan_shots(np.random.default_rng(seed), 24, (96, 128), share, FAULTS)
        faults = [shot.fault for shot in shots]
        assert sum(map(bool, faults)) == count
        assert set(faults) <= {"", *FAULTS}
        assert share == 1 or not faults[0]


def sharpness(image: np.ndarray) -> float:
    return float(
        np.abs(np.diff(image.astype(float), axis=1)).mean() + np.abs(np.diff(image.astype(float), axis=0)).mean()
    )


@pytest.mark.parametrize("fault", ["motion", "defocus"])
def test_blurred_frames_have_less_detail(fault):
    blurred, fine = [], []
    for seed in range(4):
        clip = maker(degraded=0.5, faults=(fault,), objects=(0, 0), restless=0.0).make((seed,), 8)
        clip.sensor.quality = None
        for number in range(8):
            # Noise apart: what falls on the sensor.
            light = clip.stage.expose(number, clip.shots[number])
            if fault == "defocus":
                light = clip.frame(number)
            (blurred if clip.fault(number) else fine).append(sharpness(light))
    assert np.mean(blurred) < 0.6 * np.mean(fine)


def test_dark_frames_are_dark_and_veils_hide():
    dark = maker(degraded=0.5, faults=("noise",)).make((1,), 8)
    levels = {fault: [dark.frame(n).mean() for n in range(8) if dark.fault(n) == fault] for fault in ("", "noise")}
    assert max(levels["noise"]) < 0.75 * min(levels[""])
    hidden: list[float] = []
    shown: list[float] = []
    for seed in range(6):
        clip = maker(degraded=0.5, faults=("occlusion",), objects=(5, 5), restless=0.0).make((seed,), 8)
        for number in range(8):
            seen = float(clip.objects(number).visibility.sum())
            (hidden if clip.fault(number) else shown).append(seen)
    assert np.mean(hidden) < np.mean(shown) - 0.2


def test_an_exposure_blurs_along_the_motion_and_not_across():
    stage = stage_of((19.5, 19.5, 8.0))
    shot = plan_shots(np.random.default_rng(0), 1, (40, 60), 0.0, FAULTS)[0]
    blurred = stage.expose(0, type(shot)(1.0, (12.0, 0.0), 0.0, 0.0, (1.0, 1.0, 1.0)))[..., 0]
    rows, columns = np.nonzero(blurred > 1)
    assert (rows.min(), rows.max()) == (16, 23)
    assert columns.max() - columns.min() + 1 == pytest.approx(20, abs=2)
    # Light is spread, not made.
    assert blurred.sum() == pytest.approx(255 * 64, rel=0.01)


def test_some_objects_leave_and_come_back_with_their_track():
    returned = 0
    for seed in range(12):
        clip = maker(objects=(5, 5)).make((seed,), 40)
        for track in range(5):
            seen = [track in clip.objects(number).track_ids for number in range(0, 40, 2)]
            text = "".join("x" if s else "." for s in seen).strip(".")
            returned += ".." in text
    assert returned >= 2


def test_who_walks_off_the_stage_turns_round():
    ground = Ground(horizon=0.0, slope=0.5, focal=200.0)
    walk = Walk(np.random.default_rng(0), ground, (90.0, 100.0), (0, 50, 100, 150), 200, pace=0.05, heading=0.0)
    places = np.array([walk.at(time)[:2] for time in range(200)])
    assert places[:, 0].max() < 130 and places[:, 0].min() > -30
    assert (places[:, 0] > 100).any() and (places[:, 0] < 60).any()
    heights = np.array([walk.at(time)[2] for time in range(200)])
    np.testing.assert_allclose(heights, 0.5 * places[:, 1], rtol=0.02)


def test_people_are_taller_than_wide_and_stand_on_the_ground():
    ratios = []
    for seed in range(8):
        stage, _ = maker(PEOPLE, (240, 320), objects=(4, 6)).prepare(np.random.default_rng(seed), 4)
        objects = stage.objects(1)
        for box, track in zip(objects.amodal, objects.track_ids, strict=True):
            foot = stage.camera.view(1) @ [*stage.actors[track].way.at(1)[:2], 1]
            tall = box[3] - box[1]
            ratios.append((box[2] - box[0]) / tall)
            # Seen from above, the foot in front is below the place where the person stands.
            assert abs(box[3] - foot[1]) < 0.22 * tall + 2
            assert abs((box[0] + box[2]) / 2 - foot[0]) < 0.5 * tall + 2
    assert 0.25 < np.median(ratios) < 0.65


def test_a_lone_person_is_there_when_the_clip_begins():
    alone = maker(PEOPLE, (120, 160), objects=(1, 1), degraded=0.0)
    seen = [stage.objects(0) for stage, _ in (alone.prepare(np.random.default_rng(seed), 2) for seed in range(30))]
    assert sum(len(objects.boxes) == 1 and objects.visibility[0] > 0.15 for objects in seen) >= 27


def test_muted_colors_keep_their_gray_and_lose_a_part_of_the_rest():
    color = np.array([[[250, 20, 30], [90, 90, 90]]], np.uint8)
    spans = []
    for seed in range(20):
        found = muted(np.random.default_rng(seed), color)
        assert found.dtype == np.uint8 and found[0, 1].tolist() == [90, 90, 90]
        assert found[0, 0].mean() == pytest.approx(100, abs=1)
        spans.append(np.ptp(found[0, 0]) / 230)
    assert 0.08 < min(spans) < 0.3 and 0.4 < max(spans) < 0.62


def test_a_clip_knows_its_length_and_classes():
    clip = maker(PEOPLE).make((0,), 3)
    assert isinstance(clip, Clip) and len(clip) == 3 and clip.classes == PEOPLE


@pytest.mark.parametrize("seed", [13, 34, 37])  # whose first casts stay out of sight
def test_a_clip_shows_at_least_one_of_its_people(seed):
    clip = maker(PEOPLE).make((seed,), 4)
    assert max(clip.objects(number).visibility.max(initial=0) for number in range(4)) >= 0.15


def test_a_clip_of_nobody_is_not_made_again_and_again(monkeypatch):
    nobody = maker(PEOPLE, objects=(0, 0))
    calls, prepare = [], nobody.prepare
    monkeypatch.setattr(nobody, "prepare", lambda rng, length: calls.append(1) or prepare(rng, length))
    clip = nobody.make((0,), 2)
    assert all(len(clip.objects(number).boxes) == 0 for number in range(2)) and calls == [1]
