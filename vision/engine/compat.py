"""Repairs that let current torch, mmengine, mmcv-lite, mmdet and mmseg (or their OneDL forks) work together."""

import importlib.util
from importlib import metadata

import torch

from vision.checkpoint import numpy_globals, stored_function
from vision.engine.mmcv_ops import MissingOpError, stand_in_for_mmcv_ops

__all__ = [
    "MissingOpError",
    "allow_mmengine_checkpoints",
    "apply",
    "name_mmseg_package",
    "stand_in_for_mmcv_ops",
]


def apply() -> None:
    """Make the three repairs; each does nothing where it is not needed, and again nothing when repeated.

    Call it before mmdet or mmseg is imported, before a checkpoint is resumed and before a config is parsed.
    """
    stand_in_for_mmcv_ops()
    allow_mmengine_checkpoints()
    name_mmseg_package()


def allow_mmengine_checkpoints() -> None:
    """Let `torch.load(weights_only=True)` read what mmengine saves beside the weights (log histories, schedules)."""
    try:
        from mmengine.logging.history_buffer import HistoryBuffer
        from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
    except ImportError:
        return
    stored = [HistoryBuffer, OneCycleParamScheduler, (stored_function, "builtins.getattr")]
    torch.serialization.add_safe_globals([*stored, *numpy_globals()])


def name_mmseg_package() -> None:
    """Let `_base_ = "mmseg::..."` find the configs of the fork, whose distribution is not named mmsegmentation."""
    try:
        from mmengine.config.utils import MODULE2PACKAGE
    except ImportError:
        return
    if importlib.util.find_spec("mmseg") is not None and not _is_installed("mmsegmentation"):
        MODULE2PACKAGE["mmseg"] = "mmseg"


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
