"""Generated clips as a data set of videos, in the form that mmdet's pipelines take."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch.utils.data import get_worker_info

from vision.datasets.transforms import register_transform
from vision.datasets.video.base import VideoDataset
from vision.datasets.video.records import Problems, Record, frame_record, instance_record, video_record
from vision.datasets.video.synthetic.clip import LEAST_VISIBLE, Clip
from vision.datasets.video.synthetic.maker import clip_maker, require
from vision.datasets.video.synthetic.shots import FAULTS, SEVERITY


class SyntheticVideo(VideoDataset):
    """Clips made on the fly, with boxes, tracks and a note on frames that are degraded on purpose.

    Clip `i` depends on `seed` and `i` alone: every worker and every epoch sees the same, whatever their number. A frame
    is made when it is loaded, by `LoadSyntheticFrame`, with which a pipeline begins. `degraded` of a frame says whether
    it is blurred, out of focus, dark or hidden on purpose: name it in `PackTrackInputs(meta_keys=("degraded",))`.

    Args:
        num_videos: number of clips.
        num_frames: frames of each.
        size: height and width in pixels, at least 32.
        classes: "shapes" (four of `SHAPES`, told apart by outline and pattern), "people", or names among `SHAPES`.
        degraded: share of the frames that are degraded, in runs of 2 to 6.
        faults: how: of "motion", "defocus", "noise" and "occlusion".
        objects: least and largest number of objects in a clip; None for 2 to 5 shapes or 1 to 9 people.
        restless: 0 for a camera that stands still, 1 for one held in the hand; None for both kinds.
        min_visibility: an object of which a smaller share is seen is neither to be found nor wrong if it is found.
        people: folder of photographs `NAME.jpg` with masks `NAME_mask.png`, whose people appear beside drawn ones.
        backgrounds: folder of photographs, which serve as backgrounds beside rendered ones.
        photo_share: how often, where there are any.
        seed: start of the random numbers.
        num_textures: size of the pool of textures; each is made when first used, in about 10 ms.
        texture_size: side of a texture in texels.
        cache_mb: memory in each worker for the frames of the last clips, 3 bytes per pixel; what is still there costs
            no time, so that, if all clips fit, the second epoch is fast.
        severity: least and largest strength of the faults, up to 2; at 1 a camera jerks by 13 % of the frame's height,
            and a blur's deviation is 3.3 % of it.
        arguments: of `VideoDataset`: pipeline, test_mode, num_references.

    Raises:
        UsageError: an argument out of its range, an unknown class or fault, a folder without what it should hold.
    """

    METAINFO = {"classes": None, "dataset_type": "synthetic"}  # noqa: RUF012 - mmengine's name and form

    def __init__(
        self,
        num_videos: int = 100,
        num_frames: int = 24,
        size: tuple[int, int] = (240, 320),
        classes: str | Sequence[str] = "shapes",
        degraded: float = 0.25,
        faults: Sequence[str] = FAULTS,
        objects: tuple[int, int] | None = None,
        restless: float | None = None,
        min_visibility: float = LEAST_VISIBLE,
        people: str | Path | None = None,
        backgrounds: str | Path | None = None,
        photo_share: float = 0.7,
        seed: int = 0,
        num_textures: int = 120,
        texture_size: int = 256,
        cache_mb: float = 512.0,
        severity: tuple[float, float] = SEVERITY,
        **arguments: Any,
    ) -> None:
        self.maker = clip_maker(
            size,
            classes,
            degraded,
            faults,
            objects,
            restless,
            people,
            backgrounds,
            photo_share,
            seed,
            num_textures,
            texture_size,
            severity,
        )
        require(
            ("num_videos", num_videos, num_videos >= 1, "at least 1"),
            ("num_frames", num_frames, num_frames >= 1, "at least 1"),
            ("min_visibility", min_visibility, 0 <= min_visibility <= 1, "0 to 1"),
        )
        self.num_videos, self.num_frames = num_videos, num_frames
        self.size, self.seed, self.min_visibility = self.maker.size, seed, min_visibility
        self._clips: OrderedDict[int, Clip] = OrderedDict()
        self._kept = max(1, int(cache_mb * 2**20 / (3 * num_frames * self.size[0] * self.size[1])))
        arguments["metainfo"] = {**(arguments.get("metainfo") or {}), "classes": self.maker.classes}
        super().__init__(serialize_data=False, **arguments)

    def load_videos(self, classes: tuple[str, ...] | None, problems: Problems) -> tuple[list[Record], tuple[str, ...]]:
        """The clips, without their boxes: these come with the frames, in `get_data_info`."""
        videos = []
        for number in range(self.num_videos):
            frames = [frame_record(frame, "", self.size) for frame in range(self.num_frames)]
            videos.append(video_record(number, f"synthetic/{number:05d}", frames, problems))
        return videos, self.maker.classes

    def filter_data(self) -> list[Record]:
        """Every frame may be learned from: what it shows is not known before it is made."""
        for video in self.data_list:
            video["key_frames"] = list(range(self.num_frames))
        return self.data_list

    def clip(self, index: int) -> Clip:
        """Clip number `index`."""
        if not 0 <= index < self.num_videos:
            raise IndexError(f"clip {index} of {self.num_videos}")
        if index not in self._clips:
            if get_worker_info() is not None and cv2.getNumThreads() > 1:
                cv2.setNumThreads(0)  # the workers are the threads
            self._clips[index] = self.maker.make((self.seed, index), self.num_frames)
            while len(self._clips) > self._kept:
                self._clips.popitem(last=False)
        self._clips.move_to_end(index)
        return self._clips[index]

    def get_data_info(self, idx: int) -> Record:
        """A clip: its frames with boxes, whether they are degraded, and in `clip` where their pixels are from."""
        self.full_init()
        info: Record = dict(self.data_list[idx])
        index = info["video_id"]
        clip = self.clip(index)
        info["images"] = [self._frame(dict(record), clip, n) for n, record in enumerate(info["images"])]
        info["sample_idx"] = idx if idx >= 0 else len(self) + idx
        return info

    def _frame(self, record: Record, clip: Clip, number: int) -> Record:
        objects = clip.objects(number)
        ignored = (objects.visibility < self.min_visibility).tolist()
        rows = zip(objects.boxes.tolist(), objects.labels.tolist(), objects.track_ids.tolist(), ignored, strict=True)
        record["instances"] = [instance_record(*row) for row in rows]
        record["degraded"] = bool(clip.fault(number))
        record["clip"] = clip
        return record


@register_transform
class LoadSyntheticFrame:
    """Transform that makes the pixels of a frame of `SyntheticVideo`: `img` uint8 BGR, as mmdet's loaders give it."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the pixels and their size to a frame."""
        clip: Clip = results.pop("clip")
        image = np.ascontiguousarray(clip.frame(results["frame_id"])[..., ::-1])
        results["img"] = image
        results["img_shape"] = results["ori_shape"] = image.shape[:2]
        return results
