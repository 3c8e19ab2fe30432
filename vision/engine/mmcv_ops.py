"""A stand-in for mmcv's compiled ops, with what mmdet needs of them made from torchvision's."""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

import torch
from torch import Tensor

MMCV_OPS = "mmcv._ext"


def stand_in_for_mmcv_ops() -> None:
    """Let `import mmcv.ops`, and so `import mmdet`, work with an mmcv that has no compiled ops.

    The finder is asked last, so compiled ops are used wherever they exist.
    """
    if not any(isinstance(finder, _MmcvOpsFinder) for finder in sys.meta_path):
        sys.meta_path.append(_MmcvOpsFinder())


class MissingOpError(RuntimeError):
    """An mmcv op was called that neither a compiled mmcv nor the stand-in provides."""


class _MmcvOpsFinder(MetaPathFinder, Loader):
    """Finds and loads the stand-in for `mmcv._ext`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, origin=__file__) if fullname == MMCV_OPS else None

    def exec_module(self, module: ModuleType) -> None:
        # mmcv asks for all of its ops while it is imported; only a call may fail.
        ours = {op.__name__: op for op in (nms, roi_align_forward, roi_align_backward)}
        vars(module).update(ours, __getattr__=_missing_op)


def nms(boxes: Tensor, scores: Tensor, *, iou_threshold: float, offset: int) -> Tensor:
    """Indices `[K]` of the boxes `[N, 4]` (x1, y1, x2, y2) kept by non-maximum suppression, best score first.

    `offset` is added to the width and height of each box (mmcv: 1 for boxes that include their last pixel).
    """
    from torchvision.ops import nms as torchvision_nms

    # Moving the far corner by the offset gives the same widths, heights and intersections.
    boxes = _at_least_float32(boxes) + boxes.new_tensor([0, 0, offset, offset])
    return torchvision_nms(boxes, scores.to(boxes.dtype), iou_threshold)


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `output` `[K, C, aligned_height, aligned_width]` from `input` `[B, C, H, W]` at `rois` `[K, 5]`."""
    from torchvision.ops import roi_align

    _check_average(pool_mode)
    image = _at_least_float32(input)
    size = (aligned_height, aligned_width)
    output.copy_(roi_align(image, rois.to(image.dtype), size, spatial_scale, sampling_ratio, aligned))


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `grad_input` `[B, C, H, W]` from `grad_output` `[K, C, aligned_height, aligned_width]`."""
    import torchvision  # noqa: F401 - registers the op

    _check_average(pool_mode)
    grad = _at_least_float32(grad_output)
    backward = torch.ops.torchvision._roi_align_backward
    size = (aligned_height, aligned_width, *grad_input.shape)
    grad_input.copy_(backward(grad, rois.to(grad.dtype), spatial_scale, *size, sampling_ratio, aligned))


def _at_least_float32(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _check_average(pool_mode: int) -> None:
    if pool_mode != 1:
        raise MissingOpError(_missing_message("roi_align with pool_mode='max'"))


def _missing_op(name: str) -> Callable[..., NoReturn]:
    """Answer for an op that the stand-in lacks: a function that says so when it is called."""
    if name.startswith("__"):
        raise AttributeError(f"module {MMCV_OPS!r} has no attribute {name!r}")

    def missing(*args: Any, **kwargs: Any) -> NoReturn:
        raise MissingOpError(_missing_message(name))

    missing.__name__ = name
    return missing


def _missing_message(op: str) -> str:
    return (
        f"mmcv op {op!r} is not available: this mmcv has no compiled ops, and vision.compat provides only nms and "
        "roi_align (average pooling). Choose a model that does not need the op, or install mmcv with compiled ops."
    )
