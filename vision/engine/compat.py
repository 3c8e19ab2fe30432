"""Repairs that let current torch, mmengine, mmcv-lite, mmdet and mmseg (or their OneDL forks) work together."""

import importlib.util
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from vision.checkpoint import numpy_globals, read_training_checkpoint, stored_function
from vision.engine.mmcv_ops import MissingOpError, stand_in_for_mmcv_ops

__all__ = [
    "MissingOpError",
    "allow_mmengine_checkpoints",
    "apply",
    "name_mmseg_package",
    "refuse_pickled_code",
    "stand_in_for_mmcv_ops",
]


def apply() -> None:
    """Make the repairs; each does nothing where it is not needed, and again nothing when repeated.

    Call it before mmdet or mmseg is imported, before a checkpoint is resumed and before a config is parsed.
    """
    stand_in_for_mmcv_ops()
    allow_mmengine_checkpoints()
    refuse_pickled_code()
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


def refuse_pickled_code() -> None:
    """Let mmengine's Runner read checkpoints with our reader alone.

    OneDL's mmengine answers a refusal of `torch.load(weights_only=True)` by reading the file again as a pickle, which
    runs whatever it brings; both stacks answer damaged files with a traceback.
    """
    try:
        from mmengine.runner import checkpoint as mmengine_checkpoint
    except ImportError:
        return
    mmengine_checkpoint.CheckpointLoader.register_scheme("", load_from_local, force=True)
    # What else it loads, from buffers and downloads, goes through this function.
    if hasattr(mmengine_checkpoint, "_safe_torch_load"):
        mmengine_checkpoint._safe_torch_load = _load_weights_only


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Read a checkpoint file for mmengine, which prints the end of this function's name as the backend's."""
    return _without_code(read_training_checkpoint(Path(filename).expanduser(), map_location))


def _load_weights_only(file: Any, map_location: Any = None, weights_only: bool | None = None) -> Any:
    """`torch.load` that never reads a pickle as code, whatever the caller asks for."""
    return _without_code(torch.load(file, map_location=map_location, weights_only=True))


def _without_code(checkpoint: Any) -> Any:
    """A checkpoint without the text of a config, which `Runner.resume` would run for a number of GPUs in it."""
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    if isinstance(meta, dict):
        meta.pop("config", None)
    return checkpoint


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
