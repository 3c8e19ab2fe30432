"""Crops of clips for training: boxes stay on what they surround."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vision.datasets.video.clips import VideoClips, read_source
from vision.errors import UsageError

BOX = (30, 20, 60, 80)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos: three gray frames with one white block that moves right, and a still one without any."""
    root = tmp_path_factory.mktemp("clips")
    images, annotations = [], []
    for number, (video, frame) in enumerate([(1, 2), (1, 0), (1, 1), (2, 0)]):  # not in their order
        pixels = np.full((120, 160, 3), 60, np.uint8)
        name = f"{video}_{frame}.png"
        if video == 1:
            left, top, right, bottom = BOX[0] + 10 * frame, BOX[1], BOX[2] + 10 * frame, BOX[3]
            pixels[top:bottom, left:right] = 250
            box = [left, top, right - left, bottom - top]
            annotations.append(
                {"id": number + 1, "image_id": number + 1, "video_id": 1, "category_id": 7, "instance_id": 0,
                 "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            )  # fmt: skip
            annotations.append({"id": 50 + number, "image_id": number + 1, "category_id": 7, "bbox": [0, 100, 20, 20],
                                "iscrowd": 1})  # fmt: skip
        Image.fromarray(pixels).save(root / name)
        images.append({"id": number + 1, "video_id": video, "frame_id": frame, "file_name": name, "height": 120,
                       "width": 160})  # fmt: skip
    content = {"categories": [{"id": 3, "name": "dog"}, {"id": 7, "name": "person"}],
               "videos": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}], "images": images,
               "annotations": annotations}  # fmt: skip
    (root / "annotations.json").write_text(json.dumps(content))
    return root


def source(folder: Path, **more: Any) -> dict[str, Any]:
    return {"ann_file": str(folder / "annotations.json"), "data_root": str(folder), **more}


def test_frames_are_in_their_order_and_crowds_apart(folder: Path) -> None:
    read, classes = read_source(**source(folder))
    videos = read.videos
    assert classes == ("dog", "person")
    assert [[Path(frame.path).name for frame in video] for video in videos] == [
        ["1_0.png", "1_1.png", "1_2.png"],
        ["2_0.png"],
    ]
    assert videos[0][1].boxes.tolist() == [[40, 20, 70, 80]] and videos[0][1].labels.tolist() == [1]
    assert videos[0][0].ignored.tolist() == [[0, 100, 20, 120]]
    assert videos[1][0].boxes.shape == (0, 4)


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_boxes_stay_on_what_they_surround(folder: Path, mosaic: float) -> None:
    clips = VideoClips([source(folder)], size=(96, 128), scales=(0.4, 2.0), person_heights=(20, 90), mosaic=mosaic)
    torch.manual_seed(0)
    seen = 0
    for index in range(40):
        item = clips[index]
        assert item["inputs"].shape == (1, 3, 96, 128) and item["inputs"].dtype == torch.uint8
        bright = (item["inputs"][0, 0] > 200).float()
        covered = torch.zeros(96, 128)
        for left, top, right, bottom in item["boxes"].round().int().tolist():
            seen += 1
            inside = bright[top + 1 : bottom - 1, left + 1 : right - 1]
            assert inside.numel() and inside.mean() > 0.95
        for left, top, right, bottom in torch.cat((item["boxes"], item["ignored"])).tolist():
            covered[max(0, int(top) - 2) : int(bottom) + 3, max(0, int(left) - 2) : int(right) + 3] = 1
        assert (bright * (1 - covered)).sum() == 0  # nothing bright without a box or a region around it
        assert item["labels"].tolist() == [1] * len(item["boxes"])
    assert seen > 20


def test_heights_are_as_wanted(folder: Path) -> None:
    clips = VideoClips([source(folder)], size=(160, 160), scales=(0.1, 8.0), person_heights=(100, 110))
    torch.manual_seed(0)
    boxes = torch.cat([clips[i]["boxes"] for i in range(60)])
    heights = boxes[:, 3] - boxes[:, 1]
    # 1.33 is the least scale, as the frame is to fill 80 % of the crop; the box is 60 high.
    assert heights.max() <= 110.5 and (heights > 99).float().mean() > 0.5


