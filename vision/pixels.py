"""Pixel operations behind the augmentations: extension of small images, lossy compression, blur."""

from __future__ import annotations

import cv2
import numpy as np

# 4:2:0, 4:2:2 and 4:4:4 chroma subsampling.
CHROMA = (
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)


def extend(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Extend an image that is smaller than `size`: by reflection on both sides, or by tiling if it is too small.

    Args:
        image: uint8 `[H, W, 3]`.
        size: height and width that the result has at least.
    """
    missing = [max(0, wanted - side) for wanted, side in zip(size, image.shape[:2], strict=True)]
    if not any(missing):
        return image
    # A reflection has one row less than the image on either side.
    if all((need + 1) // 2 < side for need, side in zip(missing, image.shape[:2], strict=True)):
        (top, left), (bottom, right) = [need // 2 for need in missing], [(need + 1) // 2 for need in missing]
        return cv2.copyMakeBorder(np.ascontiguousarray(image), top, bottom, left, right, cv2.BORDER_REFLECT_101)
    repeats = [-(-max(wanted, side) // side) for wanted, side in zip(size, image.shape[:2], strict=True)]
    tiled = np.tile(image, (*repeats, 1))
    return tiled[: max(size[0], image.shape[0]), : max(size[1], image.shape[1])]


def halve(image: np.ndarray) -> np.ndarray:
    """Half the size of a uint8 image `[H, W, 3]`, by the mean of 2x2 pixels; an odd last row or column is lost."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    return cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)


def jpeg(image: np.ndarray, quality: int, chroma: int = CHROMA[0], offset: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Compress and decompress; the block grid starts `offset` (rows, columns) before the image."""
    top, left = offset
    if top or left:
        image = cv2.copyMakeBorder(np.ascontiguousarray(image), top, 0, left, 0, cv2.BORDER_REFLECT_101)
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, chroma]
    return _recode(image, ".jpg", flags)[top:, left:]


def webp(image: np.ndarray, quality: int) -> np.ndarray:
    """Compress as lossy WebP and decompress."""
    # OpenCV takes 101 and above as lossless.
    return _recode(image, ".webp", [cv2.IMWRITE_WEBP_QUALITY, min(quality, 100)])


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian, in pixels, mirrored at the border; sigma 0 changes nothing."""
    return cv2.GaussianBlur(np.ascontiguousarray(image), (0, 0), sigma) if sigma > 0 else image


def _recode(image: np.ndarray, suffix: str, flags: list[int]) -> np.ndarray:
    done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)
    if not done:
        raise RuntimeError(f"OpenCV could not encode an image of shape {image.shape} as {suffix}")
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
