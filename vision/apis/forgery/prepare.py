"""From a file to pixels that a model can take: everything about an image that happens outside the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vision.apis.base import ImageInput, load_image, name_of
from vision.apis.forgery.crops import WindowSizes, native_crops, windows_of
from vision.apis.forgery.evidence import missing_evidence
from vision.apis.forgery.findings import FileFindings, PixelFindings, read_file, search_pixels
from vision.apis.forgery.heatmap import HeatmapPlan, plan_coarse, plan_heatmap
from vision.errors import Notice, notice_of
from vision.images import ImageError, decode_image
from vision.pixels import jpeg

if TYPE_CHECKING:
    from vision.provenance.signed import TrustSettings

ROBUST_QUALITIES = (90, 75)
EVIDENCE_CROPS = 16  # of which it is said whether there is anything to judge
# What OpenCV encodes and decodes.
MAX_JPEG_SIDE = 65_500
MAX_JPEG_PIXELS = 1 << 30


@dataclass(frozen=True)
class Preparation:
    """How images are read and cut; see `vision.apis.ForgeryInferencer`."""

    sizes: WindowSizes
    max_crops: int
    max_pixels: int
    robust: bool = False
    heatmap: bool = False
    coarse_map: bool = False
    thorough: bool = False
    trust: TrustSettings | None = None


@dataclass
class Job:
    """One image on its way through the model.

    Attributes:
        path: name of the image in the results.
        crops: uint8 `[size, size, 3]` each: the crops of the image, of its recompressed copies, then its tiles.
        versions: the image itself and its recompressed copies.
        positions: float32 `[N, 3]`, where the crops of each version are: see `vision.apis.forgery.crops.Windows`.
        tiles: where the tiles are, when there are any.
        coarse: where the crops of the image are, for a map of them; None where no such map is wanted.
        error: why there is nothing to judge, a `vision.errors.Notice`.
        found: what the file says of its origin.
        history: what the pixels tell beside the model's answer.
        file: size, format and the like, by the names of `ForgeryResult`.
        notes: what is odd about the file.
        no_evidence: why there is no verdict, whatever the model says; None if there may be one.
        logits: float32 `[N]`, one per crop, filled in as they come.
    """

    path: str
    crops: list[np.ndarray] = field(default_factory=list)
    versions: int = 0
    positions: np.ndarray = field(default_factory=lambda: np.empty((0, 3), np.float32))
    tiles: HeatmapPlan | None = None
    coarse: HeatmapPlan | None = None
    error: str | None = None
    found: FileFindings = field(default_factory=FileFindings)
    history: PixelFindings = field(default_factory=PixelFindings)
    file: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    no_evidence: str | None = None

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Wait for the logits of the crops."""
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
            self.crops = []  # a result may wait for its turn; its pixels need not

    @property
    def crops_per_version(self) -> int:
        """Crops of the image, and of each recompressed copy."""
        return len(self.positions)

    def version_logits(self) -> list[np.ndarray]:
        """Crop logits of the image, then of each recompressed copy."""
        return np.split(self.logits[: self.versions * self.crops_per_version], self.versions)

    def tile_logits(self) -> np.ndarray:
        """Logits of the tiles."""
        return self.logits[self.versions * self.crops_per_version :]


def prepare(image: ImageInput, array_name: str, options: Preparation) -> Job:
    """Read, search, recompress and cut one image; what goes wrong is noted in the job, never raised.

    Args:
        image: a path, or a uint8 array `[H, W, 3]` or `[H, W]`.
        array_name: stands for the path of an array.
        options: how.
    """
    job = Job(name_of(image, array_name))
    try:
        if not isinstance(image, np.ndarray):
            job.found = read_file(job.path, options.trust)
        _cut(job, _pixels(job, image, options.max_pixels), options)
    except ImageError as error:
        return Job(job.path, error=notice_of(error, error.reason), found=job.found)
    except MemoryError:
        too_large = Notice("does not fit into memory; lower max_pixels or workers", "image-out-of-memory")
        return Job(job.path, error=too_large, found=job.found)
    job.begin()
    return job


def _pixels(job: Job, image: ImageInput, max_pixels: int) -> np.ndarray:
    """Decode, and note what the file is like."""
    if isinstance(image, np.ndarray):
        pixels = load_image(image, job.path, max_pixels)
    else:
        decoded = decode_image(image, max_pixels)
        pixels, job.notes = decoded.pixels, list[str](decoded.notices)
        job.file = {name: getattr(decoded, name) for name in ("format", "frames", "jpeg_quality")}
    job.file["height"], job.file["width"] = pixels.shape[:2]
    return pixels


def _cut(job: Job, pixels: np.ndarray, options: Preparation) -> None:
    """All that the model will see, and what can be told without it."""
    usual, size = options.sizes.usual, options.sizes.of(pixels.shape[:2])
    max_crops = max(1, options.max_crops * usual**2 // max(usual, size) ** 2)  # as many pixels
    versions = [pixels, *(_recompressed(job.path, pixels) if options.robust else [])]
    windows = [windows_of(version, size, max_crops, options.thorough) for version in versions]
    job.versions, job.positions = len(versions), windows[0].positions
    job.crops = [crop for part in windows for crop in part.pixels]
    job.no_evidence = missing_evidence(native_crops(pixels, usual, EVIDENCE_CROPS), *pixels.shape[:2])
    job.history = search_pixels(pixels, job.file.get("jpeg_quality"), options.thorough)
    if options.heatmap:
        job.tiles, tiles = plan_heatmap(pixels, min(size, usual))
        job.crops += list(tiles)
    elif options.coarse_map:
        job.coarse = plan_coarse(pixels, size, windows[0].grid)


def _recompressed(path: str, image: np.ndarray) -> list[np.ndarray]:
    height, width = image.shape[:2]
    if max(height, width) > MAX_JPEG_SIDE or height * width > MAX_JPEG_PIXELS:
        limits = f"{MAX_JPEG_SIDE:,} per side, {MAX_JPEG_PIXELS:,} in all"
        reason = f"is {width} x {height} pixels, too large to recompress (at most {limits}); leave out the robust check"
        raise ImageError(path, reason, code="too-large-to-recompress", value=(height, width))
    return [jpeg(image, quality) for quality in ROBUST_QUALITIES]