def test_references_are_near_and_cut_alike(folder: Path) -> None:
    clips = VideoClips([source(folder)], size=(96, 96), num_refs=2, scales=(1.0, 1.0), person_heights=None)
    torch.manual_seed(0)
    moved = 0
    for index in range(20):
        item = clips[index]
        assert item["inputs"].shape == (3, 3, 96, 96)
        if len(item["boxes"]):
            moved += int((item["inputs"][0] != item["inputs"][1]).any())
    assert moved > 3


def test_made_clips_are_a_source(folder: Path) -> None:
    def make(rng: np.random.Generator, count: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        frame = np.full((96, 96, 3), 200, np.uint8)
        return [(frame, np.array([[10.0, 10, 50, 90]]), np.array([0]))] * count

    clips = VideoClips(
        [{"clips": make, "weight": 3.0}, source(folder, weight=1.0)], size=(96, 96), scales=(1, 1), person_heights=None
    )
    torch.manual_seed(0)
    labels = [label for index in range(80) for label in clips[index]["labels"].tolist()]
    assert 2 < labels.count(0) / max(1, labels.count(1)) < 12  # a quarter of the others has no box


def test_the_seed_decides(folder: Path) -> None:
    clips = VideoClips([source(folder)], size=(64, 64), transforms=[{"type": "RandomColor"}, {"type": "RandomNoise"}])
    torch.manual_seed(5)
    first = clips[3]
    torch.manual_seed(5)
    again = clips[3]
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(clips[3]["inputs"], first["inputs"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"sources": []}, "sources is empty"), ({"sources": [{}], "mosaic": 0.5, "num_refs": 2}, "mosaic is 0.5")],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VideoClips(**arguments)


def test_classes_are_those_asked_for(folder: Path) -> None:
    assert VideoClips([source(folder)]).metainfo == {"classes": ("dog", "person")}
    clips = VideoClips([source(folder)], size=(96, 128), classes=("person",))
    torch.manual_seed(0)
    labels = [label for index in range(20) for label in clips[index]["labels"].tolist()]
    assert clips.metainfo == {"classes": ("person",)} and set(labels) == {0}


def test_sources_of_other_classes_are_named(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / "annotations.json").read_text())
    content["categories"] = [{"id": 7, "name": "person"}]
    (tmp_path / "other.json").write_text(json.dumps(content))
    other = {"ann_file": str(tmp_path / "other.json"), "data_root": str(folder)}
    with pytest.raises(UsageError, match=r"other\.json has the classes person, and those before it dog, person"):
        VideoClips([source(folder), other])
    assert VideoClips([source(folder), other], classes=["person"]).metainfo == {"classes": ("person",)}
    with pytest.raises(UsageError, match="no category is called 'dog'"):
        VideoClips([source(folder), other], classes=["dog"])


def test_frames_that_are_elsewhere_or_none_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none of its frames is there"):
        VideoClips([{**source(folder), "data_root": str(tmp_path)}])
    (tmp_path / "empty.json").write_text('{"categories": [{"id": 1, "name": "a"}], "images": [], "annotations": []}')
    with pytest.raises(UsageError, match=r"empty\.json: no video has a frame"):
        VideoClips([{"ann_file": str(tmp_path / "empty.json")}])


def test_a_picture_without_a_video_is_one_of_a_single_frame(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / "annotations.json").read_text())
    content["images"] = [
        {key: image[key] for key in ("id", "file_name", "height", "width")} for image in content["images"]
    ]
    (tmp_path / "coco.json").write_text(json.dumps(content))
    read, _ = read_source(str(tmp_path / "coco.json"), str(folder))
    assert [len(video) for video in read.videos] == [1, 1, 1, 1]
