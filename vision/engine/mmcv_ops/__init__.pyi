from .boxes import nms
from .check import check_ops
from .regions import roi_align_backward, roi_align_forward
from .stand_in import MMCV_OPS, MissingOpError, stand_in_for_mmcv_ops

__all__ = [
    "MMCV_OPS",
    "MissingOpError",
    "check_ops",
    "nms",
    "roi_align_backward",
    "roi_align_forward",
    "stand_in_for_mmcv_ops",
]
