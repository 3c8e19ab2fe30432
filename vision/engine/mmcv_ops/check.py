"""Models whose ops are missing, found before they train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from vision.engine.mmcv_ops.stand_in import is_stand_in, missing_message
from vision.errors import UsageError

# Files of mmcv.ops whose modules call an op that the stand-in lacks, also on a CPU.
LACKING = frozenset(
    {
        "bezier_align",
        "border_align",
        "correlation",
        "deform_roi_pool",
        "group_points",
        "points_sampler",
        "prroi_pool",
        "riroi_align_rotated",
        "roi_align_rotated",
        "roiaware_pool3d",
        "roipoint_pool3d",
        "rotated_feature_align",
        "scatter_points",
        "sparse_modules",
        "sync_bn",
        "tin_shift",
        "voxelize",
    }
)
# What configs name instead of building a module.
LACKING_NAMES = frozenset({"box_iou_quadri", "box_iou_rotated", "nms_quadri", "nms_rotated"})


def check_ops(model: nn.Module, config: Any = None) -> None:
    """See that every op of mmcv that a model would call is there.

    Args:
        model: the built model.
        config: what it was built from; it names functions, such as the suppression of boxes.

    Raises:
        UsageError: an op is missing; without this, training would end with it, perhaps at the first validation.
    """
    if not is_stand_in():
        return
    for name, module in model.named_modules():
        package, _, file = type(module).__module__.rpartition(".")
        kind = type(module).__name__
        if package == "mmcv.ops" and (file in LACKING or kind == "SoftmaxFocalLoss"):
            raise _missing(f"{file} ({kind})", f"{type(model).__name__}.{name}")
    for op in sorted(set(_types(config)) & LACKING_NAMES):
        raise _missing(op, type(model).__name__)


def _missing(op: str, model: str) -> UsageError:
    return UsageError(f"{model} cannot be built: {missing_message(op)}", code="missing-package", value=op)


def _types(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        if isinstance(config.get("type"), str):
            yield config["type"].rpartition(".")[2]
        for value in config.values():
            yield from _types(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _types(value)
