"""What a segmentation says, summed up."""

from __future__ import annotations

from typing import Any

import numpy as np


def label_shares(sample: Any) -> list[tuple[int, float]]:
    """Labels of a segmentation with their share of its pixels, the largest first."""
    labels, counts = np.unique(sample.pred_sem_seg.data.numpy(), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(int(labels[i]), float(counts[i] / counts.sum())) for i in order]
