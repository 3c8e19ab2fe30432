"""What all drawings share: colors, text that fits, panels beside each other, a scale, a file to save to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from vision.files import replacing

BACKGROUND = (22, 24, 29)
BRIGHT = (238, 240, 244)
MUTED = (160, 166, 178)
# The side below which a panel is enlarged, so that the words around it fit.
MIN_PANEL = 360

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def font_of(size: int) -> Font:
    """The built-in font, which is there on every machine and has Latin letters only."""
    return ImageFont.load_default(size)


def fitted(text: str, width: int, font: Font, keeps_end: bool = False) -> str:
    """Text cut to what fits, with `...` for what is cut: at its end, or in its middle if its end says something."""
    text = text.encode("latin-1", "replace").decode("latin-1")[:400]
    shown, keep = text, len(text)
    while len(shown) > 4 and font.getlength(shown) > width:
        if keeps_end:
            keep -= 1
            shown = f"{text[: keep // 2]}...{text[len(text) - (keep - keep // 2) :]}"
        else:
            shown = f"{shown[:-4]}..."
    return shown


def wrapped(words: str, width: int, font: Font) -> list[str]:
    """Lines of at most this width, broken between words."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def strip(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty part of a drawing, and what draws on it."""
    image = Image.new("RGB", (width, height), BACKGROUND)
    return image, ImageDraw.Draw(image)


def draw_panels(
    canvas: Image.Image, panels: Sequence[tuple[np.ndarray, str]], panel_width: int, gap: int, top: int, unit: int
) -> None:
    """Put uint8 panels `[h, w, 3]` beside each other, each in the middle of its column with its label above it."""
    draw, font = ImageDraw.Draw(canvas), font_of(unit)
    for column, (panel, label) in enumerate(panels):
        edge = gap + column * (panel_width + gap)
        draw.text((edge, top), fitted(label, panel_width, font), MUTED, font)
        offset = (panel_width - panel.shape[1]) // 2
        canvas.paste(Image.fromarray(panel), (edge + offset, top + label_height(unit)))


def label_height(unit: int) -> int:
    """Height of a panel's label, for letters of this size."""
    return round(1.9 * unit)


def draw_scale(
    image: Image.Image,
    colors: Callable[[np.ndarray], np.ndarray],
    limits: tuple[float, float],
    texts: tuple[str, str, str],
    unit: int,
    text_top: int,
) -> None:
    """Draw a bar of all colors along the top of an image, `unit` high, with a text below its ends and its middle.

    Args:
        image: to draw on.
        colors: values `[h, w]` -> uint8 RGB `[h, w, 3]`.
        limits: values at the ends.
        texts: of the left end, the middle and the right end.
        unit: size of the letters.
        text_top: where the texts begin.
    """
    width = image.width
    ramp = np.tile(np.linspace(*limits, width, dtype=np.float32), (unit, 1))
    image.paste(Image.fromarray(colors(ramp)), (0, 0))
    draw, font = ImageDraw.Draw(image), font_of(unit)
    for place, text, anchor in zip((0, width / 2, width - 1), texts, ("la", "ma", "ra"), strict=True):
        draw.text((place, text_top), text, BRIGHT, font, anchor=anchor)


def save_image(image: Image.Image, path: str | os.PathLike[str], software: str = "") -> None:
    """Write a PNG; the file appears complete or not at all.

    Args:
        image: to write.
        path: of the file.
        software: what drew it, which the file says then.

    Raises:
        OSError: the file cannot be written.
    """
    info = PngInfo()
    if software:
        info.add_text("Software", software)
    with replacing(path) as file:
        image.save(file, format="PNG", pnginfo=info)
