"""Small generated images for the benchmarks of `vision batch`: quick to make, each another one, some damaged."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 96
DAMAGED_EACH = 500


def make_images(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Write images that are not there yet, 1,000 to a folder; each 500th is cut off in the middle.

    Returns:
        All of them, in their order.
    """
    random = np.random.default_rng(seed)
    base = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    paths = [folder / f"{number // 1000:04d}" / f"{number:07d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        data = io.BytesIO()
        Image.fromarray(np.roll(base, number, (0, 1)) + np.uint8(number % 7)).save(data, "JPEG", quality=90)
        content = data.getvalue()
        path.write_bytes(content[: len(content) // 2] if number % DAMAGED_EACH == DAMAGED_EACH - 1 else content)
    return paths
