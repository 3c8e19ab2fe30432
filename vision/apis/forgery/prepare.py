"""From a file to pixels that a model can take: everything about an image that happens outside the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vision.apis.base import ImageInput, load_image, name_of
from vision.apis.forgery.crops import native_crops
from vision.apis.forgery.evidence import missing_evidence
from vision.apis.forgery.heatmap import HeatmapPlan, plan_heatmap
from vision.errors import Notice, notice_of
from vision.images import ImageError, decode_image
from vision.pixels import jpeg
from vision.provenance import read_provenance

ROBUST_QUALITIES = (90, 75)
# What OpenCV encodes and decodes.
MAX_JPEG_SIDE = 65_500
MAX_JPEG_PIXELS = 1 << 30


@dataclass
class Job:
    """One image on its way through the model.

    Attributes:
        path: name of the image in the results.
        crops: uint8 `[N, size, size, 3]`: the crops of the image, of its recompressed copies, then its tiles.
        versions: the image itself and its recompressed copies.
        crops_per_version: crops of each.
        tiles: where the tiles are, when there are any.
        error: why there is nothing to judge, a `vision.errors.Notice`.
        metadata: provenance fields.
        file: size, format and the like, by the names of `ForgeryResult`.
        notes: what is odd about the file.
        no_evidence: why there is no verdict, whatever the model says; None if there may be one.
        logits: float32 `[N]`, one per crop, filled in as they come.
    """

    path: str
    crops: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0, 3), np.uint8))
    versions: int = 0
    crops_per_version: int = 0
    tiles: HeatmapPlan | None = None
    error: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    file: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    no_evidence: str | None = None

    def __post_init__(self) -> None:
        self.logits = np.full(len(self.crops), np.nan, np.float32)
        self._missing = len(self.crops)

    @property
    def is_done(self) -> bool:
        """Whether every crop has its logit."""
        return self._missing == 0

    def take(self, index: int, logit: float) -> None:
        """Note the logit of one crop; each comes once."""
        self.logits[index] = logit
        self._missing -= 1
        if self.is_done:
            self.crops = self.crops[:0]  # a result may wait for its turn; its pixels need not

    def version_logits(self) -> list[np.ndarray]:
        """Crop logits of the image, then of each recompressed copy."""
        return np.split(self.logits[: self.versions * self.crops_per_version], self.versions)

    def tile_logits(self) -> np.ndarray:
        """Logits of the tiles."""
        return self.logits[self.versions * self.crops_per_version :]


def prepare(
    image: ImageInput,
    array_name: str,
    crop_size: int,
    max_crops: int,
    max_pixels: int,
    robust: bool,
    heatmap: bool,
) -> Job:
    """Read, recompress and cut one image; what goes wrong is noted in the job, never raised.

    Args:
        image: a path, or a uint8 array `[H, W, 3]` or `[H, W]`.
        array_name: stands for the path of an array.
        crop_size, max_crops, max_pixels, robust, heatmap: see `vision.apis.ForgeryInferencer`.
    """
    path = name_of(image, array_name)
    metadata = {} if isinstance(image, np.ndarray) else read_provenance(path)
    file: dict[str, Any] = {}
    notes: list[str] = []
    try:
        if isinstance(image, np.ndarray):
            pixels = load_image(image, path, max_pixels)
        else:
            decoded = decode_image(image, max_pixels)
            pixels, notes = decoded.pixels, list[str](decoded.notices)
            file = {name: getattr(decoded, name) for name in ("format", "frames", "jpeg_quality")}
        file["height"], file["width"] = pixels.shape[:2]
        versions = [pixels, *(_recompressed(path, pixels) if robust else [])]
        crops = [native_crops(version, crop_size, max_crops) for version in versions]
        no_evidence = missing_evidence(crops[0], *pixels.shape[:2])
        plan, tiles = plan_heatmap(pixels, crop_size) if heatmap else (None, pixels[:0])
    except ImageError as error:
        return Job(path, error=notice_of(error, error.reason), metadata=metadata)
    except MemoryError:
        too_large = Notice("does not fit into memory; lower max_pixels or workers", "image-out-of-memory")
        return Job(path, error=too_large, metadata=metadata)
    windows = np.concatenate([*crops, tiles]) if plan is not None else np.concatenate(crops)
    counts = len(versions), len(crops[0])
    return Job(path, windows, *counts, plan, metadata=metadata, file=file, notes=notes, no_evidence=no_evidence)


def _recompressed(path: str, image: np.ndarray) -> list[np.ndarray]:
    height, width = image.shape[:2]
    if max(height, width) > MAX_JPEG_SIDE or height * width > MAX_JPEG_PIXELS:
        limits = f"{MAX_JPEG_SIDE:,} per side, {MAX_JPEG_PIXELS:,} in all"
        reason = f"is {width} x {height} pixels, too large to recompress (at most {limits}); leave out the robust check"
        raise ImageError(path, reason, code="too-large-to-recompress", value=(height, width))
    return [jpeg(image, quality) for quality in ROBUST_QUALITIES]
