"""Draws a heat map beside its image, with the verdict and what the colors mean."""

from __future__ import annotations

import os

import cv2
import numpy as np
from PIL import Image

from vision.structures.forgery import GENERATED, HEATMAP_SOFTWARE, REAL, ForgeryResult, HeatMap
from vision.visualization.canvas import (
    BACKGROUND,
    BRIGHT,
    MIN_PANEL,
    MUTED,
    draw_panels,
    draw_scale,
    fitted,
    font_of,
    label_height,
    save_image,
    strip,
    wrapped,
)

_VERDICT_COLORS = {REAL: (104, 190, 134), GENERATED: (244, 122, 96)}
_UNDECIDED_COLOR = (232, 190, 92)
# Diverging: blue for real, red for generated, and between them, where nothing speaks for either, gray. By Moreland's
# method ("Diverging color maps for scientific visualization", 2009): both sides grow alike, also for the color-blind.
_COLORS = (
    (0.0, (59, 76, 192)),
    (0.25, (141, 176, 254)),
    (0.5, (221, 221, 221)),
    (0.75, (244, 152, 122)),
    (1.0, (180, 4, 38)),
)
_OPACITY = 0.6


def render_heatmap(result: ForgeryResult, title: str = "") -> Image.Image:
    """Draw the image and, beside it, its tile probabilities laid over it.

    Args:
        result: with a heat map.
        title: shown on top, such as the file's name.

    Raises:
        ValueError: the result has no heat map.
    """
    if result.heatmap is None:
        raise ValueError("the result has no heat map; make the inferencer with heatmap=True")
    left, right = _panels(result.heatmap)
    panel_width = max(MIN_PANEL, left.shape[1])
    gap = max(12, panel_width // 40)
    unit = int(np.clip(panel_width / 36, 13, 24))
    width = 2 * panel_width + 3 * gap
    header = _header(result, title, width - 2 * gap, unit)
    footer = _footer(result.heatmap, width - 2 * gap, unit)
    top = header.height + 2 * gap
    bottom = top + label_height(unit) + left.shape[0]
    canvas = Image.new("RGB", (width, bottom + footer.height + 2 * gap), BACKGROUND)
    canvas.paste(header, (gap, gap))
    panels = [(left, "image"), (right, "how generated each part looks")]
    draw_panels(canvas, panels, panel_width, gap, top, unit)
    canvas.paste(footer, (gap, bottom + gap))
    return canvas


def save_heatmap(result: ForgeryResult, path: str | os.PathLike[str], title: str = "") -> None:
    """Draw and write a PNG; the file appears complete or not at all.

    Raises:
        ValueError: the result has no heat map.
        OSError: the file cannot be written.
    """
    save_image(render_heatmap(result, title), path, HEATMAP_SOFTWARE)


def overlay_of(image: np.ndarray, heat: HeatMap) -> np.ndarray:
    """Lay a heat map over its image, uint8 RGB `[h, w, 3]` of any size -> the same shape."""
    height, width = image.shape[:2]
    # Made at a quarter of the size: it is smooth, and to smooth it takes longer than all else.
    surface = cv2.resize(heat.dense(-(-height // 4), -(-width // 4)), (width, height), interpolation=cv2.INTER_LINEAR)
    # Less contrast, so that the colors mean the same over sky and over shade.
    gray = 64 + cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) // 2
    gray = cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)
    colors = _colors(surface)
    return cv2.addWeighted(gray, 1 - _OPACITY, colors, _OPACITY, 0)


def _panels(heat: HeatMap) -> tuple[np.ndarray, np.ndarray]:
    """The image and its overlay, uint8 `[h, w, 3]`; small images are enlarged."""
    image = heat.preview
    factor = max(1, MIN_PANEL // max(image.shape[:2]))
    if factor > 1:
        image = np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)
    return image, overlay_of(image, heat)


def _colors(probability: np.ndarray) -> np.ndarray:
    places = [place for place, _ in _COLORS]
    channels = zip(*(color for _, color in _COLORS), strict=True)
    return np.stack([np.rint(np.interp(probability, places, values)) for values in channels], axis=-1).astype(np.uint8)


def _colors_over_gray(probability: np.ndarray) -> np.ndarray:
    """The colors as they look over mid-gray."""
    colors = _colors(probability)
    return cv2.addWeighted(np.full_like(colors, 128), 1 - _OPACITY, colors, _OPACITY, 0)


def _header(result: ForgeryResult, title: str, width: int, unit: int) -> Image.Image:
    """Verdict and numbers; the title goes beside them, or below where it is narrow."""
    big, small = font_of(round(1.5 * unit)), font_of(unit)
    verdict = result.verdict or "not judged"
    numbers = f"probability {result.probability:.3f}   {result.crops} crops" if result.probability is not None else ""
    if result.stable is not None:
        numbers += "   stable" if result.stable else "   changes when recompressed"
    lines, draw = strip(width, round((4.0 if title else 2.3) * unit))
    draw.text((0, 0), verdict, _VERDICT_COLORS.get(verdict, _UNDECIDED_COLOR), big)
    after = draw.textlength(verdict, big) + unit
    draw.text((after, round(0.42 * unit)), numbers, BRIGHT, small)
    if title:
        draw.text((0, round(2.4 * unit)), fitted(title, width, small, keeps_end=True), MUTED, small)
    return lines


def _footer(heat: HeatMap, width: int, unit: int) -> Image.Image:
    """Legend bar, and what the map is not."""
    font = font_of(unit)
    words = (
        f"Evidence, not localization: each spot sums up tiles of {heat.tile_size} x {heat.tile_size} pixels around it. "
        "It shows what moved the score, not the outline of an edit."
    )
    lines = wrapped(words, width, font)
    line_height = round(1.4 * unit)
    image, draw = strip(width, unit + round(2.2 * unit) + line_height * len(lines))
    texts = ("0  real", "0.5  no evidence", "ai-generated  1")
    draw_scale(image, _colors_over_gray, (0, 1), texts, unit, unit + round(0.3 * unit))
    for number, line in enumerate(lines):
        draw.text((0, unit + round(2.0 * unit) + number * line_height), line, MUTED, font)
    return image
