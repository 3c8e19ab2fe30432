"""Judges images: real or AI-generated, at their native resolution, many sizes in one batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vision.apis.base import (
    ImageInput,
    Inferencer,
    autocast,
    check_least,
    check_precision,
    check_type,
    listed,
    not_a_number,
    read_ahead,
    renamed,
)
from vision.apis.forgery.prepare import Job, prepare
from vision.device import usable_device
from vision.errors import UsageError
from vision.images import MAX_PIXELS
from vision.layers import pack_for_inference
from vision.models.forgery.calibration import Calibration
from vision.models.table import FORGERY, default_model, default_setting
from vision.normalize import normalize_imagenet
from vision.structures.forgery import INCONCLUSIVE, ForgeryResult, aggregate, verdict

Picture = ImageInput  # the name it had before


class ForgeryInferencer(Inferencer[ImageInput, ForgeryResult]):
    """Tells real images from AI-generated ones.

    The verdict is "inconclusive", with a note, for what holds no evidence: less than a quarter of a crop on the
    shorter side, flat drawings, lettering, plain colors.

    Images are decoded in threads while the model works; crops of different images share its batches. An image
    that cannot be read gives a result with `error` set, and the others go on.

    Args:
        model: a name of `vision.models.forgery_models()`.
        checkpoint: weights instead of the shipped ones.
        device: "cpu", "cuda", "cuda:1" ...; None takes CUDA when there is one.
        batch_size: crops in one forward pass.
        workers: threads that decode.
        crop_size: side of a crop in pixels, a multiple of 4; the shipped calibration is for 256.
        max_crops: most crops of one image.
        max_pixels: refuse larger files, by their header.
        fpr: decide two ways, at the threshold of this false-positive rate on held-out photographs.
        threshold: decide two ways, at this probability. By default the calibration's two thresholds decide three ways.
        robust: judge also copies recompressed as JPEG 90 and 75; without one verdict for all, it is "inconclusive".
        heatmap: judge also overlapping tiles, for `ForgeryResult.heatmap`. Takes several times as long.
        network: a network with `logits` and `calibration` to use instead of a named one; it is packed, in eval mode.
        precision: "fp32", "bf16" or "fp16"; the last two by autocast. The shipped calibration is for fp32.

    Raises:
        UsageError: an argument outside its range, an unknown model or device, an uncalibrated rate.
        vision.models.CheckpointError: the weights cannot be used.
    """

    def __init__(
        self,
        model: str = default_model(FORGERY),
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        batch_size: int = 8,
        workers: int = 2,
        crop_size: int = default_setting(FORGERY, "crop_size"),
        max_crops: int = 16,
        max_pixels: int = MAX_PIXELS,
        fpr: float | None = None,
        threshold: float | None = None,
        robust: bool = False,
        heatmap: bool = False,
        network: nn.Module | None = None,
        precision: str = "fp32",
    ) -> None:
        check_least(1, batch_size=batch_size, workers=workers, max_crops=max_crops)
        check_least(1, "pixels", max_pixels=max_pixels)
        check_precision(precision)
        if crop_size < 8 or crop_size % 4:
            message = f"crop_size is {crop_size}; expected a multiple of 4 from 8 on"
            raise UsageError(message, code="out-of-range", value=crop_size)
        self.batch_size, self.workers, self.crop_size = batch_size, workers, crop_size
        self.max_crops, self.max_pixels = max_crops, max_pixels
        self.robust, self.heatmap, self.precision = robust, heatmap, precision
        self.device = usable_device(device)
        if network is None:
            from vision.models.forgery.network import forgery_detector

            network = forgery_detector(model, checkpoint)
        self.network = pack_for_inference(network.eval().to(self.device))
        self.calibration: Calibration = network.calibration  # type: ignore[assignment]  # nn.Module types it as Tensor
        self.low, self.high = _thresholds(self.calibration, fpr, threshold)

    @renamed(pictures="images")
    def __call__(self, images: ImageInput | Iterable[ImageInput]) -> list[ForgeryResult]:
        """Judge images: paths, or uint8 RGB arrays `[H, W, 3]` (also `[H, W]` gray); a single one is a list of one.

        Returns:
            One result per image, in the order given.
        """
        return list(self.stream(images))

    @renamed(pictures="images")
    def stream(self, images: ImageInput | Iterable[ImageInput]) -> Iterator[ForgeryResult]:
        """As a call, but yields each result as soon as it is there; threads are at most two images each ahead."""
        jobs: deque[Job] = deque()
        # Crops without a logit. Those of several images fill one batch, and those of one image may take several.
        waiting: deque[tuple[Job, int]] = deque()
        for job in read_ahead(self._read, listed(images), self.workers, ahead=2 * self.workers):
            jobs.append(job)
            waiting.extend((job, index) for index in range(len(job.crops)))
            while len(waiting) >= self.batch_size:
                self._judge([waiting.popleft() for _ in range(self.batch_size)])
            while jobs and jobs[0].is_done:
                yield self._result(jobs.popleft())
        while waiting:
            self._judge([waiting.popleft() for _ in range(min(self.batch_size, len(waiting)))])
        while jobs:
            yield self._result(jobs.popleft())

    def _read(self, index: int, image: ImageInput) -> Job:
        check_type(index, image)
        options = self.crop_size, self.max_crops, self.max_pixels, self.robust, self.heatmap
        return prepare(image, f"array {index}", *options)

    @torch.inference_mode()
    def _judge(self, batch: list[tuple[Job, int]]) -> None:
        pixels = torch.from_numpy(np.stack([job.crops[index] for job, index in batch]))
        # [B, H, W, 3] -> [B, 3, H, W] without moving anything: the memory stays channels-last.
        images = normalize_imagenet(pixels.to(self.device).permute(0, 3, 1, 2))
        with autocast(self.device, self.precision):
            logits = self.network.logits(images).float().cpu().numpy()  # type: ignore[operator]
        for (job, index), logit in zip(batch, logits, strict=True):
            job.take(index, float(logit))

    def _result(self, job: Job) -> ForgeryResult:
        result = ForgeryResult(job.path, error=job.error, metadata=job.metadata, notes=job.notes, **job.file)
        if job.error is not None:
            return result
        if not np.isfinite(job.logits).all():
            result.error = not_a_number(self.precision)
            return result
        logits = [aggregate(part) for part in job.version_logits()]
        probabilities = [self.calibration.probability(logit) for logit in logits]
        verdicts = [verdict(probability, self.low, self.high) for probability in probabilities]
        result.logit, result.probability, result.verdict = logits[0], probabilities[0], verdicts[0]
        result.crops = job.crops_per_version
        if self.robust:
            result.probability_min, result.probability_max = min(probabilities), max(probabilities)
            result.stable = len(set(verdicts)) == 1
            result.verdict = verdicts[0] if result.stable else INCONCLUSIVE
        if job.no_evidence is not None:
            result.verdict = INCONCLUSIVE
            result.notes = [*result.notes, job.no_evidence]
        if job.tiles is not None:
            tiles = np.array([self.calibration.probability(float(logit)) for logit in job.tile_logits()])
            result.heatmap = job.tiles.heat_map(tiles)
        return result


def _thresholds(calibration: Calibration, fpr: float | None, threshold: float | None) -> tuple[float, float]:
    if fpr is not None and threshold is not None:
        message = f"fpr is {fpr:g} and threshold is {threshold:g}; give one of them, not both"
        raise UsageError(message, code="conflicting-arguments")
    if fpr is not None:
        threshold = calibration.threshold_at(fpr)
    if threshold is None:
        return calibration.low, calibration.high
    if not 0 <= threshold <= 1:
        message = f"threshold is {threshold:g}; expected a probability, from 0 to 1"
        raise UsageError(message, code="out-of-range", value=threshold)
    return threshold, threshold
