"""Values of PNM files (PGM, PPM) as they are stored: Pillow scales them, and cuts colors to 8 bits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile

_CHANNELS = {"L": 1, "I": 1, "RGB": 3}


@dataclass
class PnmHeader:
    """What a PNM file says of itself.

    Attributes:
        width, height, channels: of the image.
        most: its highest value, which is white.
        place: where the values begin.
        is_text: whether they are written in letters.
    """

    width: int
    height: int
    channels: int
    most: int
    place: int
    is_text: bool


def read_pnm_header(image: Image.Image) -> PnmHeader | None:
    """The header of a PNM file of whole numbers that Pillow has opened, and not yet decoded; None for other files."""
    if not isinstance(image, ImageFile.ImageFile) or image.format != "PPM" or image.mode not in _CHANNELS:
        return None
    tile = image.tile[0]
    most = tile.args[1] if isinstance(tile.args, tuple) else 65535 if tile.args == "I;16B" else 255
    is_text = tile.codec_name == "ppm_plain"
    return PnmHeader(*image.size, _CHANNELS[image.mode], int(most), tile.offset, is_text)


def pnm_values(file: BinaryIO, header: PnmHeader) -> np.ndarray:
    """The values, uint8 or uint16 `[H, W, C]`.

    Raises:
        ValueError: fewer than the image has, or none that are numbers.
    """
    file.seek(header.place)
    count = header.width * header.height * header.channels
    if header.is_text:
        words = re.sub(rb"#[^\r\n]*", b"", file.read()).split()
        values = np.array(words[:count], dtype="S5").astype(np.uint16)
    else:
        kind = np.dtype(">u2" if header.most > 255 else "u1")
        values = np.frombuffer(file.read(count * kind.itemsize), kind).astype(kind.newbyteorder("="))
    if values.size < count:
        raise ValueError(f"truncated: {values.size:,} of {count:,} values are there")
    return values.reshape(header.height, header.width, header.channels)
