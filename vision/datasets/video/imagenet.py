"""ImageNet VID, and the pictures of ImageNet DET that are learned from beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, ClassVar

from vision.datasets.video.coco_vid import CocoVID
from vision.datasets.video.imagenet_lists import VID_CLASSES, read_train_list, read_video_list
from vision.datasets.video.records import Problems, Record
from vision.errors import UsageError


class ImageNetVID(CocoVID):
    """ImageNet VID in CocoVID's form, as `tools/dataset_converters` and mmtracking's converter write it.

    Training takes the frames that the file marks, 15 per video. A list takes their place.

    Args:
        train_list: `VID_train_15frames.txt`: the videos to learn from and the key frames in them.
        video_list: `VID_val_videos.txt`: the videos to take.
        arguments: of `CocoVID`.

    Raises:
        UsageError: none of the videos of a list is there; see also `CocoVID`.
    """

    METAINFO: ClassVar[dict[str, Any]] = {"classes": tuple(VID_CLASSES.values())}

    def __init__(
        self, *args: Any, train_list: str | None = None, video_list: str | None = None, **arguments: Any
    ) -> None:
        self.train_list, self.video_list = train_list, video_list
        super().__init__(*args, **arguments)

    def load_videos(self, classes: tuple[str, ...] | None, problems: Problems) -> tuple[list[Record], tuple[str, ...]]:
        """The file's videos, of the lists."""
        videos, names = super().load_videos(classes, problems)
        if self.video_list is not None:
            path = self._in_root(self.video_list)
            videos = _chosen(videos, read_video_list(path), path, problems)
        if self.train_list is not None:
            path = self._in_root(self.train_list)
            marked = {_folder(name): frames for name, frames in read_train_list(path).items()}
            videos = _chosen(videos, marked, path, problems)
            for video in videos:
                _mark(video, set(marked[_folder(video["video_name"])]), problems)
        return videos, names

    def _in_root(self, path: str) -> str:
        return os.path.join(self.data_root or "", path)


class ImageNetDET(CocoVID):
    """The pictures of ImageNet DET in COCO's form, of the classes of ImageNet VID: videos of one frame each.

    Of a file that marks pictures by `is_vid_train_frame`, as that of 30 classes and all others does, only these
    are learned from.
    """

    METAINFO: ClassVar[dict[str, Any]] = {"classes": tuple(VID_CLASSES.values())}


def _chosen(videos: list[Record], listed: Iterable[str], path: str, problems: Problems) -> list[Record]:
    """Videos that a list names; those that are not there are told."""
    wanted = {_folder(name) for name in listed}
    found = [video for video in videos if _folder(video["video_name"]) in wanted]
    if not found:
        raise UsageError(
            f"{path} lists {len(wanted)} videos such as {min(wanted)}, and none of them is among {len(videos)} such as "
            f"{videos[0]['video_name'] if videos else 'none'}",
            code="bad-annotations",
            value=path,
        )
    missing = sorted(wanted - {_folder(video["video_name"]) for video in found})
    problems.add(f"videos of {os.path.basename(path)} are not there", "".join(missing[:1]), len(missing))
    return found


def _folder(name: str) -> str:
    """The last folder of a video's name, which is its own in ImageNet; what stands before depends on the converter."""
    return name.rstrip("/").rpartition("/")[2]


def _mark(video: Record, numbers: set[int], problems: Problems) -> None:
    for frame in video["images"]:
        frame["is_train_frame"] = frame["frame_number"] in numbers
    missing = sorted(numbers - {frame["frame_number"] for frame in video["images"]})
    if missing:
        where = f"frame {missing[0]} of video {video['video_name']}"
        problems.add("frames are marked for training and are not there", where, len(missing))
