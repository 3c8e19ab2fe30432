"""Draws a heat map beside its image, with the verdict and what the colors mean."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vision.structures.forgery import GENERATED, REAL, ForgeryResult, HeatMap

MIN_PANEL = 360
_BACKGROUND = (22, 24, 29)
_BRIGHT = (238, 240, 244)
_MUTED = (160, 166, 178)
_VERDICT_COLORS = {REAL: (104, 190, 134), GENERATED: (244, 122, 96)}
_UNDECIDED_COLOR = (232, 190, 92)
# Perceptually uniform, and its dark end leaves a gray image readable.
_COLORMAP = cv2.COLORMAP_INFERNO
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
    label_height = round(1.9 * unit)
    canvas = Image.new(
        "RGB", (width, header.height + footer.height + left.shape[0] + label_height + 4 * gap), _BACKGROUND
    )
    canvas.paste(header, (gap, gap))
    top = header.height + 2 * gap
    draw = ImageDraw.Draw(canvas)
    for column, (panel, label) in enumerate(((left, "image"), (right, "how generated each part looks"))):
        edge = gap + column * (panel_width + gap)
        draw.text((edge, top), label, _MUTED, _font(unit))
        offset = (panel_width - panel.shape[1]) // 2
        canvas.paste(Image.fromarray(panel), (edge + offset, top + label_height))
    canvas.paste(footer, (gap, top + label_height + left.shape[0] + gap))
    return canvas


def save_heatmap(result: ForgeryResult, path: str | os.PathLike[str], title: str = "") -> None:
    """Draw and write a PNG; the file appears complete or not at all.

    Raises:
        ValueError: the result has no heat map.
        OSError: the file cannot be written.
    """
    picture = render_heatmap(result, title)
    target = Path(path)
    temporary = target.with_name(f".{os.getpid()}.heatmap.tmp")
    try:
        picture.save(temporary, format="PNG")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _panels(heat: HeatMap) -> tuple[np.ndarray, np.ndarray]:
    """The image and its overlay, uint8 `[h, w, 3]`; small images are enlarged."""
    picture = heat.preview
    factor = max(1, MIN_PANEL // max(picture.shape[:2]))
    if factor > 1:
        picture = np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)
    # Less contrast, so that the colors mean the same over sky and over shade.
    gray = 64 + cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) // 2
    gray = cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)
    colors = _colors(heat.dense(*picture.shape[:2]))
    return picture, cv2.addWeighted(gray, 1 - _OPACITY, colors, _OPACITY, 0)


def _colors(probability: np.ndarray) -> np.ndarray:
    levels = np.rint(probability * 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(levels, _COLORMAP), cv2.COLOR_BGR2RGB)


def _header(result: ForgeryResult, title: str, width: int, unit: int) -> Image.Image:
    """Verdict and numbers; the title goes beside them, or below where it is narrow."""
    big, small = _font(round(1.5 * unit)), _font(unit)
    verdict = result.verdict or "not judged"
    numbers = f"probability {result.probability:.3f}   {result.crops} crops" if result.probability is not None else ""
    if result.stable is not None:
        numbers += "   stable" if result.stable else "   changes when recompressed"
    lines = Image.new("RGB", (width, round((4.0 if title else 2.3) * unit)), _BACKGROUND)
    draw = ImageDraw.Draw(lines)
    draw.text((0, 0), verdict, _VERDICT_COLORS.get(verdict, _UNDECIDED_COLOR), big)
    after = draw.textlength(verdict, big) + unit
    draw.text((after, round(0.42 * unit)), numbers, _BRIGHT, small)
    if title:
        draw.text((0, round(2.4 * unit)), _fitted(title, width, small), _MUTED, small)
    return lines


def _footer(heat: HeatMap, width: int, unit: int) -> Image.Image:
    """Legend bar, and what the map is not."""
    font = _font(unit)
    words = (
        f"Evidence, not localization: each spot sums up tiles of {heat.tile_size} x {heat.tile_size} pixels around it. "
        "It shows what moved the score, not the outline of an edit."
    )
    lines = _wrapped(words, width, font)
    bar_height, line_height = unit, round(1.4 * unit)
    image = Image.new("RGB", (width, bar_height + round(2.2 * unit) + line_height * len(lines)), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    ramp = np.tile(np.linspace(0, 1, width, dtype=np.float32), (bar_height, 1))
    # The bar has the colors as they look over mid-gray.
    bar = cv2.addWeighted(np.full((bar_height, width, 3), 128, np.uint8), 1 - _OPACITY, _colors(ramp), _OPACITY, 0)
    image.paste(Image.fromarray(bar), (0, 0))
    ticks = bar_height + round(0.3 * unit)
    for place, text, anchor in ((0, "0  real", "la"), (width / 2, "0.5", "ma"), (width - 1, "ai-generated  1", "ra")):
        draw.text((place, ticks), text, _BRIGHT, font, anchor=anchor)
    for number, line in enumerate(lines):
        draw.text((0, bar_height + round(2.0 * unit) + number * line_height), line, _MUTED, font)
    return image


def _wrapped(words: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> list[str]:
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _fitted(title: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """Shorten in the middle; the built-in font has Latin letters only."""
    title = title.encode("latin-1", "replace").decode("latin-1")[:400]
    keep = len(title)
    text = title
    while keep > 4 and font.getlength(text) > width:
        keep -= 1
        text = f"{title[: keep // 2]}...{title[len(title) - (keep - keep // 2) :]}"
    return text


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
