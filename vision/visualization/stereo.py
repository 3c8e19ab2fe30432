"""Disparity in colors, alone and beside its image with a scale in pixels."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

from vision.structures.stereo import StereoResult
from vision.visualization.canvas import (
    BACKGROUND,
    BRIGHT,
    MIN_PANEL,
    draw_panels,
    draw_scale,
    fitted,
    font_of,
    label_height,
    strip,
)
from vision.visualization.flow import flow_colors, flow_wheel, longest

MAX_PANEL = 1000
# From blue (far) to red (near), with more steps that the eye tells apart than a single-hue map has.
_COLORMAP = cv2.COLORMAP_TURBO


def disparity_range(disparity: np.ndarray) -> tuple[float, float]:
    """Lowest and highest disparity worth a color: the 1st and the 99th percentile, at least one pixel apart."""
    known = disparity[np.isfinite(disparity)]
    if not known.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.quantile(known, [0.01, 0.99]))
    return low, max(high, low + 1)


def disparity_colors(disparity: np.ndarray, value_range: tuple[float, float] | None = None) -> np.ndarray:
    """Blue is far, red is near.

    Args:
        disparity: `[H, W]` in pixels; not finite where unknown, which is black.
        value_range: what the ends of the colors stand for; by default `disparity_range`.

    Returns:
        uint8 RGB `[H, W, 3]`.
    """
    low, high = disparity_range(disparity) if value_range is None else value_range
    known = np.isfinite(disparity)
    levels = np.clip((np.where(known, disparity, low) - low) / (high - low), 0, 1)
    colors = cv2.applyColorMap(np.rint(levels * 255).astype(np.uint8), _COLORMAP)
    colors[~known] = 0
    return cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)


def render_stereo(result: StereoResult, title: str = "") -> Image.Image:
    """Draw the left image and, beside it, its disparity (or flow) with a scale in pixels.

    Args:
        result: of a pair that was matched.
        title: shown on top, such as the file's name.

    Raises:
        ValueError: the result has no disparity and no flow.
    """
    if result.image is None or (result.disparity is None and result.flow is None):
        raise ValueError(f"there is nothing to draw: {result.error}")
    left = _panel(result.image)
    height, width = left.shape[:2]
    panel_width = max(MIN_PANEL, width)
    gap = max(12, panel_width // 40)
    unit = int(np.clip(panel_width / 40, 13, 22))
    right, scale, label = _drawing(result, height, width, panel_width, unit)
    top = gap + (2 * unit if title else 0)
    bottom = top + label_height(unit) + height
    canvas = Image.new("RGB", (2 * panel_width + 3 * gap, bottom + scale.height + 2 * gap), BACKGROUND)
    if title:
        font = font_of(unit)
        text = fitted(title, canvas.width - 2 * gap, font)
        ImageDraw.Draw(canvas).text((gap, gap), text, BRIGHT, font)
    draw_panels(canvas, [(left, "left image"), (right, label)], panel_width, gap, top, unit)
    canvas.paste(scale, (2 * gap + panel_width, bottom + gap))
    return canvas


def _drawing(
    result: StereoResult, height: int, width: int, panel_width: int, unit: int
) -> tuple[np.ndarray, Image.Image, str]:
    """The second panel, its scale, and the words above it."""
    hidden = "" if result.occlusion is None else f", {float(result.occlusion.mean()):.0%} occluded"
    if result.flow is not None:
        most = longest(result.flow)
        colors = cv2.resize(flow_colors(result.flow, most), (width, height), interpolation=cv2.INTER_NEAREST)
        return colors, _wheel_scale(most, panel_width, unit), f"flow{hidden}"
    assert result.disparity is not None
    limits = disparity_range(result.disparity)
    # Reduced before it is colored, so that colors are never mixed.
    small = cv2.resize(result.disparity, (width, height), interpolation=cv2.INTER_NEAREST)
    label = f"disparity, median {float(np.median(result.disparity)):.1f} px{hidden}"
    return disparity_colors(small, limits), _bar(limits, panel_width, unit), label


def _bar(limits: tuple[float, float], width: int, unit: int) -> Image.Image:
    image, _ = strip(width, round(2.6 * unit))
    texts = (f"{limits[0]:.1f} px, far", f"{sum(limits) / 2:.1f}", f"near, {limits[1]:.1f} px")
    draw_scale(image, lambda values: disparity_colors(values, limits), limits, texts, unit, round(1.3 * unit))
    return image


def _wheel_scale(most: float, width: int, unit: int) -> Image.Image:
    wheel = flow_wheel(4 * unit)
    image, draw = strip(width, len(wheel))
    image.paste(Image.fromarray(wheel), (0, 0))
    draw.text((5 * unit, 2 * unit), f"rim: {most:.1f} px", BRIGHT, font_of(unit), anchor="lm")
    return image


def _panel(image: np.ndarray) -> np.ndarray:
    """Small images enlarged, large ones reduced."""
    side = max(image.shape[:2])
    factor: float = max(1, MIN_PANEL // side)
    if side > MAX_PANEL:
        factor = MAX_PANEL / side
    height, width = (max(1, round(length * factor)) for length in image.shape[:2])
    kind = cv2.INTER_NEAREST if factor >= 1 else cv2.INTER_AREA
    return cv2.resize(image, (width, height), interpolation=kind)
