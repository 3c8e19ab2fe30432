"""Several data sets of videos as one, which samplers can ask for a frame of a video."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from mmengine.registry import DATASETS, DefaultScope

from vision.datasets.video.base import VideoDataset
from vision.datasets.video.records import Record
from vision.errors import UsageError


class VideoConcat(VideoDataset):
    """The videos of one data set after those of the other, such as ImageNet VID and the pictures of ImageNet DET.

    mmengine's `ConcatDataset` knows items by a number alone, and cannot be asked for frame 3 of video 7. Here all
    videos count through, numbers of videos and images are unique, and each data set has its own pipeline. As published,
    an epoch of VID and DET takes each key frame and each picture once; `VideoSampler(num_samples=...)` takes other
    shares.

    Args:
        datasets: of `VideoDataset`, or their configs.

    Raises:
        UsageError: no data set, or they differ in their classes, in `test_mode` or in `num_references`.
    """

    # The constructor of a data set with files would look for some.
    def __init__(self, datasets: Sequence[VideoDataset | dict[str, Any]]) -> None:
        if not datasets:
            raise UsageError("datasets is empty; expected at least one", code="usage")
        with DefaultScope.overwrite_default_scope("mmdet"):
            self.datasets = [DATASETS.build(one) if isinstance(one, dict) else one for one in datasets]
        _check_alike(self.datasets)
        first = self.datasets[0]
        self._metainfo = dict(first.metainfo)
        self.test_mode, self.num_references, self.max_refetch = first.test_mode, first.num_references, first.max_refetch
        self.pipeline, self.serialize_data, self._fully_initialized = None, False, True
        # Video -> its data set and its place there.
        self._places = [(part, i) for part, one in enumerate(self.datasets) for i in range(len(one))]
        self._offsets = _offsets(self.datasets)

    @property
    def parts(self) -> list[range]:
        """The videos of each data set."""
        ends = list(accumulate(map(len, self.datasets)))
        return [range(end - len(one), end) for end, one in zip(ends, self.datasets, strict=True)]

    def __len__(self) -> int:
        return len(self._places)

    def get_data_info(self, idx: int) -> Record:
        """A video, with numbers that are unique among all data sets."""
        part, place = self._places[idx]
        info: Record = self.datasets[part].get_data_info(place)
        return self._renumbered(info, part, idx % len(self))

    def prepare_data(self, idx: int | tuple[int, int]) -> Any:
        """A video, or one frame of it, through the pipeline of its data set."""
        video, frame = idx if isinstance(idx, tuple) else (idx, None)
        part, _ = self._places[int(video)]
        return self.datasets[part].prepare(self.get_data_info(int(video)), frame)

    def get_len_per_video(self, idx: int) -> int:
        """How many frames a video has."""
        part, place = self._places[idx]
        return int(self.datasets[part].get_len_per_video(place))

    def key_frames(self, idx: int) -> Sequence[int]:
        """Places of the frames of a video that training looks at; in testing all."""
        part, place = self._places[idx]
        frames: Sequence[int] = self.datasets[part].key_frames(place)
        return frames

    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """Take subsets of the data sets instead."""
        raise UsageError("a VideoConcat has no subsets; give its data sets `indices`", code="usage")

    def get_subset(self, indices: Sequence[int] | int) -> VideoDataset:
        """Take subsets of the data sets instead."""
        self.get_subset_(indices)
        return self

    def _renumbered(self, info: Record, part: int, idx: int) -> Record:
        video, image = self._offsets[part]
        info["sample_idx"] = idx
        info["video_id"] += video
        for frame in info["images"]:
            frame["video_id"] += video
            frame["img_id"] += image
        return info


def _offsets(datasets: list[VideoDataset]) -> list[tuple[int, int]]:
    """What to add to the numbers of videos and images; the first data set keeps its own."""
    offsets, video, image = [], 0, 0
    for dataset in datasets:
        offsets.append((video, image))
        lasts = dataset.largest_numbers()
        video, image = video + lasts[0] + 1, image + lasts[1] + 1
    return offsets


def _check_alike(datasets: list[VideoDataset]) -> None:
    for dataset in datasets:
        if not isinstance(dataset, VideoDataset):
            raise UsageError(
                f"{type(dataset).__name__} cannot be asked for frames of videos; expected a data set such as CocoVID",
                code="usage",
                value=type(dataset).__name__,
            )
        dataset.full_init()
    facts = {
        "classes": [tuple(one.metainfo["classes"]) for one in datasets],
        "test_mode": [one.test_mode for one in datasets],
        "num_references": [one.num_references for one in datasets],
    }
    for name, values in facts.items():
        if len(set(values)) > 1:
            other = next(value for value in values if value != values[0])
            raise UsageError(
                f"the data sets differ in {name}: {values[0]} and {other}; expected the same for all",
                code="conflicting-arguments",
                value=(values[0], other),
            )
