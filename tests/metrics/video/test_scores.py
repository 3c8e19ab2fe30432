"""Average precision against pycocotools' own front door, a naive loop by VOC's rules, and cases worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vision.errors import UsageError
from vision.metrics.video.coco import THRESHOLDS, CocoMatches
from vision.metrics.video.frames import FrameTruth, JudgedFrame
from vision.metrics.video.scores import video_scores
from vision.metrics.video.table import format_video_table, table_rows, video_csv_lines
from vision.metrics.video.voc import VocMatches

CLASSES = ("person", "car", "dog")


def random_frames(seed: int, count: int = 12, with_ignored: bool = False) -> list[JudgedFrame]:
    """Detections near true boxes, misses, doubles and inventions; the class "dog" has no true box."""
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(count):
        size = int(rng.integers(0, 5))
        corner = rng.uniform(0, 60, (size, 2))
        truth = np.concatenate([corner, corner + rng.uniform(10, 40, (size, 2))], 1)
        labels = rng.integers(0, 2, size)
        picked = rng.integers(0, size, size * 2) if size else np.zeros(0, int)
        found = np.concatenate([truth[picked] + rng.normal(0, 4, (len(picked), 4)), [[5.0, 5.0, 25.0, 30.0]]])
        found_labels = np.concatenate([labels[picked], [rng.integers(0, 3)]])
        ignored = rng.random(size) < 0.3 if with_ignored else np.zeros(size, bool)
        frames.append(
            JudgedFrame(
                f"v{number % 3}",
                number // 3,
                FrameTruth(truth, labels, np.arange(size), ignored),
                found,
                rng.random(len(found)),
                found_labels,
                degraded=number % 2 == 1,
            )
        )
    return frames


def xywh(box: np.ndarray) -> list[float]:
    return [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]


def by_pycocotools(frames: list[JudgedFrame]) -> np.ndarray:
    """As its documentation says: a COCO object of the truth, loadRes, evaluate, accumulate."""
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for place, frame in enumerate(frames, 1):
        parts = zip(frame.truth.boxes, frame.truth.labels, frame.truth.ignored, strict=True)
        for box, label, crowd in parts:
            one = {"id": len(truth) + 1, "image_id": place, "category_id": int(label) + 1, "bbox": xywh(box)}
            truth.append(one | {"area": one["bbox"][2] * one["bbox"][3], "iscrowd": int(crowd)})
        for box, label, score in zip(frame.boxes, frame.labels, frame.scores, strict=True):
            found.append({"image_id": place, "category_id": int(label) + 1, "bbox": xywh(box), "score": float(score)})
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [{"id": place} for place in range(1, len(frames) + 1)],
        "categories": [{"id": number} for number in (1, 2, 3)],
        "annotations": truth,
    }
    coco.createIndex()
    evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    return np.array(
        [
            [row[:, k][row[:, k] > -1].mean() if (row[:, k] > -1).any() else math.nan for k in range(3)]
            for row in precision
        ]
    )


def naive_voc(frames: list[JudgedFrame], label: int, threshold: float, plus_one: int = 0) -> float:
    """VOC's rules, one detection after the other."""
    total = sum(
        int(one == label and not skip)
        for frame in frames
        for one, skip in zip(frame.truth.labels, frame.truth.ignored, strict=True)
    )
    if not total:
        return math.nan
    found = [
        (-score, place, row)
        for place, frame in enumerate(frames)
        for row, (one, score) in enumerate(zip(frame.labels, frame.scores, strict=True))
        if one == label
    ]
    taken, outcomes = set(), []
    for _, place, row in sorted(found):
        a, b, c, d = frames[place].boxes[row]
        best, best_iou = -1, 0.0
        for number, (e, f, g, h) in enumerate(frames[place].truth.boxes):
            if frames[place].truth.labels[number] != label:
                continue
            wide, high = min(c, g) - max(a, e) + plus_one, min(d, h) - max(b, f) + plus_one
            if wide > 0 and high > 0:
                first, second = (c - a + plus_one) * (d - b + plus_one), (g - e + plus_one) * (h - f + plus_one)
                iou = wide * high / (first + second - wide * high)
                if iou > best_iou:
                    best, best_iou = number, iou
        if best_iou >= threshold:
            if frames[place].truth.ignored[best]:
                continue
            outcomes.append((place, best) not in taken)
            taken.add((place, best))
        else:
            outcomes.append(False)
    points = [(sum(outcomes[:n]) / total, sum(outcomes[:n]) / n) for n in range(1, len(outcomes) + 1)]
    area, last = 0.0, 0.0
    for n, (recall, _) in enumerate(points):
        area += (recall - last) * max(precision for _, precision in points[n:])
        last = recall
    return area


