"""What is judged, and what holds no evidence: drawings and lettering do not, soft and dark photographs do."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from vision.apis.forgery.crops import native_crops
from vision.apis.forgery.evidence import LEAST_SHARE, missing_evidence, textured_share


def scene() -> np.ndarray:
    """Soft forms at all scales, as photographs have, and a sensor's noise."""
    rng = np.random.default_rng(0)
    values = 128 + rng.normal(0, 2, (256, 256, 3))
    for side, strength in ((4, 30), (9, 20), (30, 12), (90, 6)):
        forms = rng.normal(0, strength, (side, side, 3))
        values += cv2.resize(forms, (256, 256), interpolation=cv2.INTER_CUBIC)
    return np.clip(values, 0, 255).astype(np.uint8)


def page(paper: str, ink: str, size: int) -> np.ndarray:
    image = Image.new("RGB", (512, 512), paper)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for line in range(512 // (size + 4)):
        pen.text((10, line * (size + 4)), f"{line}. the words of line number {line * line} of a page " * 3, ink, font)
    return np.asarray(image)


def drawing() -> np.ndarray:
    image = Image.new("RGB", (1024, 1024), (90, 150, 220))
    pen = ImageDraw.Draw(image)
    pen.ellipse((200, 200, 800, 800), fill=(250, 200, 40), outline="black", width=12)
    pen.rectangle((0, 800, 1024, 1024), fill=(60, 160, 60))
    return np.asarray(image.resize((512, 512)))


def recompressed(image: np.ndarray, quality: int | None) -> np.ndarray:
    if quality is None:
        return image
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def reason(image: np.ndarray) -> str | None:
    return missing_evidence(native_crops(image, 256, 16), *image.shape[:2])


@pytest.mark.parametrize("quality", [None, 90, 75])
@pytest.mark.parametrize(
    "image",
    [
        page("white", "black", 11),
        page("white", "black", 20),
        page("white", "gray", 14),
        page("#1e1e22", "#dcdcc8", 11),
        drawing(),
        np.full((300, 300, 3), (200, 30, 70), np.uint8),
    ],
    ids=["small print", "print", "gray print", "dark page", "drawing", "plain"],
)
def test_flat_and_drawn_images(image: np.ndarray, quality: int | None) -> None:
    told = reason(recompressed(image, quality))
    assert told is not None and "a verdict needs 25%" in told


@pytest.mark.parametrize("quality", [None, 90, 60])
@pytest.mark.parametrize(
    "image",
    [
        scene(),
        cv2.GaussianBlur(scene(), (0, 0), 8),  # out of focus
        (scene() * 0.15).astype(np.uint8),  # night
        np.clip(scene() / 8 + 200, 0, 255).astype(np.uint8),  # sky
        np.where(np.mgrid[0:256, 0:256][1][..., None] < 170, 255, scene()).astype(np.uint8),  # two thirds blown out
        np.repeat(scene()[..., :1], 3, axis=2),
    ],
    ids=["scene", "out of focus", "night", "sky", "blown out", "gray"],
)
def test_photographs_of_all_kinds(image: np.ndarray, quality: int | None) -> None:
    assert reason(recompressed(image, quality)) is None


@pytest.mark.parametrize(("side", "is_told"), [(63, True), (64, False)])
def test_small_images(side: int, is_told: bool) -> None:
    told = reason(scene()[:side])
    assert (told is not None) == is_told
    assert told is None or f"256 x {side} pixels are too few" in told


def test_share_by_hand() -> None:
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8)  # no two alike
    ink = np.where(ramp % 3 == 0, 0, 255).astype(np.uint8)
    flat = np.full((8, 8), 9, np.uint8)
    image = np.hstack([ramp, ink, flat, flat])[..., None].repeat(3, axis=2)
    assert textured_share(image) == 0.25 == LEAST_SHARE
    soft = np.where(ramp % 3 == 0, ramp // 3, 190 + ramp // 2)[..., None].repeat(3, axis=2).astype(np.uint8)
    assert textured_share(soft) == 0
    assert textured_share(soft // 4) == 1  # little contrast is no ink
