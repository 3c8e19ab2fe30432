"""Files of detections, and sequences with true boxes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.errors import UsageError
from vision.metrics.video.detections import parse_detections, read_detections, score_detections
from vision.metrics.video.sequences import TrueSequence, coco_vid_sequences, mot_sequences
from vision.structures.video import VideoResult


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_mot_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "3,-1,10,20,5,6,0.9,-1,-1,-1\n1,4,1.5,2,3,4,0.25,-1,-1,-1\n3,2,0,0,9,9,1\n")
    found = read_detections(path, ["person"])
    assert sorted(found) == [0, 2]  # places, from 0
    assert found[2].boxes.tolist() == [[10, 20, 15, 26], [0, 0, 9, 9]]
    assert found[2].scores.tolist() == pytest.approx([0.9, 1]) and found[0].labels.tolist() == [0]
    assert read_detections(path, ["person"], origin=1)[0].boxes.tolist() == [[0.5, 1, 3.5, 5]]


def test_json_lines_are_those_of_results(tmp_path: Path) -> None:
    result = VideoResult(
        "frame 0",
        0,
        boxes=np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32),
        scores=np.array([0.5, 0.75], np.float32),
        labels=np.array([1, 0]),
        track_ids=np.array([-1, 3]),
        classes=("dog", "person"),
    )
    lines = json.dumps(result.to_dict()) + "\n" + json.dumps(VideoResult("frame 1", 1).to_dict()) + "\n"
    path = write(tmp_path / "a.jsonl", lines)
    found = read_detections(path, ["person", "dog"])
    assert found[0].boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]] and found[0].labels.tolist() == [0, 1]
    assert len(found[1].boxes) == 0
    # Of one class, the others are left out; MOT's word for people is another.
    assert read_detections(path, ["pedestrian"])[0].scores.tolist() == [0.5]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.txt", "1,-1,3,4,5,6"),
        ("a.txt", "0,-1,3,4,5,6,1"),
        ("a.txt", "1.5,-1,3,4,5,6,1"),
        ("a.txt", "1,-1,3,nan,5,6,1"),
        ("a.txt", "some text"),
        ("a.jsonl", "{}"),
        ("a.jsonl", "[" * 100_000),
        ("a.jsonl", '{"frame": 0, "objects": [{"box": [1, 2, 3], "score": 1, "label": "person"}]}'),
        ("a.jsonl", '{"frame": 0, "objects": [{"box": [1, 2, 3, 4], "score": NaN, "label": "person"}]}'),
    ],
)
def test_lines_that_are_none_are_named(name: str, line: str) -> None:
    good = "1,-1,3,4,5,6,1" if name.endswith(".txt") else '{"frame": 0, "objects": []}'
    with pytest.raises(UsageError, match=rf"{name}, line 2: .*; expected"):
        parse_detections(name, f"{good}\n{line}\n", ["person"])


def test_sequences_of_mot(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        path = tmp_path / f"all/S-10/img1/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32)).save(path)
    lines = ["1,5,1,1,10,20,1,1,1", "3,5,2,2,10,20,0,1,1", "3,6,2,2,10,20,1,8,1", "3,7,2,2,10,20,1,3,1"]
    write(tmp_path / "all/S-10/gt/gt.txt", "\n".join(lines))
    # No images, but a video of which seqinfo.ini says the length, and a file beside it in the older columns.
    write(tmp_path / "all/S-2/gt.txt", "2,1,88,99,61.5,218,1,4.4852,5.5016,0\n")
    write(tmp_path / "all/S-2/seqinfo.ini", "[Sequence]\nseqLength=4\n")
    write(tmp_path / "all/S-2/S.mp4", "")
    video, images = mot_sequences(tmp_path / "all")
    assert (video.name, video.source) == ("S-2", tmp_path / "all/S-2/S.mp4")
    assert list(video.truth) == [0, 1, 2, 3] and video.truth[1].boxes.tolist() == [[87, 98, 148.5, 316]]
    assert images.name == "S-10" and [path.name for path in images.source or []] == ["1.jpg", "2.jpg", "10.jpg"]  # type: ignore[union-attr]
    assert images.truth[0].boxes.tolist() == [[0, 0, 10, 20]] and images.truth[0].tracks.tolist() == [5]
    assert len(images.truth[1].boxes) == 0
    assert images.truth[2].ignored.tolist() == [True, True]  # column 7, and a distractor; no car
    assert mot_sequences(tmp_path / "all/S-2")[0].name == "S-2"
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="no sequence in it"):
            mot_sequences(root)


def test_sequences_of_coco_vid(tmp_path: Path) -> None:
    size = {"height": 32, "width": 32, "video_id": 1}
    content = {
        "categories": [{"id": 1, "name": "cat"}],
        "videos": [{"id": 1, "name": "clip"}],
        "images": [
            {"id": 1, "file_name": "2.jpg", "frame_id": 1, "degraded": True, **size},
            {"id": 2, "file_name": "1.jpg", "frame_id": 0, **size},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "instance_id": 0, "iscrowd": 1, "area": 12}
        ],
    }
    path = write(tmp_path / "a.json", json.dumps(content))
    [clip], classes = coco_vid_sequences(path, tmp_path)
    assert classes == ("cat",) and clip.name == "clip" and clip.degraded == {1}
    assert clip.source == [tmp_path / "1.jpg", tmp_path / "2.jpg"]
    assert clip.truth[1].boxes.tolist() == [[1, 2, 4, 6]] and clip.truth[1].ignored.tolist() == [True]


def test_frames_without_detections_count(tmp_path: Path) -> None:
    write(tmp_path / "s/gt.txt", "1,1,1,1,10,20,1\n2,1,1,1,10,20,1\n4,1,1,1,10,20,1\n")
    sequences = mot_sequences(tmp_path / "s")
    found = parse_detections("a.txt", "1,-1,0,0,10,20,0.9\n", ["person"])
    scores = score_detections(sequences, {"s": found}, ["person"])
    assert scores.subsets["all"].frames == 4 and scores.subsets["all"].boxes == 3
    assert scores.subsets["all"].mean()["voc_ap50"] == pytest.approx(1 / 3)
    with pytest.raises(UsageError, match="no detections of the sequence s; there are t"):
        score_detections(sequences, {"t": found}, ["person"])
    late = parse_detections("a.txt", "5,-1,0,0,10,20,0.9\n", ["person"])
    with pytest.raises(UsageError, match="detections on frame 5 of s, counted from 1, which has 4 frames"):
        score_detections(sequences, {"s": late}, ["person"])


def test_degraded_frames_are_judged_apart(tmp_path: Path) -> None:
    write(tmp_path / "s/gt.txt", "1,1,1,1,10,20,1\n2,1,1,1,10,20,1\n")
    [one] = mot_sequences(tmp_path / "s")
    blurred = TrueSequence(one.name, one.source, one.truth, frozenset({1}))
    found = parse_detections("a.txt", "2,-1,0,0,10,20,0.9\n", ["person"])
    scores = score_detections([blurred], {"s": found}, ["person"])
    assert scores.subsets["degraded"].mean()["voc_ap50"] == 1 and scores.subsets["all"].mean()["voc_ap50"] == 0.5
