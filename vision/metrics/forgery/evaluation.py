"""Running a forgery detector over a data set, without a training framework."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from vision.datasets.forgery.dataset import ForgeryDataset
from vision.metrics.forgery.table import Row, generator_rows
from vision.models.forgery.network import ForgeryNetwork
from vision.normalize import normalize_imagenet

Track = Callable[[Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Predictions:
    """What a detector said about each image: all fields have one entry per image."""

    labels: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray
    sources: list[str]
    paths: list[str]

    def rows(self) -> dict[str, Row]:
        """Metrics by generator, see `generator_rows`."""
        return generator_rows(self.labels, self.probabilities, self.sources, self.logits)


@torch.inference_mode()
def predict(
    network: ForgeryNetwork,
    dataset: ForgeryDataset,
    batch_size: int = 8,
    workers: int = 0,
    device: str = "cpu",
    track: Track | None = None,
) -> Predictions:
    """Judge every image of a data set once, by one crop; probabilities are calibrated by the network.

    Args:
        network: a detector in eval mode, with `logits` and `calibration`.
        dataset: in test mode and with a crop size, so that all crops fit into one batch.
        batch_size: images per forward pass.
        workers: processes that decode.
        device: where to compute.
        track: wraps the iteration over batches, to show progress.
    """
    network = network.to(device)
    loader = DataLoader(dataset, batch_size, num_workers=workers, collate_fn=_collate)
    seen: dict[str, tuple[int, float, str]] = {}
    for batch in loader if track is None else track(loader):
        logits = network.logits(normalize_imagenet(batch["inputs"].to(device))).float().cpu().tolist()
        # A file that could not be read was replaced by another one, which counts once.
        seen |= zip(batch["path"], zip(batch["label"], logits, batch["source"], strict=True), strict=True)
    if len(seen) < len(dataset):
        _logger().warning("%d of %d images could not be read and are left out", len(dataset) - len(seen), len(dataset))
    labels, values, sources = zip(*seen.values(), strict=True)
    probabilities = np.array([network.calibration.probability(value) for value in values])
    return Predictions(np.array(labels), np.array(values), probabilities, list(sources), list(seen))


def _collate(items: list[dict[str, Any]]) -> dict[str, Any]:
    batch: dict[str, Any] = {key: [item[key] for item in items] for key in ("label", "source", "path")}
    return batch | {"inputs": torch.stack([item["inputs"] for item in items])}


def _logger() -> logging.Logger:
    return logging.getLogger("vision.metrics")
