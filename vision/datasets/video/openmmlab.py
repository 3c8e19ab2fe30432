"""What the data sets of videos take from mmdet, which can be imported where mmcv has no compiled ops, too."""

from vision.engine.mmcv_ops.stand_in import stand_in_for_mmcv_ops

stand_in_for_mmcv_ops()

from mmdet.datasets.base_video_dataset import BaseVideoDataset  # noqa: E402 - it imports mmcv's ops

__all__ = ["BaseVideoDataset"]