@pytest.mark.parametrize("with_ignored", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_coco_is_what_pycocotools_says(seed: int, with_ignored: bool) -> None:
    frames = random_frames(seed, with_ignored=with_ignored)
    found = CocoMatches(frames, 3).average_precision()
    np.testing.assert_allclose(found, by_pycocotools(frames), atol=1e-12)
    assert np.isnan(found[:, 2]).all() and (found[:, :2] >= 0).all()
    # Some of the frames are as if there were no others.
    chosen = np.arange(len(frames)) % 2 == 0
    matches = CocoMatches(frames, 3)
    np.testing.assert_allclose(matches.average_precision(chosen), by_pycocotools(frames[::2]), atol=1e-12)
    np.testing.assert_allclose(matches.average_precision(), found)


@pytest.mark.parametrize("plus_one", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_voc_is_what_a_loop_says(seed: int, plus_one: bool) -> None:
    frames = random_frames(seed, with_ignored=seed > 0)
    matches = VocMatches(frames, 3, plus_one=plus_one)
    thresholds = (0.5, 0.75)
    for part, chosen in ((frames, None), (frames[::2], np.arange(len(frames)) % 2 == 0)):
        expected = [[naive_voc(part, label, t, int(plus_one)) for label in range(3)] for t in thresholds]
        np.testing.assert_allclose(matches.average_precision(thresholds, chosen), expected, atol=1e-12)


def one_box(frame: int, scores: list[float], shift: float = 0.0, **about: Any) -> JudgedFrame:
    """A true box of 10 x 10 at 100; of each score a detection, the first shifted by pixels, the others elsewhere."""
    box = np.array([100.0, 100.0, 110.0, 110.0])
    found = [box + np.array([shift, 0, shift, 0]), *(box - 50 * (n + 1) for n in range(len(scores) - 1))][: len(scores)]
    truth = FrameTruth(box[None], np.array([0]), np.array([7]))
    return JudgedFrame("a", frame, truth, np.array(found), np.array(scores), np.zeros(len(scores)), **about)


def test_figures_by_hand() -> None:
    # By score: right .9, wrong .8, right .7, and one box is missed: precision 1, 1/2, 2/3 at recalls 1/3, 1/3, 2/3.
    frames = [one_box(0, [0.9]), one_box(1, [0.7, 0.8], shift=2), one_box(2, [])]
    mean = video_scores(frames, ["person"]).subsets["all"].mean()
    assert mean["voc_ap50"] == pytest.approx(1 / 3 + 2 / 9)
    # Recalls 0, .01 ... 0.33 have precision 1, 0.34 ... 0.66 have 2/3.
    assert mean["ap50"] == pytest.approx((34 + 33 * 2 / 3) / 101)
    # Shifted by 2 of 10 pixels, 8 of 12 are shared: right up to a threshold of 0.65.
    assert mean["voc_ap"] == pytest.approx((4 * (1 / 3 + 2 / 9) + 6 * 1 / 3) / 10)


def test_exactly_half_counts_as_found() -> None:
    truth = FrameTruth(np.array([[0.0, 0.0, 10.0, 10.0]]), np.array([0]))
    frame = JudgedFrame("a", 0, truth, np.array([[0.0, 0.0, 10.0, 5.0]]), np.array([1.0]), np.array([0]))
    mean = video_scores([frame], ["person"]).subsets["all"].mean()
    assert mean["voc_ap50"] == 1 and mean["ap50"] == pytest.approx(1)


def moving(video: str, shift: int, found: bool, count: int = 6) -> list[JudgedFrame]:
    """A box of 100 x 50 that moves by so many pixels per frame."""
    frames = []
    for number in range(count):
        box = np.array([[shift * number, 0.0, shift * number + 100, 50.0]])
        truth = FrameTruth(box, np.array([0]), np.array([0]))
        boxes = box if found else np.zeros((0, 4))
        frames.append(JudgedFrame(video, number, truth, boxes, np.ones(len(boxes)), np.zeros(len(boxes))))
    return frames


def test_by_speed() -> None:
    frames = [*moving("slow", 0, True), *moving("fast", 60, False)]
    scores = video_scores(frames, ["person"])
    assert list(scores.subsets) == ["all", "slow", "fast"]  # nothing is of medium speed
    means = {name: of_subset.mean() for name, of_subset in scores.subsets.items()}
    # Half of all boxes: 51 of 101 recalls.
    assert means["all"]["ap50"] == pytest.approx(51 / 101) and means["all"]["voc_ap50"] == 0.5
    assert means["slow"]["ap50"] == pytest.approx(1) and means["slow"]["voc_ap"] == pytest.approx(1)
    assert means["fast"]["ap50"] == 0 and means["fast"]["voc_ap50"] == 0
    assert [of_subset.boxes for of_subset in scores.subsets.values()] == [12, 6, 6]
    # What finds objects of another speed is no mistake: fast ones found alone are all that is fast.
    swapped = video_scores([*moving("slow", 0, True), *moving("fast", 60, True)], ["person"])
    assert [part.mean()["voc_ap50"] for part in swapped.subsets.values()] == [1, 1, 1]


def test_wrong_detections_count_for_every_speed() -> None:
    frames = moving("slow", 0, True)
    ghost = frames[0]
    frames[0] = JudgedFrame(
        "slow", 0, ghost.truth, np.concatenate([ghost.boxes, [[0, 400, 10, 410]]]), np.array([1.0, 2.0]), np.zeros(2)
    )
    # 1 wrong one, then 6 right: precision rises to 6/7 everywhere.
    assert video_scores(frames, ["person"]).subsets["slow"].mean()["voc_ap50"] == pytest.approx(6 / 7)


def test_seen_once_has_no_speed() -> None:
    scores = video_scores(moving("a", 0, True, count=1), ["person"])
    assert list(scores.subsets) == ["all"] and scores.subsets["all"].mean()["ap50"] == pytest.approx(1)


def test_tracks_are_counted_by_class() -> None:
    """Two objects of one number, but of two classes, are two: as one they would be far from each other."""
    frames = [
        JudgedFrame(
            "a",
            number,
            FrameTruth(np.array([[0, 0, 9, 9], [50, 50, 90, 90]]), np.array([0, 1]), np.array([1, 1])),
            np.zeros((0, 4)),
            np.zeros(0),
            np.zeros(0),
        )
        for number in range(3)
    ]
    assert list(video_scores(frames, CLASSES).subsets) == ["all", "slow"]


def test_motion_may_come_from_more_frames() -> None:
    frames = moving("a", 60, True)[::3]
    ious = [np.array([0.95]), np.array([0.5])]
    scores = video_scores(frames[::-1], ["person"], ious=ious[::-1])
    assert [(name, part.boxes) for name, part in scores.subsets.items()] == [("all", 2), ("slow", 1), ("fast", 1)]


def test_degraded_frames_and_videos_are_judged_apart() -> None:
    frames = random_frames(4)
    scores = video_scores(frames, CLASSES)
    degraded = [frame for frame in frames if frame.degraded]
    assert scores.subsets["degraded"].frames == len(degraded) == 6
    alone = video_scores(degraded, CLASSES).subsets["all"]
    for column, values in scores.subsets["degraded"].by_class.items():
        np.testing.assert_allclose(values, alone.by_class[column])
    assert list(scores.videos) == ["v0", "v1", "v2"]
    first = video_scores([frame for frame in frames if frame.video == "v1"], CLASSES).subsets["all"]
    np.testing.assert_allclose(scores.videos["v1"].by_class["ap"], first.by_class["ap"])
    assert scores.videos["v1"].boxes_of.tolist() == first.boxes_of.tolist()


def test_order_and_repeats_change_nothing() -> None:
    frames = random_frames(5)
    first = video_scores(frames, CLASSES).subsets["all"]
    again = video_scores([*frames[::-1], frames[3], frames[0]], CLASSES).subsets["all"]
    assert again.frames == 12
    for column in first.by_class:
        np.testing.assert_array_equal(first.by_class[column], again.by_class[column])


def test_no_detections_are_zero_and_frames_without_truth_count() -> None:
    nothing = JudgedFrame("a", 9, FrameTruth(np.zeros((0, 4)), np.zeros(0)), np.zeros((0, 4)), [], [])  # type: ignore[arg-type]
    blind = [one_box(0, []), nothing]
    assert video_scores(blind, ["person"]).subsets["all"].mean() == dict.fromkeys(
        ("ap50", "ap", "voc_ap50", "voc_ap"), 0.0
    )
    # A detection with a higher score in an empty frame is a mistake.
    ghost = JudgedFrame("a", 9, nothing.truth, np.array([[0, 0, 5, 5]]), np.array([0.95]), np.array([0]))
    assert video_scores([one_box(0, [0.9]), ghost], ["person"]).subsets["all"].mean()["voc_ap50"] == 0.5


@pytest.mark.parametrize(
    ("frames", "classes", "message"),
    [
        ([], ["person"], "none of 0 frames has a true box of person"),
        ([one_box(0, [0.5])], [], "no classes"),
        ([one_box(0, [math.nan])], ["person"], "video a, frame 0: a score is nan"),
        ([one_box(0, [0.5], shift=math.inf)], ["person"], "video a, frame 0: a found box is nan"),
    ],
)
def test_what_cannot_be_judged_is_said(frames: list[JudgedFrame], classes: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        video_scores(frames, classes)


def test_labels_without_a_class_and_shapes_that_do_not_fit() -> None:
    truth = FrameTruth(np.array([[0, 0, 5, 5]]), np.array([0]))
    frame = JudgedFrame("a", 3, truth, np.array([[0, 0, 5, 5]]), np.array([1]), np.array([2]))
    with pytest.raises(
        UsageError, match=r"video a, frame 3: a found box has the label 2; expected 0 to 1 for cat, dog"
    ):
        video_scores([frame], ["cat", "dog"])
    with pytest.raises(UsageError, match=r"scores is \(2,\); expected \(1,\)"):
        JudgedFrame("a", 0, truth, np.array([[0, 0, 5, 5]]), np.ones(2), np.ones(1))
    with pytest.raises(UsageError, match=r"boxes is \(1, 3\)"):
        FrameTruth(np.ones((1, 3)), np.ones(1))


def test_table() -> None:
    scores = video_scores([*moving("b", 0, True), *moving("c", 60, False)], CLASSES)
    rows = table_rows(scores, CLASSES)
    lines = format_video_table(rows).splitlines()
    assert [line.split("|")[1].strip() for line in lines] == [
        "", "------------", "all", "slow", "fast", "class person", "video b", "video c",
    ]  # fmt: skip
    assert [cell.strip() for cell in lines[4].split("|")[2:-1]] == ["12", "6", "0.000", "0.000", "0.000", "0.000"]
    assert list(table_rows(scores, CLASSES, most=1)) == ["all", "slow", "fast"]
    header, cells = video_csv_lines(rows)
    assert header == ("part", "frames", "boxes", "ap50", "ap", "voc_ap50", "voc_ap")
    assert cells[-1] == ["video c", 6, 6, 0.0, 0.0, 0.0, 0.0]
    assert len(THRESHOLDS) == 10 and THRESHOLDS[0] == 0.5 and THRESHOLDS[-1] == pytest.approx(0.95)
