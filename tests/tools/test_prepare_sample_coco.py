"""tools/prepare_sample_coco.py: the COCO files it writes, with drawn images in place of the packages' photographs."""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from vision.engine.config import load_config

ROOT = Path(__file__).resolve().parents[2]
TOOL = runpy.run_path(str(ROOT / "tools/prepare_sample_coco.py"))
# Width and height of the photographs.
SIZES = {
    "astronaut.png": (512, 512),
    "chelsea.png": (451, 300),
    "coffee.png": (600, 400),
    "rocket.jpg": (640, 427),
    "flower.jpg": (640, 427),
    "coins.png": (384, 303),
}
COINS = [(60, 60, 20), (160, 60, 30), (260, 60, 24), (60, 200, 26), (120, 200, 26)]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Blank images of the photographs' names and sizes, and coins: gray discs on a shaded background."""
    for name, (width, height) in SIZES.items():
        pixels = np.tile(np.linspace(20, 90, width, dtype=np.uint8), (height, 1))
        if name == "coins.png":
            for x, y, radius in COINS:
                cv2.circle(pixels, (x, y), radius, 170, cv2.FILLED)
        Image.fromarray(pixels).save(tmp_path / name)
    return [tmp_path / name for name in TOOL["IMAGES"]]


def test_writes_coco_instances(pictures: list[Path], tmp_path: Path) -> None:
    TOOL["write"](pictures, tmp_path / "samples")
    coco = COCO(tmp_path / "samples/annotations.json")
    sizes = {image["file_name"]: (image["width"], image["height"]) for image in coco.imgs.values()}
    assert sizes == SIZES
    assert sorted(path.name for path in (tmp_path / "samples/images").iterdir()) == sorted(SIZES)
    assert {image["license"] for image in coco.imgs.values()} <= {entry["id"] for entry in coco.dataset["licenses"]}
    counts = Counter(coco.cats[entry["category_id"]]["name"] for entry in coco.anns.values())
    assert counts == {**dict.fromkeys(TOOL["CLASSES"], 1), "rocket": 2, "flower": 2, "coin": len(COINS)}
    for entry in coco.anns.values():
        image = coco.imgs[entry["image_id"]]
        x, y, width, height = entry["bbox"]
        assert 0 <= x < x + width <= image["width"] and 0 <= y < y + height <= image["height"]
        mask = coco.annToMask(entry)
        assert mask.shape == (image["height"], image["width"])
        assert mask.sum() == pytest.approx(entry["area"], rel=0.1)


def test_finds_coins(pictures: list[Path]) -> None:
    gray = np.asarray(Image.open(pictures[-1]))
    found = TOOL["find_coins"](gray)
    circles = sorted((round(x), round(y), radius) for (x, y), radius in map(cv2.minEnclosingCircle, found))
    np.testing.assert_allclose(circles, sorted(COINS), atol=2.5)


def test_the_config_has_its_classes() -> None:
    cfg = load_config(ROOT / "configs/detection/mask-rcnn_dinat-mini_samples.py")
    for split in ("train", "val", "test"):
        assert cfg[f"{split}_dataloader"].dataset.metainfo.classes == TOOL["CLASSES"]


def test_mistakes_end_with_a_line_and_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for output, message in ((tmp_path, "exists: remove it"), (tmp_path / "new", "pip install scikit-image")):
        with pytest.raises(SystemExit) as stop:
            TOOL["main"]([str(output)])
        assert stop.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
