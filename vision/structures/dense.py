"""What detection or segmentation finds in one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class DenseResult:
    """The prediction for one image, or why there is none.

    Attributes:
        path: as it was given; "array 0", "array 1" ... for arrays.
        sample: mmdet's `DetDataSample` or mmseg's `SegDataSample`, on the CPU; None without a prediction.
        image: uint8 `[H, W, 3]`, what was predicted on.
        error: why there is no prediction, in one line, a `vision.errors.Notice`; None when there is one.
    """

    path: str
    sample: Any = field(default=None, repr=False, compare=False)
    image: np.ndarray | None = field(default=None, repr=False, compare=False)
    error: str | None = None


def label_shares(sample: Any) -> list[tuple[int, float]]:
    """Labels of a segmentation with their share of its pixels, the largest first."""
    labels, counts = np.unique(sample.pred_sem_seg.data.numpy(), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(int(labels[i]), float(counts[i] / counts.sum())) for i in order]
