"""Drawn heat maps: readable at any size, and complete or absent on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vision.apis import ForgeryResult
from vision.apis.forgery.heatmap import plan_heatmap
from vision.visualization.forgery import render_heatmap, save_heatmap


def result_of(size: tuple[int, int], probability: float = 0.5) -> ForgeryResult:
    plan, tiles = plan_heatmap(np.full((*size, 3), 128, np.uint8), 256)
    heat = plan.heat_map(np.full(len(tiles), probability))
    return ForgeryResult("a.png", "inconclusive", probability, 0.0, 4, heatmap=heat)


@pytest.mark.parametrize("size", [(8, 8), (8, 3000), (3000, 8), (256, 256), (427, 640), (3000, 4000)])
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    picture = render_heatmap(result_of(size), "a title " * 50 + "日本語")
    assert picture.mode == "RGB"
    assert 700 < picture.width <= 2100 and 150 < picture.height <= 1500


def test_colors_diverge_from_no_evidence() -> None:
    maps = [np.asarray(render_heatmap(result_of((400, 400), p))).astype(int) for p in (0.0, 0.2, 0.5, 0.8, 1.0)]
    middle, right = maps[0].shape[0] // 2, maps[0].shape[1] * 3 // 4
    red_over_blue = [int(drawn[middle, right, 0] - drawn[middle, right, 2]) for drawn in maps]
    assert red_over_blue[0] < red_over_blue[1] < -40 and 40 < red_over_blue[3] < red_over_blue[4]
    assert red_over_blue[2] == 0 and np.ptp(maps[2][middle, right]) == 0  # gray: nothing speaks for either
    brightness = [int(drawn[middle, right].sum()) for drawn in maps]
    assert max(brightness) == brightness[2] and abs(brightness[0] - brightness[4]) < 80
    left = maps[0].shape[1] // 4  # the image itself stays as it is
    assert maps[0][middle, left].tolist() == maps[4][middle, left].tolist() == [128, 128, 128]


def test_without_a_heat_map() -> None:
    with pytest.raises(ValueError, match="heatmap=True"):
        render_heatmap(ForgeryResult("a.png"))


def test_saving_leaves_one_complete_file(tmp_path: Path) -> None:
    save_heatmap(result_of((64, 64)), tmp_path / "map.png")
    assert [path.name for path in tmp_path.iterdir()] == ["map.png"]
    Image.open(tmp_path / "map.png").load()


def test_a_failed_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vision.files.os.replace", fill_disk)
    with pytest.raises(OSError, match="No space"):
        save_heatmap(result_of((64, 64)), tmp_path / "map.png")
    assert list(tmp_path.iterdir()) == []
