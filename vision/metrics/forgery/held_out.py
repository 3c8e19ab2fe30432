"""What models said of sources that they never saw, as tools/train_crops.py writes it: one file per fold."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vision.errors import UsageError
from vision.metrics.forgery.table import Row, generator_rows
from vision.models.forgery.calibration import ForgeryCalibration, fit_calibration

COLUMNS = ("condition", "source", "label", "logit")
CLEAN, HALF_SIZE = "clean", "half size"
# Up to these qualities of a JPEG the bounds are those of images that were compressed so.
JPEG_QUALITIES = (50, 70)
# Images that were reduced by such factors have the bounds of those at half size.
HALF_SCALES = (0.3, 0.75)


class HeldOut(NamedTuple):
    """One condition of one fold: labels `[N]`, logits `[N]`, sources."""

    labels: np.ndarray
    logits: np.ndarray
    sources: list[str]

    def rows(self, calibration: ForgeryCalibration) -> dict[str, Row]:
        """Metrics by generator and photo source."""
        probabilities = np.array([calibration.probability(logit) for logit in self.logits])
        return generator_rows(self.labels, probabilities, self.sources, self.logits)


def read_held_out(file: str | Path) -> dict[str, HeldOut]:
    """By condition, in the order of the file.

    Raises:
        UsageError: the file is missing, has no rows, or lacks a column.
    """
    try:
        with Path(file).open(newline="", encoding="utf-8") as lines:
            table = csv.DictReader(lines)
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            rows = [] if missing else list(table)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror or error}", code="bad-table", value=str(file)
        ) from error
    if missing or not rows:
        lack = f"it has no column {missing[0]!r}" if missing else "it has no rows"
        raise UsageError(
            f"{file}: {lack}; expected the held_out.csv of tools/train_crops.py", code="bad-table", value=str(file)
        )
    return {condition: _of(rows, condition) for condition in dict.fromkeys(row["condition"] for row in rows)}


def fit_to_held_out(folds: Sequence[dict[str, HeldOut]]) -> ForgeryCalibration:
    """One calibration for all folds: of images as they are, with bounds of their own for strong JPEG and half size."""
    clean = fit_calibration(*_joined(folds, CLEAN))
    by_quality = [
        {"max_quality": quality, **_line(fit_calibration(*_joined(folds, f"jpeg {quality}")))}
        for quality in JPEG_QUALITIES
        if f"jpeg {quality}" in folds[0]
    ]
    half = HALF_SIZE in folds[0]
    by_scale = [
        {"min_scale": HALF_SCALES[0], "max_scale": HALF_SCALES[1], **_line(fit_calibration(*_joined(folds, HALF_SIZE)))}
    ]
    arguments = {**clean.to_dict(), "by_quality": by_quality, "by_scale": by_scale if half else []}
    return ForgeryCalibration(**arguments)


def calibration_of(condition: str, calibration: ForgeryCalibration) -> ForgeryCalibration:
    """What a calibration says of images under a condition."""
    if condition == HALF_SIZE:
        return calibration.at(scale=0.5)
    quality = condition.removeprefix("jpeg ")
    return calibration.at(jpeg_quality=int(quality)) if quality != condition else calibration


def _of(rows: list[dict[str, str]], condition: str) -> HeldOut:
    chosen = [row for row in rows if row["condition"] == condition]
    labels, logits = (np.array([float(row[name]) for row in chosen]) for name in ("label", "logit"))
    return HeldOut(labels.astype(np.int64), logits, [row["source"] for row in chosen])


def _joined(folds: Sequence[dict[str, HeldOut]], condition: str) -> tuple[np.ndarray, np.ndarray]:
    parts = [fold[condition] for fold in folds]
    return np.concatenate([part.labels for part in parts]), np.concatenate([part.logits for part in parts])


def _line(calibration: ForgeryCalibration) -> dict[str, float]:
    return {name: getattr(calibration, name) for name in ("temperature", "offset", "low", "high")}
