"""Pictures to be watermarked, and to be left alone."""

from __future__ import annotations

import numpy as np
import pytest

from vision.datasets.scene.texture import make_texture


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    """uint8 `[512, 512, 3]`: leaves, blotches, wood and cells in color, with the noise that a sensor adds."""
    rng = np.random.default_rng(3)
    images = [make_texture(rng, kind, 512).astype(float) for kind in ("leaves", "blotches", "wood", "cells")]
    return [np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8) for image in images]
