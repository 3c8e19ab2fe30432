"""Texts in the lowest bits of pixels, column by column."""

from __future__ import annotations

import gzip
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

TEXT = "a tower at dusk, Größe 512, Steps: 20"


def hidden(signature: bytes, shape: tuple[int, int], mode: str, text: bytes, length: int | None = None) -> Image.Image:
    """An image of noise whose bits are set one by one, as a reference to the reader's arithmetic."""
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, len(mode)), np.uint8)
    channels = range(3) if b"rgb" in signature else [len(mode) - 1]
    data = signature + (8 * len(text) if length is None else length).to_bytes(4, "big") + text
    places = ((y, x, channel) for x in range(shape[1]) for y in range(shape[0]) for channel in channels)
    for byte in data:
        for shift in range(7, -1, -1):
            place = next(places)
            pixels[place] = pixels[place] & 254 | byte >> shift & 1
    return Image.fromarray(pixels, mode)


def stored(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(200, 40), (40, 200), (130, 130)])
@pytest.mark.parametrize(
    ("signature", "mode"),
    [
        (b"stealth_pnginfo", "RGBA"),
        (b"stealth_pngcomp", "RGBA"),
        (b"stealth_pnginfo", "LA"),
        (b"stealth_rgbinfo", "RGB"),
        (b"stealth_rgbcomp", "RGB"),
        (b"stealth_rgbinfo", "RGBA"),
    ],
)
def test_text_is_read(make: Any, shape: tuple[int, int], signature: bytes, mode: str) -> None:
    text = gzip.compress(TEXT.encode()) if b"comp" in signature else TEXT.encode()
    image = hidden(signature, shape, mode, text)
    assert make.read(stored(image)) == {"stealth_text": TEXT}
    if mode in ("RGBA", "RGB"):
        assert make.read(stored(image, "WEBP", lossless=True, exact=True)) == {"stealth_text": TEXT}


def test_alpha_beside_lossy_colors(make: Any) -> None:
    image = hidden(b"stealth_pnginfo", (130, 50), "RGBA", TEXT.encode())
    assert make.read(stored(image, "WEBP", quality=50)) == {"stealth_text": TEXT}


def test_others_have_none(make: Any) -> None:
    for mode in ("L", "LA", "RGB", "RGBA", "P", "1", "I;16"):
        assert make.read(stored(Image.new(mode, (130, 130)))) == {}
    assert make.read(stored(hidden(b"stealth_nothing", (130, 50), "RGBA", b"text"))) == {}


def test_lengths_that_claim_too_much(make: Any) -> None:
    image = hidden(b"stealth_pnginfo", (40, 40), "RGBA", b"text", 2**32 - 8)
    found = make.read(stored(image))
    assert found["stealth_text"].startswith("text") and "cut off" in found["provenance_notes"]
    bomb = gzip.compress(bytes(1 << 25))
    found = make.read(stored(hidden(b"stealth_pngcomp", (600, 600), "RGBA", bomb)))
    assert found == {"provenance_notes": "compressed text beyond 16,777,216 bytes was not read"}
