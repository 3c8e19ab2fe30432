"""Disparity in colors, alone and beside its image with a scale in pixels."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vision.structures.stereo import StereoResult
from vision.visualization.flow import flow_colors, flow_wheel, longest

MIN_PANEL, MAX_PANEL = 360, 1000
_BACKGROUND = (22, 24, 29)
_BRIGHT = (238, 240, 244)
_MUTED = (160, 166, 178)
# From blue (far) to red (near), with more steps that the eye tells apart than a single-hue map has.
_COLORMAP = cv2.COLORMAP_TURBO


def disparity_range(disparity: np.ndarray) -> tuple[float, float]:
    """Lowest and highest disparity worth a color: the 1st and the 99th percentile, at least a pixel apart."""
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
    top, line = gap + (2 * unit if title else 0), round(1.9 * unit)
    canvas = Image.new("RGB", (2 * panel_width + 3 * gap, top + line + height + gap + scale.height + gap), _BACKGROUND)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(unit)
    if title:
        draw.text((gap, gap), _fitted(title, canvas.width - 2 * gap, font), _BRIGHT, font)
    for column, (panel, words) in enumerate(((left, "left image"), (right, label))):
        edge = gap + column * (panel_width + gap)
        draw.text((edge, top), _fitted(words, panel_width, font), _MUTED, font)
        canvas.paste(Image.fromarray(panel), (edge + (panel_width - width) // 2, top + line))
    canvas.paste(scale, (2 * gap + panel_width, top + line + height + gap))
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
    ramp = np.tile(np.linspace(*limits, width, dtype=np.float32), (unit, 1))
    image = Image.new("RGB", (width, round(2.6 * unit)), _BACKGROUND)
    image.paste(Image.fromarray(disparity_colors(ramp, limits)), (0, 0))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(unit)
    texts = [f"{limits[0]:.1f} px, far", f"{sum(limits) / 2:.1f}", f"near, {limits[1]:.1f} px"]
    for place, text, anchor in zip((0, width / 2, width - 1), texts, ("la", "ma", "ra"), strict=True):
        draw.text((place, round(1.3 * unit)), text, _BRIGHT, font, anchor=anchor)
    return image


def _wheel_scale(most: float, width: int, unit: int) -> Image.Image:
    wheel = flow_wheel(4 * unit)
    image = Image.new("RGB", (width, len(wheel)), _BACKGROUND)
    image.paste(Image.fromarray(wheel), (0, 0))
    font = ImageFont.load_default(unit)
    ImageDraw.Draw(image).text((5 * unit, 2 * unit), f"rim: {most:.1f} px", _BRIGHT, font, anchor="lm")
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


def _fitted(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """Cut to what fits; the built-in font has Latin letters only."""
    text = text.encode("latin-1", "replace").decode("latin-1")[:400]
    while len(text) > 4 and font.getlength(text) > width:
        text = f"{text[:-4]}..."
    return text
