"""What can be wrong with a pair that no decoder notices: not rectified, swapped, the same twice, not of one scene.

Features that both views share tell it before any model runs: on a rectified pair their rows agree, and what is near
lies further to the left in the right view.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from vision.errors import Notice

# Enough pixels for half a thousand matches; more would take longer and find the same.
_MAX_PIXELS = 500_000
_FEATURES = 1000
_RATIO = 0.75
_MIN_MATCHES = 40
# Images of different scenes share up to 1.5 % of their features by chance, pairs 20 % and more.
_CHANCE = 0.02
# Median of |dy| in pixels of the full image. Pairs of public data sets have 0.1 to 0.55.
MAX_VERTICAL = 1.0
# Positions are known to about this, in pixels of the reduced image.
_NOISE = 0.3
MAX_NEGATIVE = 0.8
MAX_OCCLUDED = 0.8


class Alignment(NamedTuple):
    """How the features that both views share are displaced.

    Attributes:
        matches: how many there are.
        features: how many the poorer view has.
        vertical: median of |y_left - y_right| in pixels.
        vertical_shift: median of y_left - y_right.
        negative: share of matches whose disparity x_left - x_right + doffs is below -1 pixel.
        scale: of the reduced copies that were looked at.
    """

    matches: int
    features: int
    vertical: float
    vertical_shift: float
    negative: float
    scale: float


def alignment(left: np.ndarray, right: np.ndarray, doffs: float = 0.0) -> Alignment:
    """Compare two uint8 images `[H, W, 3]` by SIFT features of reduced copies; 0.1 to 0.3 s on one core.

    Args:
        left, right: the images.
        doffs: what is added to disparities, of cameras whose principal points differ: what is infinitely far is there.
    """
    height, width = left.shape[:2]
    scale = min(1.0, (_MAX_PIXELS / (height * width)) ** 0.5)
    detector = cv2.SIFT.create(_FEATURES)
    found = [detector.detectAndCompute(_reduced(view, scale), None) for view in (left, right)]
    (points_left, descriptors_left), (points_right, descriptors_right) = found
    features = min(len(points_left), len(points_right))
    if features < 2:
        return Alignment(0, features, 0.0, 0.0, 0.0, scale)
    pairs = _mutual_matches(descriptors_left, descriptors_right)
    if not pairs:
        return Alignment(0, features, 0.0, 0.0, 0.0, scale)
    left_xy = np.array([points_left[i].pt for i, _ in pairs])
    right_xy = np.array([points_right[j].pt for _, j in pairs])
    shift = (left_xy - right_xy) / scale
    return Alignment(
        matches=len(pairs),
        features=features,
        vertical=float(np.median(np.abs(shift[:, 1]))),
        vertical_shift=float(np.median(shift[:, 1])),
        negative=float(np.mean(shift[:, 0] + doffs < -1)),
        scale=scale,
    )


def pair_warnings(
    left: np.ndarray, right: np.ndarray, is_flow: bool = False, rectified: bool = False, doffs: float = 0.0
) -> list[Notice]:
    """What is odd about two images of one size, one line each.

    Args:
        left, right: uint8 `[H, W, 3]`.
        is_flow: two images in time rather than two views: only whether they are the same, or of different scenes.
        rectified: by a calibration, just now.
        doffs: of the calibration, 0 without one.
    """
    if np.array_equal(left, right):
        what = "nothing moves" if is_flow else "all disparities are 0"
        return [Notice(f"both images are the same, so {what}; expected two different ones", "same-images")]
    found = alignment(left, right, doffs)
    if found.features >= _FEATURES // 4 and found.matches < _CHANCE * found.features:
        return [
            Notice(
                f"the images share hardly any detail ({found.matches} of {found.features} features match); "
                "expected two views of one scene",
                "unrelated-views",
                found.matches / found.features,
            )
        ]
    if is_flow or found.matches < _MIN_MATCHES:
        return []
    warnings = []
    if found.vertical > max(MAX_VERTICAL, _NOISE / found.scale):
        warnings.append(_unrectified(found, rectified))
    if found.negative >= MAX_NEGATIVE:
        warnings.append(
            Notice(
                f"the views look swapped: {found.negative:.0%} of {found.matches} matches have a negative disparity; "
                "exchange left and right",
                "views-swapped",
                found.negative,
            )
        )
    return warnings


def disagreement_warning(occlusion: np.ndarray) -> Notice | None:
    """A warning when hardly a pixel of `[H, W]` agrees with its match: scenes do not hide so much of themselves."""
    share = float(np.mean(occlusion))
    if share <= MAX_OCCLUDED:
        return None
    return Notice(
        f"the views hardly agree: {share:.0%} of the pixels have no match that leads back; expected two views of one "
        "scene, and weights for this task",
        "views-disagree",
        share,
    )


def swapped_warning(disparity: np.ndarray, doffs: float = 0.0) -> Notice | None:
    """A warning when most disparities `[H, W]` that the model found, with doffs, are negative."""
    share = float(np.mean(disparity + np.float32(doffs) < -0.5))
    if share <= 0.5:
        return None
    text = f"the views look swapped: {share:.0%} of the disparities are negative; exchange left and right"
    return Notice(text, "views-swapped", share)


def _unrectified(found: Alignment, rectified: bool) -> Notice:
    what = (
        f"the pair looks unrectified: rows differ by {found.vertical:.1f} pixels (median |dy| of {found.matches} "
        f"matches; shift {found.vertical_shift:+.1f})"
    )
    if rectified:
        return Notice(
            f"{what}; the calibration is not of these images, or no longer", "bad-rectification", found.vertical
        )
    return Notice(f"{what}; rectify it, with an OpenCV calibration", "views-unrectified", found.vertical)


def _reduced(view: np.ndarray, scale: float) -> np.ndarray:
    gray = cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)
    return gray if scale == 1 else cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _mutual_matches(left: np.ndarray, right: np.ndarray) -> list[tuple[int, int]]:
    """Index pairs of descriptors that are each other's best match, clearly better than the second best."""
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    back = {match.queryIdx: match.trainIdx for match in matcher.match(right, left)}
    candidates = matcher.knnMatch(left, right, k=2)
    return [
        (best.queryIdx, best.trainIdx)
        for best, second in (pair for pair in candidates if len(pair) == 2)
        if best.distance < _RATIO * second.distance and back.get(best.trainIdx) == best.queryIdx
    ]
