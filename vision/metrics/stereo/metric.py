"""Evaluation of stereo matchers under mmengine: a table of scenes, and flat values for logging."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from vision.files import write_csv
from vision.metrics.stereo.errors import COLUMNS, ErrorSums, StereoScores, region_sums
from vision.metrics.stereo.table import StereoRow, format_stereo_table, stereo_csv_lines

_TABLE_LIMIT = 100  # scenes; beyond that only the means are logged


class StereoMetric(BaseMetric):
    """End-point error, bad-0.5/1/2/3 and D1 by scene and their unweighted mean over scenes.

    Consumes samples `dict(disparity, truth, visible, scene)`, arrays or tensors: `disparity` and `truth` `[H, W]` in
    pixels, or `flow` in place of `disparity` and both `[H, W, 2]`; truth is NaN where unknown; `visible` `[H, W]` is
    true or 1 where both views see a pixel, or None.
    `path`, if given, tells a file that stands in for an unreadable one, and so comes twice. A pixel without a finite
    prediction is wrong, see `vision.metrics.stereo.errors.stereo_errors`.

    Values are `stereo/epe`, `stereo/bad_2` and so on over all pixels with ground truth, `stereo/noc_epe` and so on over
    the non-occluded ones where any sample has `visible`. EPE is in pixels, the rest in percent.

    Args:
        max_disparity: judge only pixels with a true disparity below it; the published figures on SceneFlow use 192.
        save_csv: also write the errors of every scene to this file, replacing it at every evaluation.
        collect_device, prefix, collect_dir: passed to mmengine's `BaseMetric`.
    """

    default_prefix = "stereo"

    def __init__(
        self,
        max_disparity: float | None = None,
        save_csv: str | os.PathLike[str] | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.max_disparity = StereoScores(max_disparity).max_disparity
        self.save_csv = save_csv

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the sums of errors of one batch; the maps themselves are not kept."""
        for sample in data_samples:
            visible = sample.get("visible")
            sums = region_sums(
                _array(sample["disparity"] if "disparity" in sample else sample["flow"]),
                _array(sample["truth"]),
                None if visible is None else _array(visible) == 1,
                self.max_disparity,
            )
            self.results.append((sample.get("path", ""), sample["scene"], sums))

    def compute_metrics(self, results: list[tuple[str, str, dict[str, ErrorSums]]]) -> dict[str, float]:
        """Flat values of all results; also logs the table.

        Raises:
            ValueError: no sample has ground truth.
        """
        scores = StereoScores()
        # A file that could not be read was replaced by another one, which must not count twice.
        unique = {path or str(index): (scene, sums) for index, (path, scene, sums) in enumerate(results)}
        for scene, sums in unique.values():
            scores.merge(scene, sums)
        mean = scores.mean()
        if not mean["all"]["pixels"]:
            raise ValueError(f"none of {len(results)} samples has ground truth; expected a data set with disparities")
        rows = [StereoRow(scene, "", errors) for scene, errors in scores.scenes().items()]
        if len(rows) <= _TABLE_LIMIT:
            table = format_stereo_table(rows)
            MMLogger.get_current_instance().info("results by scene (EPE in pixels, rates in percent)\n%s", table)
        if self.save_csv is not None:
            write_csv(self.save_csv, *stereo_csv_lines(rows))
        values = {name: mean["all"][name] for name in COLUMNS}
        if mean["noc"]["pixels"]:
            values |= {f"noc_{name}": mean["noc"][name] for name in COLUMNS}
        return values


def _array(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
