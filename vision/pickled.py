"""What a PyTorch file of a trainer may refer to beside tensors: a fixed list of harmless names."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch


def training_globals(path: Path) -> list[Any]:
    """What this file may refer to beside tensors: mmengine's objects become inert, so that mmengine is not needed."""
    # torch tells of archives alone. Files as before torch 1.6, which OpenMMLab and timm go on publishing, have none.
    wanted = torch.serialization.get_unsafe_globals_in_checkpoint(path) if zipfile.is_zipfile(path) else []
    stored = [(Inert, name) for name in wanted if name.startswith("mmengine.")]
    return [*stored, (stored_function, "builtins.getattr"), *numpy_globals()]


def numpy_globals() -> list[Any]:
    """What a pickled array or number of numpy refers to, under its names in numpy 1 and numpy 2.

    Training checkpoints hold such numbers in their logs, whichever numpy wrote them.
    """
    functions = {"_reconstruct": np.empty(0).__reduce__()[0], "scalar": np.float64(0).__reduce__()[0]}
    names = [
        (f, f"{core}.multiarray.{name}") for name, f in functions.items() for core in ("numpy.core", "numpy._core")
    ]
    return [*names, np.ndarray, np.dtype, *{type(np.dtype(code)) for code in "?bhilqBHILQefd"}]


class Inert:
    """Stands in for an object of mmengine, such as a log history, while weights are read; nothing ever uses it."""


def stored_function(owner: object, name: str) -> Callable[..., Any] | None:
    """Look up one of the functions that mmengine's log histories and one-cycle schedules are pickled with.

    It stands for `getattr` while a checkpoint is read; `getattr` itself would let a file reach anything.

    Raises:
        ValueError: any other attribute is asked for.
    """
    if owner is Inert:
        return None
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

    if owner is HistoryBuffer and name in ("min", "max", "current", "mean"):
        return getattr(HistoryBuffer, name)
    if owner is OneCycleParamScheduler and name in ("_annealing_cos", "_annealing_linear"):
        return getattr(OneCycleParamScheduler, name)
    # Not an UnpicklingError: OneDL's mmengine would answer that by reading the file again without any restriction.
    raise ValueError(
        f"checkpoint refers to {name!r} of {owner!r}; only HistoryBuffer's min, max, current and mean may be, "
        "and OneCycleParamScheduler's annealing functions"
    )
