"""The first part of `make demo`."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.models.table import FORGERY, default_model

ROOT = Path(__file__).resolve().parents[2]


def test_it_works_twice_and_replaces_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = runpy.run_path(str(ROOT / "tools/forgery_demo.py"))["run"]
    photos = [tmp_path / "a.png", tmp_path / "b.png"]
    for seed, path in enumerate(photos):
        pixels = np.random.default_rng(seed).integers(0, 256, (96, 128, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    kinds = ("", "_region-filled", "_resampled", "_spliced")
    written = {f"{kind}_heatmap.png" for kind in kinds} | {f"{kind}.png" for kind in kinds[1:]}
    run(photos, tmp_path / "out", default_model(FORGERY), None)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert {path.name for path in before} == {f"{name}{ending}" for name in "ab" for ending in written}
    run(photos, tmp_path / "out", default_model(FORGERY), None)
    assert before == {path: path.read_bytes() for path in before}
    added = {path.name for path in (tmp_path / "out").iterdir()} - {path.name for path in before}
    assert added == {f"{name}-2{ending}" for name in "ab" for ending in written}
    assert "a-2_spliced_heatmap.png" in capsys.readouterr().out
