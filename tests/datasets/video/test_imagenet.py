"""ImageNet VID by its lists, and mixed with the pictures of ImageNet DET."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vision.datasets.video.concat import VideoConcat
from vision.datasets.video.imagenet import ImageNetDET, ImageNetVID
from vision.datasets.video.imagenet_lists import VID_CLASSES, read_train_list, read_video_list
from vision.datasets.video.sampler import VideoSampler
from vision.errors import UsageError

CATEGORIES = [{"id": number, "name": name} for number, name in enumerate(VID_CLASSES.values(), 1)]


@pytest.fixture
def imagenet(tmp_path: Path, write_frame: Callable[[Path, int], str]) -> Path:
    """A root with two videos of four frames, three pictures, of which two are for VID, and lists."""
    images: list[dict[str, Any]] = []
    for video in (0, 1):
        for frame in (0, 1, 2, 3):
            name = f"train/ILSVRC2015_VID_train_0000/v{video}/{frame:06d}.png"
            write_frame(tmp_path / "Data" / "VID" / name, 0)
            facts = {"video_id": video + 1, "frame_id": frame, "is_vid_train_frame": frame == 1}
            images.append({"id": len(images) + 1, "file_name": name, "height": 48, "width": 64, **facts})
    annotations = [
        {"id": image["id"], "image_id": image["id"], "category_id": 30, "bbox": [1, 2, 30, 40], "instance_id": 0}
        for image in images
    ]
    videos = [{"id": v + 1, "name": f"train/ILSVRC2015_VID_train_0000/v{v}"} for v in (0, 1)]
    vid = {"videos": videos, "images": images, "annotations": annotations, "categories": CATEGORIES}
    pictures = [
        {"id": i, "file_name": f"{i}.png", "height": 48, "width": 64, "is_vid_train_frame": i < 2} for i in range(3)
    ]
    for picture in pictures:
        write_frame(tmp_path / "Data" / "DET" / str(picture["file_name"]), 0)
    boxes = [
        {"id": i, "image_id": i, "category_id": category, "bbox": [1, 2, 30, 40]}
        for i, category in enumerate([1, 2, 31])
    ]
    # The 31st stands for all other classes of DET.
    others = [*CATEGORIES, {"id": 31, "name": "other"}]
    det = {"images": pictures, "annotations": boxes, "categories": others}
    (tmp_path / "vid.json").write_text(json.dumps(vid), encoding="utf-8")
    (tmp_path / "det.json").write_text(json.dumps(det), encoding="utf-8")
    (tmp_path / "train.txt").write_text("x/v0 1 0 4\nx/v0 1 3 4\nx/v1 1 2 4\n", encoding="utf-8")
    (tmp_path / "val.txt").write_text("val/v1 1 0 4\nval/v7 5 0 9\n", encoding="utf-8")
    return tmp_path


def vid(root: Path, **more: Any) -> ImageNetVID:
    """The videos of the root."""
    return ImageNetVID(ann_file="vid.json", data_root=str(root), data_prefix={"img_path": "Data/VID"}, **more)


def key_frames(data: ImageNetVID) -> list[list[int]]:
    """Of each video."""
    return [list(data.key_frames(i)) for i in range(len(data))]


def test_thirty_classes() -> None:
    assert len(VID_CLASSES) == len(set(VID_CLASSES.values())) == 30
    assert list(VID_CLASSES.values()) == sorted(VID_CLASSES.values())
    assert VID_CLASSES["n02121808"] == "domestic_cat" and VID_CLASSES["n04468005"] == "train"


def test_key_frames_by_the_file_or_by_the_list(imagenet: Path) -> None:
    assert key_frames(vid(imagenet)) == [[1], [1]]
    assert key_frames(vid(imagenet, train_list="train.txt")) == [[0, 3], [2]]
    # References may be any frame.
    assert vid(imagenet).get_len_per_video(0) == 4


def test_videos_of_a_list(imagenet: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "vision.datasets"):
        data = vid(imagenet, video_list="val.txt", test_mode=True)
    assert [data.get_data_info(i)["video_name"][-2:] for i in range(len(data))] == ["v1"]
    assert "1 videos of val.txt are not there, such as v7" in caplog.text
    assert data.get_data_info(0)["images"][0]["instances"][0]["bbox_label"] == 29


def test_frames_of_a_list_that_are_not_there(imagenet: Path, caplog: pytest.LogCaptureFixture) -> None:
    (imagenet / "train.txt").write_text("v0 1 9 4\nv1 1 2 4\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING, "vision.datasets"):
        assert key_frames(vid(imagenet, train_list="train.txt")) == [[2]]
    assert "1 frames are marked for training and are not there, such as frame 9 of video train/" in caplog.text


def test_videos_and_pictures_mixed(imagenet: Path) -> None:
    det = ImageNetDET(ann_file="det.json", data_root=str(imagenet), data_prefix={"img_path": "Data/DET"})
    assert len(det) == 2
    both = VideoConcat([vid(imagenet, train_list="train.txt"), det])
    assert sorted(VideoSampler(both, seed=0)) == [(0, 0), (0, 3), (1, 2), (2, 0), (3, 0)]
    labels = [both.get_data_info(i)["images"][0]["instances"][0]["bbox_label"] for i in range(4)]
    assert labels == [29, 29, 0, 1]


def test_lists(imagenet: Path) -> None:
    assert read_train_list(imagenet / "train.txt") == {"x/v0": [0, 3], "x/v1": [2]}
    assert read_video_list(imagenet / "val.txt") == {"val/v1": 4, "val/v7": 9}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x/v0 1 0 4\nx/v0 1 3\n", r"list\.txt, line 2: 'x/v0 1 3' names no video"),
        ("x/v0 1 -3 4\n", "line 1"),
        ("\n", "lists no video"),
        ("x/v0 1 0 4\n../../y 1 3 4\n", r"line 2: '\.\./\.\./y' leads out of the folder of the videos"),
        ("/srv/x/v0 1 3 4\n", "line 1: '/srv/x/v0' leads out of the folder of the videos"),
        ("q 1 2 3\n", r"lists 1 videos such as q, and none of them is among 2 such as train/.*v0"),
    ],
)
def test_lists_that_do_not_fit(text: str, message: str, imagenet: Path) -> None:
    (imagenet / "list.txt").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        vid(imagenet, train_list="list.txt")
    assert caught.value.code == "bad-annotations"
