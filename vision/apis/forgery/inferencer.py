"""Judges images: real or AI-generated, at their native resolution, many sizes in one batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vision.apis.base import (
    ImageInput,
    Inferencer,
    check_least,
    check_precision,
    check_type,
    listed,
    not_a_number,
    read_ahead,
    renamed,
)
from vision.apis.forgery.conclusion import conclude
from vision.apis.forgery.crops import WindowSizes
from vision.apis.forgery.evidence import weak_evidence
from vision.apis.forgery.prepare import Job, Preparation, prepare
from vision.apis.forgery.runtimes import open_runtime
from vision.errors import UsageError
from vision.images import MAX_PIXELS
from vision.models.forgery.calibration import Calibration
from vision.models.table import FORGERY, default_model, default_setting
from vision.provenance.claims import UNDECLARED
from vision.structures.forgery import INCONCLUSIVE, ForgeryResult, HeatMap, aggregate, verdict

if TYPE_CHECKING:
    import torch
    from torch import nn

    from vision.apis.forgery.runtimes import Runtime
    from vision.provenance.signed import TrustSettings

# As many windows of 256 pixels as cover 12 megapixels in any of the usual proportions.
MAX_CROPS = 208

Picture = ImageInput  # the name it had before


class ForgeryInferencer(Inferencer[ImageInput, ForgeryResult]):
    """Tells real images from AI-generated ones.

    The verdict is "inconclusive", with a note, for what holds no evidence: less than a quarter of a crop on the
    shorter side, flat drawings, lettering, plain colors.

    Beside the verdict on the pixels stands what the file declares of its origin, with the state of its signature, and
    whether the pixels carry a generator's watermark; `conclusion` is all of it in plain words.

    Images are decoded in threads while the model works; crops of different images share its batches. An image
    that cannot be read gives a result with `error` set, and the others go on.

    Args:
        model: a name of `vision.models.forgery_models()`.
        checkpoint: weights instead of the shipped ones, or a model that `vision export forgery` wrote as ONNX.
        device: "cpu", "cuda", "cuda:1" ...; None takes CUDA when there is one.
        batch_size: crops in one forward pass; None takes 2 on a CPU, whose cache holds no more, and 32 on a GPU.
        workers: threads that decode.
        crop_size: side of a crop in pixels, a multiple of 4; the shipped calibration is for 256. If the network's
            backbone has a `least_size`, smaller images are judged at their own size down to it, else they are mirrored;
            if it has a `large_size`, images of at least four times that are cut into crops of it.
        max_crops: most crops of one image, spread evenly where it would take more to see all of it; fewer of those that
            are larger, as many pixels.
        max_pixels: refuse larger files, by their header.
        fpr: decide two ways, at the threshold of this false-positive rate on held-out photographs.
        threshold: decide two ways, at this probability. By default the calibration's two thresholds decide three ways.
        robust: judge also copies recompressed as JPEG 90 and 75; without one verdict for all, it is "inconclusive".
        heatmap: judge also overlapping tiles, for `ForgeryResult.heatmap`. Takes several times as long.
        network: a network with `logits` and `calibration` to use instead of a named one; it is packed, in eval mode. It
            may have a method `pool`, from the logits of the crops `[N]` and their positions `[N, 3]` (center y and x in
            parts of the image's sides, scale) to the logit of the image; without one that is their mean.
        precision: "fp32", "bf16" or "fp16"; the last two by autocast. The shipped calibration is for fp32.
        thorough: judge overlapping crops of all of an image, and of a copy of half its size; search for watermarks of
            cropped images, too. Takes several times as long.
        trust: whose signatures count: `vision.provenance.signed.load_trust`; by default those on the lists that ship.
        show_prompt: give the text of a generator's prompt in `ForgeryResult.prompt`.
        coarse_map: without `heatmap`, make one of the crops that are judged anyway.
        foundation: weights of the timm model whose frozen features the checkpoint's detector uses, if it does; None for
            those in the Hugging Face cache of this machine. Nothing is fetched.
        runtime: "torch"; "onnx" runs a checkpoint in ONNX on the CPU by onnxruntime, and PyTorch is never imported,
            which takes longer than all else that judging one image does; None goes by the checkpoint's suffix.

    Raises:
        UsageError: an argument outside its range, an unknown model or device, an uncalibrated rate.
        vision.models.CheckpointError: the weights cannot be used.
    """

    def __init__(
        self,
        model: str = default_model(FORGERY),
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = None,
        batch_size: int | None = None,
        workers: int = 2,
        crop_size: int = default_setting(FORGERY, "crop_size"),
        max_crops: int = MAX_CROPS,
        max_pixels: int = MAX_PIXELS,
        fpr: float | None = None,
        threshold: float | None = None,
        robust: bool = False,
        heatmap: bool = False,
        network: nn.Module | None = None,
        precision: str = "fp32",
        thorough: bool = False,
        trust: TrustSettings | None = None,
        show_prompt: bool = False,
        coarse_map: bool = False,
        foundation: str | Path | None = None,
        runtime: str | None = None,
    ) -> None:
        check_least(1, workers=workers, max_crops=max_crops)
        if batch_size is not None:
            check_least(1, batch_size=batch_size)
        check_least(1, "pixels", max_pixels=max_pixels)
        check_precision(precision)
        if crop_size < 8 or crop_size % 4:
            message = f"crop_size is {crop_size}; expected a multiple of 4 from 8 on"
            raise UsageError(message, code="out-of-range", value=crop_size)
        self.workers, self.crop_size = workers, crop_size
        self.max_crops, self.max_pixels = max_crops, max_pixels
        self.robust, self.heatmap, self.precision, self.show_prompt = robust, heatmap, precision, show_prompt
        self.runtime = open_runtime(runtime, network, model, checkpoint, foundation, device, precision)
        self.network, self.device = self.runtime.network, self.runtime.device
        self.batch_size = batch_size or (2 if str(self.device) == "cpu" else 32)
        self.preparation = Preparation(
            _window_sizes(self.runtime, crop_size),
            max_crops,
            max_pixels,
            robust,
            heatmap,
            coarse_map and not heatmap,
            thorough,
            trust,
        )
        self.calibration: Calibration = self.runtime.calibration
        self.low, self.high = _thresholds(self.calibration, fpr, threshold)
        # Rates of false alarms are those of all held-out photographs, whatever their history.
        self.knows_history = fpr is None
        self.is_two_way = fpr is not None or threshold is not None

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
        return prepare(image, f"array {index}", self.preparation)

    def _judge(self, batch: list[tuple[Job, int]]) -> None:
        by_size: dict[tuple[int, ...], list[tuple[Job, int]]] = {}  # one, but for small images
        for job, index in batch:
            by_size.setdefault(job.crops[index].shape, []).append((job, index))
        for part in by_size.values():
            logits = self.runtime.logits(np.stack([job.crops[index] for job, index in part]))
            for (job, index), logit in zip(part, logits, strict=True):
                job.take(index, float(logit))

    def _result(self, job: Job) -> ForgeryResult:
        fields = job.file | job.history.fields() | job.found.fields(self.show_prompt)
        notes = [*job.notes, *job.found.notes()]
        result = ForgeryResult(job.path, error=job.error, metadata=job.found.metadata, notes=notes, **fields)
        if result.error is None and not np.isfinite(job.logits).all():
            result.error = not_a_number(self.precision)
        reason = self._judge_pixels(result, job) if result.error is None else None
        if result.error is None or result.declared != UNDECLARED:
            conclusion = conclude(result.verdict, job.found.declaration, result.watermark is not None, reason)
            result.conclusion_kind, result.conclusion, result.conflict = conclusion
        return result

    def _judge_pixels(self, result: ForgeryResult, job: Job) -> str | None:
        """Fill in the verdict and what belongs to it.

        Returns:
            Why the verdict is "inconclusive", in a few words; None if it is not.
        """
        calibration, low, high = self._bounds(result)
        logits = [self._pooled(part, job.positions) for part in job.version_logits()]
        probabilities = [calibration.probability(logit) for logit in logits]
        verdicts = [verdict(probability, low, high) for probability in probabilities]
        result.logit, result.probability, result.verdict = logits[0], probabilities[0], verdicts[0]
        result.crops = job.crops_per_version
        if self.robust:
            result.probability_min, result.probability_max = min(probabilities), max(probabilities)
            result.stable = len(set(verdicts)) == 1
            result.verdict = verdicts[0] if result.stable else INCONCLUSIVE
        result.heatmap = _heat_map(job, calibration)
        if job.no_evidence is not None:
            result.verdict = INCONCLUSIVE
            result.notes = [*result.notes, job.no_evidence]
            return job.no_evidence.partition(";")[0]
        if result.verdict != INCONCLUSIVE:
            return None
        why = weak_evidence(self.calibration, job.history, result.stable is False)
        if why is None:
            return f"the probability {probabilities[0]:.2f} lies between {low:.2f} and {high:.2f}"
        result.notes = [*result.notes, why]
        return why

    def _bounds(self, result: ForgeryResult) -> tuple[Calibration, float, float]:
        """What makes a probability of a logit, and a verdict of a probability, for an image of this history."""
        if not self.knows_history:
            return self.calibration, self.low, self.high
        calibration = self.calibration.at(result.jpeg_quality, result.scale)
        if self.is_two_way:
            return calibration, self.low, self.high
        return calibration, calibration.low, calibration.high

    def _pooled(self, logits: np.ndarray, positions: np.ndarray) -> float:
        # Of the class: a layer that a network calls `pool` is something else.
        if hasattr(type(self.network), "pool"):
            return float(self.network.pool(logits, positions))  # type: ignore[union-attr, operator]
        scales = positions[:, 2]
        return aggregate(np.array([aggregate(logits[scales == scale]) for scale in np.unique(scales)]))


def _heat_map(job: Job, calibration: Calibration) -> HeatMap | None:
    plan, logits = job.tiles, job.tile_logits()
    if plan is None and job.coarse is not None:
        plan = job.coarse
        logits = job.logits[: len(plan.grid.tops) * len(plan.grid.lefts)]
    if plan is None:
        return None
    return plan.heat_map(np.array([calibration.probability(float(logit)) for logit in logits]))


def _window_sizes(runtime: Runtime, crop_size: int) -> WindowSizes:
    least, large = runtime.least_size or crop_size, runtime.large_size or crop_size
    return WindowSizes(crop_size, min(least, crop_size), max(large, crop_size))


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
