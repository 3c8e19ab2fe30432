"""Top-k accuracy of classifiers under mmengine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric


class TopKAccuracy(BaseMetric):
    """Share of images, in percent, whose class is among the k with the highest scores: `accuracy/top1` and so on.

    Consumes samples `dict(scores, label)`, scores `[classes]`.

    Args:
        topk: the numbers k.
        collect_device, prefix, collect_dir: passed to mmengine's `BaseMetric`.

    Raises:
        ValueError: a k is not positive.
    """

    default_prefix = "accuracy"

    def __init__(
        self,
        topk: Sequence[int] = (1, 5),
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if not topk or min(topk) < 1:
            raise ValueError(f"topk must be positive numbers, got {tuple(topk)}")
        self.topk = tuple(topk)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the rank of the true class in every image; of equal scores the first class ranks higher, NaN is last."""
        for sample in data_samples:
            scores, label = sample["scores"], sample["label"]
            if label < 0:
                raise ValueError(f"label must be the index of a class, got {label}: are the test images labeled?")
            ahead = (scores > scores[label]).sum() + (scores[:label] == scores[label]).sum()
            self.results.append(len(scores) if scores[label].isnan() else int(ahead))

    def compute_metrics(self, results: list[int]) -> dict[str, float]:
        """Percentages by name."""
        return {f"top{k}": 100 * sum(rank < k for rank in results) / len(results) for k in self.topk}
