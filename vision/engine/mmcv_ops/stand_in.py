"""Finds and loads a module in place of `mmcv._ext`, the compiled ops that mmcv-lite does not have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

MMCV_OPS = "mmcv._ext"


def stand_in_for_mmcv_ops() -> None:
    """Let `import mmcv.ops`, and so `import mmdet`, work with an mmcv that has no compiled ops.

    The finder is asked last, so compiled ops are used wherever they exist.
    """
    if not any(isinstance(finder, _MmcvOpsFinder) for finder in sys.meta_path):
        sys.meta_path.append(_MmcvOpsFinder())


def is_stand_in() -> bool:
    """Whether mmcv's ops, if they are imported at all, are ours."""
    module = sys.modules.get(MMCV_OPS)
    return module is not None and isinstance(getattr(module, "__loader__", None), _MmcvOpsFinder)


class MissingOpError(RuntimeError):
    """An mmcv op was called that neither a compiled mmcv nor the stand-in provides."""


class _MmcvOpsFinder(MetaPathFinder, Loader):
    """Finds and loads the stand-in for `mmcv._ext`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, origin=__file__) if fullname == MMCV_OPS else None

    def exec_module(self, module: ModuleType) -> None:
        from vision.engine.mmcv_ops import attention, boxes, carafe, convolutions, losses, masks, regions

        # mmcv asks for all of its ops while it is imported; only a call may fail.
        for part in (attention, boxes, carafe, convolutions, losses, masks, regions):
            vars(module).update({name: getattr(part, name) for name in part.OPS})
        vars(module).update(__getattr__=_missing_op)


def _missing_op(name: str) -> Callable[..., NoReturn]:
    """Answer for an op that the stand-in lacks: a function that says so when it is called."""
    if name.startswith("__"):
        raise AttributeError(f"module {MMCV_OPS!r} has no attribute {name!r}")

    def missing(*args: Any, **kwargs: Any) -> NoReturn:
        raise MissingOpError(missing_message(name))

    missing.__name__ = name
    return missing


def missing_message(op: str) -> str:
    """Which op is missing, and what to do."""
    return (
        f"mmcv op {op!r} is not available: this mmcv has no compiled ops, and vision.compat provides those that mmdet "
        "and mmseg call, for upright boxes. Choose a model that does without it, or install mmcv with compiled ops."
    )
