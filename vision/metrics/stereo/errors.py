"""Errors of disparity maps and flow fields: end-point error, bad-t and D1, over all pixels and non-occluded ones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

THRESHOLDS = (0.5, 1.0, 2.0, 3.0)
COLUMNS = ("epe", "bad_0.5", "bad_1", "bad_2", "bad_3", "d1")
REGIONS = ("all", "noc")
_D1_PIXELS, _D1_SHARE = 3.0, 0.05

# Region -> column -> value, of one scene or of a mean over scenes.
SceneErrors = dict[str, dict[str, float]]


def stereo_errors(prediction: ArrayLike, truth: ArrayLike, mask: ArrayLike | None = None) -> dict[str, float]:
    """Errors of one disparity map, or of one flow field.

    A pixel counts where the truth is known and the mask is True. A pixel whose prediction is not a number (NaN,
    infinite) is not left out: it is wrong at every threshold, and for `epe` it counts as a prediction of 0. So a
    matcher gains nothing by giving no answer.

    Args:
        prediction: `[H, W]` disparities or `[H, W, 2]` flow, in pixels.
        truth: of the same shape, not finite where it is unknown.
        mask: `[H, W]` bool, which pixels to judge; all by default.

    Returns:
        `pixels`, how many were judged; `epe`, their mean error in pixels; `bad_0.5`, `bad_1`, `bad_2`, `bad_3`, the
        percentage with an error above that many pixels; `d1`, the percentage with an error above 3 pixels and above
        5 % of the truth (KITTI 2015, Menze & Geiger, CVPR 2015; for flow this is Fl). NaN where no pixel was judged.

    Raises:
        ValueError: the shapes do not fit together.
    """
    return error_sums(prediction, truth, mask).errors()


@dataclass(frozen=True)
class ErrorSums:
    """What errors are means of, so that images can be added up: pixels, sum of errors, counts of wrong pixels."""

    pixels: int = 0
    distance: float = 0.0
    wrong: tuple[int, ...] = (0,) * (len(THRESHOLDS) + 1)

    def __add__(self, other: ErrorSums) -> ErrorSums:
        wrong = tuple(mine + theirs for mine, theirs in zip(self.wrong, other.wrong, strict=True))
        return ErrorSums(self.pixels + other.pixels, self.distance + other.distance, wrong)

    def errors(self) -> dict[str, float]:
        """The values of `stereo_errors`."""
        sums = (self.distance, *(100.0 * count for count in self.wrong))
        means = (value / self.pixels if self.pixels else math.nan for value in sums)
        return {"pixels": self.pixels, **dict(zip(COLUMNS, means, strict=True))}


def error_sums(prediction: ArrayLike, truth: ArrayLike, mask: ArrayLike | None = None) -> ErrorSums:
    """The sums behind `stereo_errors`, with the same arguments."""
    predicted, known = np.asarray(prediction), np.asarray(truth)
    if predicted.shape != known.shape or known.ndim not in (2, 3) or known.shape[2:] not in ((), (2,)):
        raise ValueError(
            f"prediction is {predicted.shape} and truth {known.shape}; expected both [H, W], or both [H, W, 2] for flow"
        )
    judged = np.isfinite(known) if known.ndim == 2 else np.isfinite(known).all(axis=2)
    if mask is not None:
        chosen = np.asarray(mask)
        if chosen.shape != judged.shape or chosen.dtype != bool:
            raise ValueError(f"mask is {chosen.dtype} {chosen.shape}; expected bool {judged.shape}")
        judged = judged & chosen
    return _sums(predicted[judged].astype(np.float64), known[judged].astype(np.float64))


class StereoScores:
    """Collects the errors of many images by scene.

    The pixels of a scene's images are pooled; the mean over scenes gives every scene the same weight.

    Args:
        max_disparity: judge only pixels whose true disparity (of flow: length) is below it, as the published figures
            on SceneFlow do with 192; None judges all.
    """

    def __init__(self, max_disparity: float | None = None) -> None:
        if max_disparity is not None and not max_disparity > 0:
            raise ValueError(f"max_disparity is {max_disparity}; expected a positive number of pixels, or None")
        self.max_disparity = max_disparity
        self.sums: dict[str, dict[str, ErrorSums]] = {}

    def add(
        self, scene: str, prediction: ArrayLike, truth: ArrayLike, visible: ArrayLike | None = None
    ) -> dict[str, ErrorSums]:
        """Judge one image.

        Args:
            scene: what it belongs to.
            prediction, truth: as in `stereo_errors`.
            visible: `[H, W]` bool, which pixels the other view sees too; None leaves `noc` without a value.

        Returns:
            The sums of this image by region, `all` and `noc`.
        """
        sums = region_sums(prediction, truth, visible, self.max_disparity)
        self.merge(scene, sums)
        return sums

    def merge(self, scene: str, sums: dict[str, ErrorSums]) -> None:
        """Add the sums of an image that was judged elsewhere."""
        known = self.sums.setdefault(scene, {region: ErrorSums() for region in REGIONS})
        for region in REGIONS:
            known[region] += sums[region]

    def scenes(self) -> dict[str, SceneErrors]:
        """Errors by scene, in the order in which the scenes came."""
        return {
            scene: {region: value.errors() for region, value in regions.items()} for scene, regions in self.sums.items()
        }

    def mean(self) -> SceneErrors:
        """Unweighted mean over the scenes, `pixels` their sum; NaN for a region that no scene has."""
        return mean_errors(self.scenes().values())


def region_sums(
    prediction: ArrayLike, truth: ArrayLike, visible: ArrayLike | None = None, max_disparity: float | None = None
) -> dict[str, ErrorSums]:
    """Sums of one image over `all` pixels and over the non-occluded ones, `noc`; see `StereoScores`."""
    mask = None
    if max_disparity is not None:
        known = np.asarray(truth)
        with np.errstate(invalid="ignore"):
            mask = np.abs(known if known.ndim == 2 else np.linalg.norm(known, axis=2)) < max_disparity
    everywhere = error_sums(prediction, truth, mask)
    if visible is None:
        return {"all": everywhere, "noc": ErrorSums()}
    seen = np.asarray(visible) if mask is None else np.asarray(visible) & mask
    return {"all": everywhere, "noc": error_sums(prediction, truth, seen)}


def mean_errors(scenes: Iterable[SceneErrors]) -> SceneErrors:
    """Unweighted mean of several scenes' errors; a scene that has no pixel in a region does not enter its mean."""
    listed = list(scenes)
    means: SceneErrors = {}
    for region in REGIONS:
        judged = [scene[region] for scene in listed if scene[region]["pixels"]]
        means[region] = {"pixels": sum(values["pixels"] for values in judged)}
        for name in COLUMNS:
            means[region][name] = sum(v[name] for v in judged) / len(judged) if judged else math.nan
    return means


def _sums(predicted: np.ndarray, known: np.ndarray) -> ErrorSums:
    """Sums over a list of pixels: `[N]` disparities or `[N, 2]` flow."""
    answered = np.isfinite(predicted)
    difference = np.where(answered, predicted, 0.0) - known
    if known.ndim == 2:
        answered = answered.all(axis=1)
        # Half an answer is none.
        difference[~answered] = known[~answered]
        error, length = np.linalg.norm(difference, axis=1), np.linalg.norm(known, axis=1)
    else:
        error, length = np.abs(difference), np.abs(known)
    wrong = [(error > threshold) | ~answered for threshold in THRESHOLDS]
    wrong.append((error > _D1_PIXELS) & (error > _D1_SHARE * length) | ~answered)
    return ErrorSums(len(error), float(error.sum()), tuple(int(np.count_nonzero(w)) for w in wrong))
