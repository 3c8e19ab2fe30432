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
    samples = {f"_{kind}{end}" for kind in ("watermarked", "signed") for end in (".png", "_heatmap.png")}
    samples |= {"_generated_heatmap.png"}
    run(photos, tmp_path / "out", default_model(FORGERY), None)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    kinds_of = {row[4]: row[0] for row in rows if len(row) > 4}
    assert kinds_of["sample_watermarked.png"] == "ai-generated" and kinds_of["sample_signed.png"] == "camera"
    assert "flux_schnell_cat.png" in kinds_of
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == all_names("", written, samples)
    run(photos, tmp_path / "out", default_model(FORGERY), None)
    assert before == {path: path.read_bytes() for path in before}
    assert {path.name for path in (tmp_path / "out").iterdir()} - names == all_names("-2", written, samples)
    assert "a-2_spliced_heatmap.png" in capsys.readouterr().out


def all_names(number: str, written: set[str], samples: set[str]) -> set[str]:
    """What one run adds to its folder."""
    copies = {f"{name}{number}{ending}" for name in "ab" for ending in written}
    return copies | {f"sample{number}{ending}" for ending in samples} | {f"report{number}"}
