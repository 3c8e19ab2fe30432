"""What the tests of mmdet's heads need around them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vision.engine.openmmlab import registries_of


@pytest.fixture(autouse=True)
def mmdet_names() -> Iterator[None]:
    """Names in configs are mmdet's, whatever scope another test has left behind."""
    with registries_of("mmdet"):
        yield
