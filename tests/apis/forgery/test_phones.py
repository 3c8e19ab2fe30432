"""HEIC and AVIF pictures are judged as others are, with what they declare beside the verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.apis import ForgeryInferencer


@pytest.mark.parametrize(("suffix", "kind"), [("heic", "HEIF"), ("avif", "AVIF")])
def test_pictures_of_phones_are_judged(tmp_path: Path, suffix: str, kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 320, 3), np.uint8)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Apple", "iPhone 16"
    path = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        pillow_heif = pytest.importorskip("pillow_heif")
        file = pillow_heif.from_bytes(mode="RGB", size=(320, 256), data=pixels.tobytes())
        file.info["exif"] = exif.tobytes()
        file.save(path, quality=95)
    else:
        Image.fromarray(pixels).save(path, exif=exif, quality=95)
    (result,) = ForgeryInferencer(device="cpu")([str(path)])
    assert result.error is None and result.verdict in ("real", "ai-generated", "inconclusive")
    assert (result.format, result.width, result.height) == (kind, 320, 256)
    record = result.to_dict()
    assert (record["declared"], record["declared_by"]) == ("camera", "EXIF make and model")
