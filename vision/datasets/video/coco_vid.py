"""Videos of one's own in CocoVID's form."""

from __future__ import annotations

from vision.datasets.video.base import VideoDataset
from vision.datasets.video.coco_vid_file import read_coco_vid
from vision.datasets.video.records import Problems, Record


class CocoVID(VideoDataset):
    """Videos listed in a JSON file; the form is told by `read_coco_vid` and in docs/video-data.md.

    Args:
        ann_file: the JSON file, within `data_root` where that is given.
        arguments: of `VideoDataset`. `img_path` of `data_prefix` is the folder that file names begin in, within
            `data_root`.
    """

    def load_videos(self, classes: tuple[str, ...] | None, problems: Problems) -> tuple[list[Record], tuple[str, ...]]:
        """The file's videos."""
        return read_coco_vid(self.ann_file, self.data_prefix.get("img_path") or "", classes, problems)
