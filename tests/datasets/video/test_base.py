"""What all data sets of videos do: order, key frames, references of a test, broken files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision.datasets.video.base import VideoDataset, spread
from vision.datasets.video.openmmlab import BaseVideoDataset
from vision.datasets.video.records import Problems, Record, frame_record, instance_record, video_record
from vision.errors import UsageError
from vision.images import ImageError

LOAD = [{"type": "TransformBroadcaster", "transforms": [{"type": "LoadImageFromFile"}]}]


def shades(sample: dict[str, Any]) -> list[int]:
    """Of the images that were loaded."""
    return [int(image[0, 0, 0]) for image in sample["img"]]


def test_frames_are_ordered_by_number_and_counted_from_zero() -> None:
    problems = Problems()
    frames = [frame_record(number, f"{number}.png", (48, 64)) for number in (12, 2, 10, 7, 2)]
    video = video_record(3, "clip", frames, problems)
    assert [frame["frame_number"] for frame in video["images"]] == [2, 7, 10, 12]
    assert [frame["frame_id"] for frame in video["images"]] == [0, 1, 2, 3]
    assert {frame["video_id"] for frame in video["images"]} == {3}
    assert video["video_length"] == 4
    twice, missing = problems.lines()
    assert twice == "1 frames come twice and are left out the second time, such as frame 2 of video clip"
    assert missing == "7 frames are missing between others, such as frame 3 of video clip"


def test_a_video_or_a_frame_is_an_item(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    data = listed(make_videos(3, 5), test_mode=True, pipeline=LOAD)
    assert isinstance(data, BaseVideoDataset)
    assert len(data) == 2
    assert [data.get_len_per_video(i) for i in range(2)] == [3, 5]
    assert shades(data[1]) == [10, 11, 12, 13, 14]
    one = data[1, 2]
    assert shades(one) == [12]
    assert (one["frame_id"], one["video_id"], one["ori_video_length"], one["video_length"]) == ([2], [1], [5], [1])
    assert one["key_frame_flags"] == [True]


def test_offline_references_come_with_frame_zero_alone(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    data = listed(make_videos(9, 2), test_mode=True, pipeline=LOAD, num_references=5)
    first = data[0, 0]
    assert shades(first) == [0, 2, 4, 6, 8, 0]
    assert first["key_frame_flags"] == [False] * 5 + [True]
    assert shades(data[0, 1]) == [1]
    # As many of a shorter video, so that batches have one shape.
    assert shades(data[1, 0]) == [10, 10, 10, 11, 11, 10]


@pytest.mark.parametrize(
    ("length", "count", "expected"),
    [(27, 14, list(range(0, 27, 2))), (1, 3, [0, 0, 0]), (5, 0, []), (5, 1, [2]), (100, 2, [0, 99])],
)
def test_spread_covers_the_whole_video(length: int, count: int, expected: list[int]) -> None:
    assert spread(length, count) == expected


def test_training_keeps_frames_without_boxes_as_references(
    listed: Callable[..., VideoDataset], make_videos: Any
) -> None:
    videos = make_videos(4, 3, 2)
    videos[0]["images"][1]["instances"] = []
    videos[0]["images"][2]["instances"][0]["ignore_flag"] = 1
    videos[0]["images"][3]["is_train_frame"] = False
    for frame in videos[1]["images"]:
        frame["instances"] = []
    data = listed(videos)
    assert len(data) == 2
    assert [list(data.key_frames(i)) for i in range(2)] == [[0], [0, 1]]
    info = data.get_data_info(0)
    assert len(info["images"]) == info["video_length"] == 4
    everything = listed(videos, filter_cfg={"filter_empty_gt": False})
    assert [list(everything.key_frames(i)) for i in range(3)] == [[0, 1, 2], [0, 1, 2], [0, 1]]


def test_training_on_nothing_is_refused(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    with pytest.raises(UsageError, match=r"none of 5 frames can be learned from.*64 pixels per side.*cat") as caught:
        listed(make_videos(2, 3), filter_cfg={"min_size": 64})
    assert caught.value.code == "bad-annotations"
    with pytest.raises(UsageError, match="no video has a frame"):
        listed([])


def test_lengths_follow_subsets(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    data = listed(make_videos(2, 4, 3))
    part = data.get_subset([2, 0])
    assert [part.get_len_per_video(i) for i in range(2)] == [3, 2]
    assert [list(part.key_frames(i)) for i in range(2)] == [[0, 1, 2], [0, 1]]
    assert len(data) == 3 and data.get_len_per_video(1) == 4
    assert [frame["video_id"] for frame in part.get_data_info(0)["images"]] == [2, 2, 2]
    assert [listed(make_videos(2, 4, 3), indices=[1]).get_len_per_video(0)] == [4]


def test_a_wrong_folder_is_told_at_once(listed: Callable[..., VideoDataset], tmp_path: Path) -> None:
    frame = frame_record(0, tmp_path / "no" / "0.png", (48, 64), [instance_record((0, 0, 9, 9), 0, 0)])
    with pytest.raises(UsageError, match=r"none of its frames is there, such as .*no/0\.png") as caught:
        listed([video_record(0, "clip", [frame])])
    assert caught.value.code == "bad-data-root"


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_a_broken_frame_is_an_error_in_testing_and_replaced_in_training(
    content: bytes | None,
    listed: Callable[..., VideoDataset],
    make_videos: Callable[..., list[Record]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    videos = make_videos(1, 1)
    broken = Path(videos[0]["images"][0]["img_path"])
    broken.unlink()
    if content is not None:
        broken.write_bytes(content)
    with pytest.raises(ImageError, match=r"0/0\.png"):
        listed(videos, test_mode=True, pipeline=LOAD)[0, 0]
    assert shades(listed(videos, test_mode=True, pipeline=LOAD)[1, 0]) == [10]
    pick = [{"type": "BaseFrameSample"}, *LOAD]
    np.random.seed(0)
    with caplog.at_level(logging.WARNING, "vision.datasets"):
        assert shades(listed(videos, pipeline=pick)[0, 0]) == [10]
    assert "0/0.png" in caplog.text and "taking another one" in caplog.text


def test_when_no_frame_can_be_read_training_ends(
    listed: Callable[..., VideoDataset], make_videos: Callable[..., list[Record]]
) -> None:
    videos = make_videos(1)
    Path(videos[0]["images"][0]["img_path"]).write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"0/0\.png"):
        listed(videos, pipeline=[{"type": "BaseFrameSample"}, *LOAD])[0, 0]


def test_errors_of_a_pipeline_stay_what_they_are(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    def faulty(sample: dict[str, Any]) -> None:
        raise ValueError("a mistake of the pipeline")

    with pytest.raises(ValueError, match="a mistake of the pipeline"):
        listed(make_videos(1), pipeline=[faulty])[0, 0]


def test_out_of_range(listed: Callable[..., VideoDataset], make_videos: Any) -> None:
    with pytest.raises(UsageError, match="num_references is -1"):
        listed(make_videos(1), num_references=-1)
