"""The second part of `make demo`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from vision.stereo_io import read_disparity


def test_a_rendered_scene_goes_in_and_images_come_out(
    run_tool: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = run_tool("stereo_demo.py", "--output", "out")
    assert "mean error" in done.stdout and "points.ply" in done.stdout
    left = Image.open(tmp_path / "out/left.png")
    disparity = read_disparity(tmp_path / "out/disparity.pfm")
    assert disparity.shape == left.size[::-1] and np.isfinite(disparity).all()
    assert (tmp_path / "out/points.ply").read_bytes().startswith(b"ply\nformat binary_little_endian 1.0\n")
    for name in ("stereo.png", "points.png"):
        assert np.asarray(Image.open(tmp_path / "out" / name)).std() > 10
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    # Again, on the views of the first run: what is there stays.
    run_tool("stereo_demo.py", "out/left.png", "out/right.png", "--output", "out")
    assert before == {path: path.read_bytes() for path in before}
    added = {path.name for path in (tmp_path / "out").iterdir()} - {path.name for path in before}
    assert added == {"disparity-2.pfm", "stereo-2.png", "points-2.ply", "points-2.png"}


def test_one_image_is_not_a_pair(run_tool: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_tool("stereo_demo.py", "left.png", check=False)
    assert done.returncode == 2 and "expected no images or two, LEFT and RIGHT, got 1" in done.stderr
