"""Files in CocoVID's form: what is read of them, and what is refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vision.datasets.video.coco_vid import CocoVID
from vision.datasets.video.coco_vid_file import read_coco_vid
from vision.datasets.video.records import Problems
from vision.errors import UsageError

Content = dict[str, Any]


def image(number: int, frame: int | None, video: int | None = 1, **more: Any) -> Content:
    """An image of 64 x 48 pixels."""
    given = {"id": number, "file_name": f"clip/{number}.png", "height": 48, "width": 64, **more}
    given |= {} if video is None else {"video_id": video}
    return given | ({} if frame is None else {"frame_id": frame})


def box(number: int, picture: int, category: int = 1, corner: int = 4, **more: Any) -> Content:
    """A box of 10 x 20 pixels."""
    return {"id": number, "image_id": picture, "category_id": category, "bbox": [corner, 5, 10, 20], "area": 200} | more


@pytest.fixture
def content() -> Content:
    """One video of three frames, whose order in the file is another, with one track."""
    return {
        "videos": [{"id": 1, "name": "clip"}],
        "categories": [{"id": 2, "name": "dog"}, {"id": 1, "name": "cat"}],
        "images": [image(7, 10), image(8, 2), image(9, 9)],
        "annotations": [
            box(1, 7, corner=7, instance_id=0),
            box(2, 8, corner=8, instance_id=0),
            box(3, 9, corner=9, instance_id=0),
        ],
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    """A function that writes a JSON file."""

    def write_file(content: Any) -> Path:
        path = tmp_path / "annotations.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write_file


def test_frames_are_in_the_order_of_their_numbers(content: Content, write: Callable[[Any], Path]) -> None:
    (video,), classes = read_coco_vid(write(content), "/frames")
    assert classes == ("cat", "dog")
    assert [frame["img_id"] for frame in video["images"]] == [8, 9, 7]
    assert [frame["frame_number"] for frame in video["images"]] == [2, 9, 10]
    assert [frame["frame_id"] for frame in video["images"]] == [0, 1, 2]
    assert video["images"][0]["img_path"] == "/frames/clip/8.png"
    assert video["images"][0]["instances"] == [
        {"bbox": [8.0, 5.0, 18.0, 25.0], "bbox_label": 0, "instance_id": 0, "ignore_flag": 0}
    ]


def test_classes_choose_and_order_labels(content: Content, write: Callable[[Any], Path]) -> None:
    content["annotations"].append(box(4, 8, category=2, corner=30))
    (video,), classes = read_coco_vid(write(content), classes=("dog",))
    assert classes == ("dog",)
    assert [[one["bbox_label"] for one in frame["instances"]] for frame in video["images"]] == [[0], [], []]
    (video,), _ = read_coco_vid(write(content), classes=("dog", "cat"))
    assert [one["bbox_label"] for one in video["images"][0]["instances"]] == [1, 0]


def test_track_zero_is_a_track_and_boxes_without_one_have_their_own(
    content: Content, write: Callable[[Any], Path]
) -> None:
    content["annotations"] += [
        box(4, 7, corner=30),
        box(5, 8, corner=30),
        box(6, 9, corner=30, instance_id=-1),
        box(7, 7, corner=40, instance_id="red"),
        box(8, 8, corner=40, instance_id="red"),
        box(9, 9, corner=40, instance_id=2**40),
    ]
    (video,), _ = read_coco_vid(write(content))
    tracks = [[one["instance_id"] for one in frame["instances"]] for frame in video["images"]]
    # Images are numbered in the file's order: 7, 8, 9 are frames 10, 2, 9.
    assert tracks == [[0, 3, 2], [0, 4, 5], [0, 1, 2]]


def test_what_is_odd_is_told_with_numbers(
    content: Content, write: Callable[[Any], Path], caplog: pytest.LogCaptureFixture, write_frame: Any
) -> None:
    content["images"] += [image(20, 9), image(21, 14), image(7, 10)]
    content["videos"].append({"id": 5, "name": "empty"})
    content["annotations"] += [
        box(4, 99),
        box(5, 8, corner=64),
        box(6, 8) | {"bbox": [1, 1, 0.5, 9]},
        box(7, 8, corner=30, instance_id=0),
        box(8, 7, corner=7, instance_id=0),
    ]
    write_frame(write(content).parent / "clip" / "8.png", 0)
    with caplog.at_level(logging.WARNING, "vision.datasets"):
        data = CocoVID(
            ann_file=str(write(content)), data_prefix={"img_path": str(write(content).parent)}, test_mode=True
        )
    said = {record.getMessage().split(": ", 1)[1] for record in caplog.records}
    assert said == {
        "1 images are listed twice, such as 'clip/7.png'",
        "1 boxes belong to images that are not listed, such as one of image 99",
        "1 boxes lie outside of their frame and are left out, such as clip/8.png, annotation 5",
        "1 boxes have sides of less than a pixel and are left out, such as clip/8.png, annotation 6",
        "1 boxes share a track with another of their frame, such as track 0 in frame 1 of clip",
        "1 boxes are listed twice, such as clip/7.png, annotation 8",
        "1 frames come twice and are left out the second time, such as frame 9 of video clip",
        "9 frames are missing between others, such as frame 3 of video clip",
        "1 videos have no frames and are left out, such as empty",
    }
    assert data.get_len_per_video(0) == 4


@pytest.mark.parametrize("key", ["is_vid_train_frame", "vid_train_frames"])
def test_train_frames_are_key_frames_and_others_references(
    key: str, content: Content, write: Callable[[Any], Path], write_frame: Any
) -> None:
    if key == "vid_train_frames":
        content["videos"][0][key] = [9]
    else:
        for one in content["images"]:
            one[key] = one["id"] == 9
    # A picture without a mark is one to learn from.
    content["images"].append(image(30, None, None))
    content["annotations"].append(box(9, 30))
    path = write(content)
    write_frame(path.parent / "clip" / "8.png", 0)
    data = CocoVID(ann_file=path.name, data_root=str(path.parent))
    assert [list(data.key_frames(i)) for i in range(len(data))] == [[1], [0]]
    assert [data.get_len_per_video(i) for i in range(len(data))] == [3, 1]
    assert data.metainfo["classes"] == ("cat", "dog")


def test_a_video_that_marks_no_frame_is_left_out_of_training(
    content: Content, write: Callable[[Any], Path], write_frame: Any
) -> None:
    content["videos"][0]["vid_train_frames"] = []
    write_frame(write(content).parent / "clip" / "8.png", 0)
    with pytest.raises(UsageError, match="none of 3 frames can be learned from"):
        CocoVID(ann_file=str(write(content)), data_prefix={"img_path": str(write(content).parent)})


def test_pictures_are_videos_of_one_frame(content: Content, write: Callable[[Any], Path]) -> None:
    for one in content["images"]:
        del one["video_id"], one["frame_id"]
    del content["videos"]
    videos, _ = read_coco_vid(write(content))
    assert [video["video_id"] for video in videos] == [0, 1, 2]
    assert [video["video_name"] for video in videos] == ["clip/7.png", "clip/8.png", "clip/9.png"]
    assert [[frame["frame_id"] for frame in video["images"]] for video in videos] == [[0], [0], [0]]


def test_frames_without_numbers_are_ordered_by_those_in_their_names(
    content: Content, write: Callable[[Any], Path]
) -> None:
    content["images"] = [image(7, None, file_name=name, id=i) for i, name in enumerate(["f10.png", "f9.png", "f2.png"])]
    content["annotations"] = []
    problems = Problems()
    (video,), _ = read_coco_vid(write(content), problems=problems)
    assert [frame["img_path"] for frame in video["images"]] == ["f2.png", "f9.png", "f10.png"]
    assert problems.lines() == [
        "1 videos have no frame_id and are ordered by the numbers in their files' names, such as clip"
    ]


def test_crowds_and_ignored_boxes_count_neither_way(content: Content, write: Callable[[Any], Path]) -> None:
    content["annotations"] = [box(1, 7, iscrowd=1), box(2, 8, ignore=True), box(3, 9, iscrowd=0, degraded=True)]
    content["images"][2]["degraded"] = True
    (video,), _ = read_coco_vid(write(content))
    assert [frame["instances"][0]["ignore_flag"] for frame in video["images"]] == [1, 0, 1]
    assert [frame["degraded"] for frame in video["images"]] == [False, True, False]


def test_empty_annotations_can_be_tested_on_and_not_learned_from(
    content: Content, write: Callable[[Any], Path], write_frame: Any
) -> None:
    content["annotations"] = []
    path = write(content)
    write_frame(path.parent / "clip" / "8.png", 0)
    arguments: dict[str, Any] = {"ann_file": path.name, "data_root": str(path.parent)}
    assert len(CocoVID(**arguments, test_mode=True)) == 1
    assert len(CocoVID(**arguments, filter_cfg={"filter_empty_gt": False})) == 1
    with pytest.raises(UsageError, match="with boxes of cat, dog"):
        CocoVID(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": []}, "has no categories"),
        ({"categories": None}, "has no list 'categories'"),
        ({"images": None, "annotations": {}}, "has no list 'images' and no list 'annotations'"),
        ({"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}]}, "has the category 'cat' twice"),
        ({"categories": [{"id": 2, "name": "dog"}]}, "has boxes of the categories 1, which its categories do not list"),
        ({"categories": [{"id": 1}]}, r"has an entry without 'name': categories\[0\]"),
        ({"images": [image(1, 0), image(1, 1)]}, r"has two images of number 1: 'clip/1.png' and 'clip/1.png'"),
        ({"images": [image(1, 0, height=0)]}, r"has height 0 in images\[0\], where a number of pixels belongs"),
        ({"images": [image(1, 0, file_name=3)]}, r"has file_name 3 in images\[0\], where a text belongs"),
        ({"images": [image(1, 0), image(2, None)]}, "has a frame without a whole number as frame_id: 'clip/2.png'"),
        ({"images": [image(1, 0, "one")]}, "has video_id 'one' in image 'clip/1.png'"),
        ({"videos": [{"id": 1, "vid_train_frames": "all"}]}, "has vid_train_frames 'all' in video '1"),
        ({"videos": {}}, "has videos that are no list"),
        ({"annotations": [box(3, 7) | {"bbox": [1, 2, 3]}]}, r"clip/7.png, annotation 3 has the box \[1, 2, 3\]"),
        ({"annotations": [box(3, 7) | {"bbox": [1, 2, 3, float("nan")]}]}, "expected .x, y, width, height. in pixels"),
        ({"annotations": [{"id": 1}]}, "has an entry without 'image_id' and 'category_id' and 'bbox'"),
        ({"annotations": [[]]}, "has an entry without 'image_id'"),
    ],
)
def test_what_is_no_such_file_is_refused(
    change: Content, message: str, content: Content, write: Callable[[Any], Path]
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_coco_vid(write(content | change))
    assert caught.value.code == "bad-annotations"


@pytest.mark.parametrize(("text", "message"), [("{", "is no JSON"), ("[]", "has no list 'images'"), ("", "is no JSON")])
def test_what_is_no_json_is_refused(text: str, message: str, write: Callable[[Any], Path]) -> None:
    with pytest.raises(UsageError, match=message):
        read_coco_vid(write(text))


def test_missing_categories_are_named(content: Content, write: Callable[[Any], Path]) -> None:
    with pytest.raises(UsageError, match="no category is called 'bird', 'fox'; it has 'cat', 'dog'") as caught:
        read_coco_vid(write(content), classes=("cat", "bird", "fox"))
    assert caught.value.value == ("bird", "fox")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json") as caught:
        read_coco_vid(tmp_path / "none.json")
    assert caught.value.code == "bad-annotations"
