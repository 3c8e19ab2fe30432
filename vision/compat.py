"""Where `vision.engine.compat` used to be: configs and scripts of users name it."""

from vision.checkpoint import Inert, numpy_globals, stored_function
from vision.engine.compat import (
    MMCV_OPS,
    MissingOpError,
    allow_mmengine_checkpoints,
    apply,
    name_mmseg_package,
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
    "roi_align_backward",
    "roi_align_forward",
    "stand_in_for_mmcv_ops",
    "stored_function",
]
