"""The repairs of `vision.engine` under the name that configs and scripts of users know."""

from vision.checkpoint import Inert, numpy_globals, stored_function
from vision.engine.compat import allow_mmengine_checkpoints, apply, name_mmseg_package, refuse_pickled_code
from vision.engine.mmcv_ops import (
    MMCV_OPS,
    MissingOpError,
    nms,
    roi_align_backward,
    roi_align_forward,
    stand_in_for_mmcv_ops,
)

__all__ = [
    "MMCV_OPS",
    "Inert",
    "MissingOpError",
    "allow_mmengine_checkpoints",
    "apply",
    "name_mmseg_package",
    "nms",
    "numpy_globals",
    "refuse_pickled_code",
    "roi_align_backward",
    "roi_align_forward",
    "stand_in_for_mmcv_ops",
    "stored_function",
]
