"""Images that never were a JPEG."""

from __future__ import annotations

import numpy as np
import pytest

from vision.datasets.scene.texture import make_texture


@pytest.fixture(scope="session")
def pictures() -> dict[str, np.ndarray]:
    """uint8 `[256, 256, 3]`: textures with the noise that a sensor adds."""
    rng = np.random.default_rng(3)
    images = {
        kind: make_texture(rng, kind, 256).astype(float) for kind in ("leaves", "blades", "cells", "bricks", "clouds")
    }
    return {
        kind: np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8) for kind, image in images.items()
    }
