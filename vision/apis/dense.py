"""Detection and segmentation of images with the models of mmdet and mmseg configs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
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
    load_image,
    name_of,
    read_ahead,
)
from vision.checkpoint import load_strict, read_checkpoint
from vision.device import usable_device
from vision.engine.image_pipeline import image_steps, names_and_colors, test_dataset
from vision.engine.openmmlab import FRAMEWORKS, build_model, registries_of, scope_of
from vision.errors import UsageError, notice_of
from vision.images import MAX_PIXELS, ImageError, checked_array
from vision.layers import pack_for_inference
from vision.structures.dense import DenseResult, label_shares


class DenseInferencer(Inferencer[ImageInput, DenseResult]):
    """Detects or segments what images show, as the config says: mmdet's instances, or mmseg's class of every pixel.

    Images are decoded in threads while the model works on one after another. An image that cannot be read gives a
    result with `error` set, and the others go on. On a CPU the backbone is packed (`vision.layers.pack_for_inference`).

    Args:
        config: path of a config whose default scope is mmdet or mmseg, with a `test_dataloader` whose pipeline prepares
            the images. Class names and colors are those of its dataset.
        checkpoint: weights, read as tensors only and loaded strictly; None leaves them random.
        device: "cpu", "cuda", "cuda:1" ...; None takes CUDA when there is one.
        workers: threads that decode.
        max_pixels: refuse larger files, by their header.
        precision: "fp32", "bf16" or "fp16"; the last two by autocast.

    Raises:
        UsageError: the config or the device cannot be used, or the framework is not installed.
        CheckpointError: the weights are missing, unreadable or of another model.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path | None = None,
        device: str | torch.device | None = "cpu",
        workers: int = 2,
        max_pixels: int = MAX_PIXELS,
        precision: str = "fp32",
    ) -> None:
        from mmengine.dataset import Compose

        from vision.engine.config import load_config

        check_least(1, workers=workers)
        check_least(1, "pixels", max_pixels=max_pixels)
        check_precision(precision)
        self.device, self.workers, self.max_pixels = usable_device(device), workers, max_pixels
        self.precision = precision
        self.cfg = load_config(config)
        self.scope = scope_of(self.cfg)
        if self.scope not in FRAMEWORKS:
            raise UsageError(
                f"{config} is no detector or segmentor: default_scope is {self.scope!r}, not mmdet or mmseg",
                code="bad-config",
                value=self.scope,
            )
        dataset = test_dataset(self.cfg)
        self.model = build_model(self.cfg)
        if checkpoint is not None:
            load_strict(self.model, read_checkpoint(checkpoint)[0], checkpoint)
        self.model.to(self.device)
        # The backbone alone: packed convolutions give channels-last maps, and heads of frameworks may `view` theirs.
        pack_for_inference(getattr(self.model, "backbone", nn.Identity()))
        with registries_of(self.scope):
            self.classes, self.palette = names_and_colors(dataset)
            self.pipeline = Compose(image_steps(dataset.pipeline))

    def stream(self, images: ImageInput | Iterable[ImageInput], /) -> Iterator[DenseResult]:
        """Predict on paths, or uint8 RGB arrays `[H, W, 3]` (also `[H, W]` gray), each result as soon as it is there.

        Raises:
            UsageError: as `predict`.
        """
        for result in read_ahead(self._read, listed(images), self.workers, ahead=2 * self.workers):
            if result.image is not None:
                result.sample = self.predict(result.image)
            yield result

    def _read(self, index: int, image: ImageInput) -> DenseResult:
        check_type(index, image)
        result = DenseResult(name_of(image, f"array {index}"))
        try:
            result.image = load_image(image, result.path, self.max_pixels)
        except ImageError as error:
            result.error = notice_of(error, error.reason)
        return result

    def predict(self, image: np.ndarray) -> Any:
        """Predict on uint8 RGB `[H, W, 3]`.

        Returns:
            mmdet's `DetDataSample` or mmseg's `SegDataSample`, on the CPU.

        Raises:
            ImageError: the array is no image.
            UsageError: the model predicts neither instances nor a segmentation (panoptic segments alone, say), or needs
                an op that mmcv lacks here.
        """
        from vision.engine.compat import MissingOpError

        image = checked_array(image, "array")
        with registries_of(self.scope), torch.no_grad(), autocast(self.device, self.precision):
            # Pipelines take what OpenCV reads.
            data = self.pipeline({"img": cv2.cvtColor(image, cv2.COLOR_RGB2BGR), "img_id": 0})
            batch = {"inputs": [data["inputs"]], "data_samples": [data["data_samples"]]}
            try:
                sample = self.model.test_step(batch)[0].cpu()  # type: ignore[operator]
            except MissingOpError as error:
                raise UsageError(str(error), code="missing-package") from error
        wanted = "pred_sem_seg" if self.segments_pixels else "pred_instances"
        if wanted not in sample:
            raise UsageError(
                f"the model predicts {', '.join(sorted(sample.keys()))}; expected {wanted}",
                code="bad-config",
                value=sorted(sample.keys()),
            )
        return sample

    @property
    def segments_pixels(self) -> bool:
        """Whether it gives every pixel a class, and not instances."""
        return self.scope == "mmseg"

    def name_of(self, label: int) -> str:
        """Name of a class; one that the dataset does not name goes by its number."""
        return self.classes[label] if label < len(self.classes) else f"class {label}"

    def color_of(self, label: int) -> tuple[int, int, int]:
        """RGB of a class."""
        if label < len(self.palette):
            return self.palette[label]
        red, green, blue = np.random.default_rng(label).integers(40, 256, 3).tolist()
        return red, green, blue

    def instances(self, sample: Any, score_threshold: float = 0.3) -> Counter[str]:
        """How many instances of every class have a score above the threshold."""
        found = sample.pred_instances
        return Counter(self.name_of(label) for label in found.labels[found.scores > score_threshold].tolist())

    def shares(self, sample: Any) -> dict[str, float]:
        """Share of the pixels of every class that is there, the largest first."""
        return {self.name_of(label): share for label, share in label_shares(sample)}
