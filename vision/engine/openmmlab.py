"""Models of OpenMMLab configs (mmdet, mmseg, ours) outside of mmengine's Runner."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from vision.engine import compat
from vision.engine.mmcv_ops import check_ops
from vision.errors import UsageError

FRAMEWORKS = {"mmdet": "mmdet", "mmseg": "mmsegmentation"}


@contextmanager
def registries_of(scope: str) -> Iterator[None]:
    """Within the block, names in configs mean those of this scope, and the root's, where our classes are.

    Raises:
        UsageError: the framework of the scope is not installed.
    """
    from mmengine.registry import DefaultScope

    compat.apply()
    if scope in FRAMEWORKS:
        try:
            importlib.import_module(f"{scope}.utils").register_all_modules(init_default_scope=False)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"the config needs {scope} ({error}): pip install {FRAMEWORKS[scope]}",
                code="missing-package",
                value=FRAMEWORKS[scope],
            ) from error
    with DefaultScope.overwrite_default_scope(scope):
        yield


def scope_of(cfg: Any) -> str:
    """The config's `default_scope`."""
    return cfg.get("default_scope") or "mmengine"


def build_model(cfg: Any) -> nn.Module:
    """The model of a config in eval mode, with random weights: what `init_cfg` of its backbone names is not loaded.

    Args:
        cfg: mmengine's `Config`, as `vision.engine.config.load_config` reads it.

    Raises:
        UsageError: it has no model, an op of mmcv that it needs is missing, or the framework of its scope is not
            installed.
    """
    from mmengine.model.utils import revert_sync_batchnorm
    from mmengine.registry import MODELS

    if cfg.get("model") is None:
        raise UsageError(f"config {cfg.filename} has no model", code="bad-config", value=cfg.filename)
    with registries_of(scope_of(cfg)):
        model = MODELS.build(cfg.model)
        check_ops(model, cfg.model)
        return revert_sync_batchnorm(model).eval()
