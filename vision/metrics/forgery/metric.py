"""Evaluation of forgery detectors under mmengine: a table of generators, and flat values for logging."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from vision.files import write_csv
from vision.metrics.forgery.binary import expected_calibration_error
from vision.metrics.forgery.table import COLUMNS, csv_lines, format_table, generator_rows, mean_row


class ForgeryMetric(BaseMetric):
    """Metrics by generator, their unweighted mean, and the calibration error over all images.

    Consumes samples `dict(logit, label, source, path)`. Which real images a generator is judged against is said in
    `vision.metrics.forgery.table.generator_rows`. Values are `forgery/mean_ap` and so on for every column of the table,
    `forgery/ece` over all images together, and by source `forgery/<generator>/{acc,ap,auc}` and
    `forgery/<photo source>/real_acc`.

    Args:
        save_csv: also write the table to this file, replacing it at every evaluation.
        collect_device, prefix, collect_dir: passed to mmengine's `BaseMetric`.
    """

    default_prefix = "forgery"

    def __init__(
        self,
        save_csv: str | os.PathLike[str] | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.save_csv = save_csv

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep what the model said about one batch."""
        for sample in data_samples:
            kept = (sample["path"], float(sample["logit"]), int(sample["label"]), sample["source"])
            self.results.append(kept)

    def compute_metrics(self, results: list[tuple[str, float, int, str]]) -> dict[str, float]:
        """Flat values of all results; also logs the table.

        Raises:
            ValueError: if a logit is nan or infinite, naming the first such image.
        """
        # A file that could not be read was replaced by another one, which must not count twice.
        unique = list({result[0] or str(index): result for index, result in enumerate(results)}.values())
        bad = [path for path, logit, *_ in unique if not math.isfinite(logit)]
        if bad:
            raise ValueError(f"{len(bad)} of {len(unique)} logits are nan or infinite, the first for {bad[0]}")
        logits = np.array([logit for _, logit, _, _ in unique], dtype=np.float64)
        labels = np.array([label for _, _, label, _ in unique], dtype=np.int64)
        sources = [source for *_, source in unique]
        probabilities = 0.5 * (1 + np.tanh(logits / 2))
        rows = generator_rows(labels, probabilities, sources, logits)
        MMLogger.get_current_instance().info("results by generator (percent)\n%s", format_table(rows))
        if self.save_csv is not None:
            write_csv(self.save_csv, *csv_lines(rows))
        mean = mean_row(rows)
        values = {f"mean_{name}": mean[name] for name in COLUMNS}
        values["ece"] = expected_calibration_error(labels, probabilities)
        for source, row in rows.items():
            # The table has every column; a log line of all of them would be unreadable.
            values |= {
                f"{source}/{name}": row[name] for name in (("acc", "ap", "auc") if row["fake"] else ("real_acc",))
            }
        return values
