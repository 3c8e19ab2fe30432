"""The common part of the data sets of videos: which frames are learned from, what a test sees, broken files."""

from __future__ import annotations

import logging
import os
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, ClassVar

from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from vision.datasets.video.openmmlab import BaseVideoDataset
from vision.datasets.video.records import Problems, Record
from vision.errors import UsageError
from vision.images import ImageError, read_image

_MAX_FAILURES = 100  # in a row; then it is the disk that is broken, not a file
_PROBED = 200  # files looked for when a data set is made; there may be a million


class VideoDataset(BaseVideoDataset):
    """Videos as mmdet's pipelines and this package's samplers take them; the named data sets say where they are.

    A video is an index; a frame of it is the pair (video, frame), with the frame's place in the video. In training the
    pipeline gets the whole video (`images`, `key_frames`, `video_length`, and `key_frame_id` where a frame was asked
    for), and chooses its references itself, among all frames. In testing it gets lists with one entry per frame.

    A frame that cannot be read is replaced in training, with a warning; in testing it is an error.

    Args:
        num_references: in testing, that many frames spread evenly over the whole video come with its frame 0, as
            published for MAMBA (14); they are marked by `key_frame_flags`. 0 is causal.
        pipeline: transforms by the names of mmengine's TRANSFORMS registries, mmdet's before the root's; or callables.
        arguments: of mmdet's `BaseVideoDataset`. `metainfo=dict(classes=...)` has names in the order of their labels;
            without it they are those of the annotations. `filter_cfg` says which frames are learned from:
            `filter_empty_gt` (True) leaves out those without a box that counts, `min_size` (32) smaller ones. They are
            key frames no more, but references still.

    Raises:
        UsageError: the annotations cannot be used, none of their files is there, or no frame can be learned from.
    """

    METAINFO: ClassVar[dict[str, Any]] = {"classes": None}
    serialize_data: bool

    def __init__(
        self, ann_file: str = "", *, num_references: int = 0, pipeline: Sequence[Any] = (), **arguments: Any
    ) -> None:
        if num_references < 0:
            raise UsageError(
                f"num_references is {num_references}; expected 0 or more", code="out-of-range", value=num_references
            )
        self.num_references = num_references
        self._failures = 0
        self._lengths: list[int] = []
        self._key_frames: list[list[int]] = []
        self._largest = (-1, -1)
        # The names in a pipeline are mmdet's, also in a script that never said so.
        with DefaultScope.overwrite_default_scope("mmdet"):
            steps = Compose(pipeline).transforms
        super().__init__(ann_file, pipeline=steps, **arguments)

    @abstractmethod
    def load_videos(self, classes: tuple[str, ...] | None, problems: Problems) -> tuple[list[Record], tuple[str, ...]]:
        """The videos, of `video_record`, and the names of their labels.

        Args:
            classes: those that the config names, in this order; None if it names none.
            problems: takes up what is odd.
        """

    def load_data_list(self) -> list[Record]:
        """The videos that have frames, told what is odd about them."""
        problems = Problems()
        named = self._metainfo.get("classes")
        videos, classes = self.load_videos(None if named is None else _as_names(named), problems)
        self._metainfo["classes"] = tuple(classes)
        for video in videos:
            if not video["images"]:
                problems.add("videos have no frames and are left out", str(video["video_name"]))
        videos = [video for video in videos if video["images"]]
        for line in problems.lines():
            _logger().warning("%s: %s", self.source, line)
        if not videos:
            raise UsageError(f"{self.source}: no video has a frame", code="bad-annotations", value=self.source)
        _number(videos)
        self._probe_files(videos)
        return videos

    @property
    def source(self) -> str:
        """Where the annotations are from, for messages."""
        return str(self.ann_file or self.data_root or type(self).__name__)

    def filter_data(self) -> list[Record]:
        """Say which frames are key frames; in training leave out videos that have none.

        Raises:
            UsageError: no video has one.
        """
        wanted = dict(self.filter_cfg or {})
        with_boxes, min_size = wanted.get("filter_empty_gt", True), wanted.get("min_size", 32)
        for video in self.data_list:
            video["key_frames"] = [
                frame["frame_id"]
                for frame in video["images"]
                if self.test_mode or _is_key_frame(frame, with_boxes, min_size)
            ]
        kept = [video for video in self.data_list if video["key_frames"]]
        if not kept:
            count = sum(map(_length, self.data_list))
            raise UsageError(
                f"{self.source}: none of {count} frames can be learned from; expected frames marked for training, "
                f"of at least {min_size} pixels per side, with boxes of {', '.join(self._metainfo['classes'])}",
                code="bad-annotations",
                value=count,
            )
        return kept

    def full_init(self) -> None:
        """As mmengine's; lengths and key frames stay at hand, since samplers ask for those of all videos."""
        if self._fully_initialized:
            return
        serialize = self.serialize_data
        self.serialize_data = False
        super().full_init()
        self._take_note(self.data_list)
        self.serialize_data = serialize
        if serialize:
            self.data_bytes, self.data_address = self._serialize_data()

    def get_len_per_video(self, idx: int) -> int:
        """How many frames a video has."""
        self.full_init()
        return self._lengths[idx]

    def key_frames(self, idx: int) -> Sequence[int]:
        """Places of the frames of a video that training looks at; in testing all."""
        self.full_init()
        return self._key_frames[idx]

    def largest_numbers(self) -> tuple[int, int]:
        """The largest numbers that a video and an image have."""
        self.full_init()
        return self._largest

    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """As mmengine's: keep these videos."""
        super().get_subset_(indices)
        self._take_note([self.get_data_info(i) for i in range(len(self))])

    def get_subset(self, indices: Sequence[int] | int) -> VideoDataset:
        """As mmengine's: a copy with these videos."""
        subset = self._copy_without_annotation()
        for name in ("data_list", "data_bytes", "data_address", "_lengths", "_key_frames", "_largest"):
            if hasattr(self, name):
                setattr(subset, name, getattr(self, name))
        subset.get_subset_(indices)
        return subset

    def prepare_data(self, idx: int | tuple[int, int]) -> Any:
        """A video, or one frame of it, through the pipeline; None if a file is broken and training may go on.

        Raises:
            ImageError: in testing, a frame's file is missing or damaged; in training, that of a hundred in a row.
        """
        video, frame = idx if isinstance(idx, tuple) else (idx, None)
        return self.prepare(self.get_data_info(int(video)), frame)

    def prepare(self, info: Record, frame: int | None = None) -> Any:
        """A video of `get_data_info`, or one frame of it, through the pipeline; as `prepare_data`."""
        sample: dict[str, Any] = self._tested(info, frame) if self.test_mode else info
        if frame is not None and not self.test_mode:
            sample["key_frame_id"] = int(frame)
        try:
            result = self.pipeline(sample)
        except Exception:
            # Loaders tell a broken file in many ways; whether it is one is for the files to say.
            broken = _broken_file(info["images"], None if frame is None else int(frame))
            if broken is None:
                raise
            self._failures += 1
            if self.test_mode or self._failures >= _MAX_FAILURES:
                raise broken from None
            _logger().warning("%s: the frame cannot be used, taking another one", broken)
            return None
        self._failures = 0
        return result

    def _take_note(self, videos: list[Record]) -> None:
        self._lengths = [len(video["images"]) for video in videos]
        self._key_frames = [video["key_frames"] for video in videos]
        images = (frame["img_id"] for video in videos for frame in video["images"])
        self._largest = max((video["video_id"] for video in videos), default=-1), max(images, default=-1)

    def _tested(self, info: Record, frame: int | None) -> dict[str, list[Any]]:
        """Frames as lists, one entry per frame; references before frame 0 are marked as such."""
        places = list(range(len(info["images"]))) if frame is None else [int(frame)]
        references = spread(len(info["images"]), self.num_references) if places[0] == 0 else []
        sample: dict[str, list[Any]] = defaultdict(list)
        for place in references + places:
            for name, value in info["images"][place].items():
                sample[name].append(value)
        count = len(references) + len(places)
        sample["video_length"] = [len(places)] * count
        sample["ori_video_length"] = [info["video_length"]] * count
        sample["key_frame_flags"] = [False] * len(references) + [True] * len(places)
        return sample

    def _probe_files(self, videos: list[Record]) -> None:
        """Tell a wrong folder at once: some files must be there."""
        frames = [video["images"][0] for video in videos]
        frames = [frame for frame in frames[:: len(frames) // _PROBED + 1] if frame["img_path"]]
        if self.backend_args is None and frames and not any(os.path.isfile(frame["img_path"]) for frame in frames):
            path = frames[0]["img_path"]
            raise UsageError(
                f"{self.source}: none of its frames is there, such as {path}; expected data_root and "
                "data_prefix['img_path'] to be the folder that the names of the annotations begin in",
                code="bad-data-root",
                value=path,
            )


def spread(length: int, count: int) -> list[int]:
    """Places of `count` frames spread evenly over a video, its first and last among them; again if it is shorter."""
    if count == 1:
        return [length // 2]
    return [round(i * (length - 1) / (count - 1)) for i in range(count)]


def _is_key_frame(frame: Record, with_boxes: bool, min_size: int) -> bool:
    if not frame["is_train_frame"] or min(frame["height"], frame["width"]) < min_size:
        return False
    return not with_boxes or any(not instance["ignore_flag"] for instance in frame["instances"])


def _number(videos: list[Record]) -> None:
    """Give images a number that have none."""
    frames = [frame for video in videos for frame in video["images"]]
    used = [frame["img_id"] for frame in frames if frame["img_id"] is not None]
    following = max(used, default=-1) + 1
    for frame in frames:
        if frame["img_id"] is None:
            frame["img_id"], following = following, following + 1


def _broken_file(frames: list[Record], place: int | None) -> ImageError | None:
    """The first of the frames' files that cannot be read, that of the frame asked for before others."""
    order = sorted(frames, key=lambda frame: frame["frame_id"] != place)
    for frame in order:
        try:
            if frame["img_path"]:
                read_image(frame["img_path"])
        except ImageError as error:
            return error
    return None


def _as_names(classes: str | Sequence[str]) -> tuple[str, ...]:
    return (classes,) if isinstance(classes, str) else tuple(classes)


def _length(video: Record) -> int:
    return len(video["images"])


def _logger() -> logging.Logger:
    return logging.getLogger("vision.datasets")
