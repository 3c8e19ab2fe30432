"""Stereo samples as tensors for training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from vision.datasets.transforms import register_transform


@register_transform
class PackStereo:
    """Turn a stereo or flow sample into the tensors that training takes; the last transform of a pipeline.

    Gives `inputs` uint8 `[2, 3, H, W]` (left or first view, then right or second), `disparity` float32 `[2, H, W]`
    (positive in both views, pixels, NaN unknown) or for flow `field` `[2, H, W, 2]`, `visible` float32 `[2, H, W]`
    (1 seen by the other view, 0 hidden, NaN unknown), `path` and `scene`.

    Raises:
        ValueError: the views, or a view and its truth, differ in size.
    """

    def __call__(self, sample: dict[str, Any], rng: np.random.Generator | None = None) -> dict[str, Any]:
        left, right = sample["left"], sample["right"]
        if left.shape != right.shape:
            raise ValueError(
                f"{sample.get('path')}: views of {left.shape[:2]} and {right.shape[:2]} pixels; both need one size"
            )
        size = left.shape[:2]
        images = np.stack([left, right]).transpose(0, 3, 1, 2)
        packed = {
            "inputs": torch.from_numpy(np.ascontiguousarray(images)),
            "visible": _pair(sample, ("visible", "visible_right"), size),
            "path": sample.get("path", ""),
            "scene": sample.get("scene", ""),
        }
        if sample.get("flow") is not None:
            packed["field"] = _pair(sample, ("flow", "flow_right"), (*size, 2))
        else:
            packed["disparity"] = _pair(sample, ("disparity", "disparity_right"), size)
        return packed


def _pair(sample: dict[str, Any], names: tuple[str, str], shape: tuple[int, ...]) -> torch.Tensor:
    """Both views' maps in one tensor, NaN where there is none."""
    out = np.full((2, *shape), np.nan, np.float32)
    for view, name in enumerate(names):
        value = sample.get(name)
        if value is None:
            continue
        if value.shape != shape:
            raise ValueError(
                f"{sample.get('path')}: {name} has shape {value.shape} beside a view of {shape[:2]} pixels; "
                f"expected {shape}"
            )
        out[view] = value
    return torch.from_numpy(out)
