"""Several stereo or flow data sets as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data import ConcatDataset, Dataset


class StereoConcat(ConcatDataset[dict[str, Any]]):
    """One data set after the other; shuffled, each counts by its number of pairs.

    Args:
        datasets: data sets, or their configs for mmengine's DATASETS registry.
        repeat: how often each is taken, one number per data set; once by default.

    Raises:
        ValueError: no data set, or not as many numbers.
    """

    def __init__(
        self, datasets: Sequence[Dataset[dict[str, Any]] | dict[str, Any]], repeat: Sequence[int] | None = None
    ) -> None:
        times = [1] * len(datasets) if repeat is None else list(repeat)
        if not datasets or len(times) != len(datasets) or min(times) < 1:
            raise ValueError(f"repeat is {repeat} for {len(datasets)} data sets; expected a positive number for each")
        parts = [_built(dataset) for dataset in datasets]
        super().__init__([part for part, count in zip(parts, times, strict=True) for _ in range(count)])


def _built(dataset: Dataset[dict[str, Any]] | dict[str, Any]) -> Dataset[dict[str, Any]]:
    if not isinstance(dataset, dict):
        return dataset
    from mmengine.registry import DATASETS

    return DATASETS.build(dataset)
