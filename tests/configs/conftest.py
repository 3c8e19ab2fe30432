"""Data sets of a few drawn images in the layouts of COCO and ADE20K."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vision.engine import compat

COUNT, HEIGHT, WIDTH = 4, 96, 128
# Two rectangles an image: x, y, width, height.
RECTANGLES = [(8, 16, 48, 64), (72, 8, 40, 56)]
PERSON, BICYCLE, SKY = "person", "bicycle", "sky-other-merged"


@pytest.fixture
def coco_tree(tmp_path: Path) -> Path:
    """COCO's `train2017` with instances and a panoptic segmentation: two things before the sky."""
    compat.apply()
    from mmdet.datasets import CocoPanopticDataset

    classes = CocoPanopticDataset.METAINFO["classes"]
    things = CocoPanopticDataset.METAINFO["thing_classes"]
    categories = [{"id": i + 1, "name": name, "isthing": int(name in things)} for i, name in enumerate(classes)]
    ids = {category["name"]: category["id"] for category in categories}
    root = tmp_path / "coco"
    images = _draw_images(root / "train2017")
    panoptic = root / "annotations/panoptic_train2017"
    panoptic.mkdir(parents=True)
    segments = [_segment(i + 1, ids[name], RECTANGLES[i]) for i, name in enumerate((PERSON, BICYCLE))]
    segments.append(_segment(3, ids[SKY], (0, 0, WIDTH, HEIGHT)))
    instances, segmentations = [], []
    for image in images:
        Image.fromarray(_numbered(sky=3)).save(panoptic / f"{image['id']}.png")
        segmentations.append(
            {"image_id": image["id"], "file_name": f"{image['id']}.png", "segments_info": segments},
        )
        instances += [
            {**segment, "id": len(instances) + i, "image_id": image["id"], "segmentation": [_polygon(RECTANGLES[i])]}
            for i, segment in enumerate(segments[:2])
        ]
    for name, entries in {"instances": instances, "panoptic": segmentations}.items():
        content = {"images": images, "annotations": entries, "categories": categories}
        (root / f"annotations/{name}_train2017.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def ade20k_tree(tmp_path: Path) -> Path:
    """ADE20K's training images with the labels 0 (none) to 2."""
    root = tmp_path / "ade20k"
    labels = root / "annotations/training"
    labels.mkdir(parents=True)
    for image in _draw_images(root / "images/training"):
        Image.fromarray(_numbered(sky=0)[..., 0]).save(labels / f"{image['id']}.png")
    return root


@pytest.fixture
def panopticapi(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one function of panopticapi that training reads labels with, where the package is missing."""
    try:
        import panopticapi.utils  # noqa: F401
    except ImportError:
        package, utils = ModuleType("panopticapi"), ModuleType("panopticapi.utils")
        package.utils = utils  # type: ignore[attr-defined]
        utils.rgb2id = lambda color: color.astype(np.int64) @ [1, 256, 65536]  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "panopticapi", package)
        monkeypatch.setitem(sys.modules, "panopticapi.utils", utils)


def _draw_images(folder: Path) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for i in range(COUNT):
        noise = rng.integers(0, 60, (HEIGHT, WIDTH, 3))
        Image.fromarray((noise + _numbered(sky=3)[..., :1] * 60).astype(np.uint8)).save(folder / f"{i}.jpg")
    return [{"id": i, "file_name": f"{i}.jpg", "height": HEIGHT, "width": WIDTH} for i in range(COUNT)]


def _numbered(sky: int) -> np.ndarray:
    """The image `[HEIGHT, WIDTH, 3]` whose red channel counts the rectangles from 1."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 0] = sky
    for number, (x, y, width, height) in enumerate(RECTANGLES, 1):
        picture[y : y + height, x : x + width, 0] = number
    return picture


def _segment(number: int, category: int, box: tuple[int, int, int, int]) -> dict[str, Any]:
    return {"id": number, "category_id": category, "iscrowd": 0, "bbox": box, "area": box[2] * box[3]}


def _polygon(box: tuple[int, int, int, int]) -> list[int]:
    x, y, width, height = box
    return [x, y, x + width, y, x + width, y + height, x, y + height]
