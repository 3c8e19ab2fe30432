"""Classified images from folders through timm's reader."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate
from PIL import Image
from torch.utils.data import DataLoader

from vision.datasets.classification import TimmImageDataset

# Natural order, which puts numbers by value, not the alphabet's.
CLASSES = ("c1", "c2", "c10")
PLAIN = {"input_size": 16, "crop_pct": 1.0, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`train/<class>/{0,1}.png` in plain colors: red says which class, green which image."""
    for number, name in enumerate(CLASSES):
        folder = tmp_path / "pictures/train" / name
        folder.mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (24, 20), (100 * number, 100 * i, 0)).save(folder / f"{i}.png")
    return tmp_path / "pictures"


def colors(dataset: TimmImageDataset) -> list[tuple[int, int, int]]:
    """Of every item: red and green by number, and the label."""
    found = []
    for i in range(len(dataset)):
        item = dataset[i]
        red, green, _ = (item["inputs"].mean((1, 2)) * 255 / 100).round().int().tolist()
        found.append((red, green, item["label"]))
    return found


def test_folders_are_classes_in_natural_order(root: Path) -> None:
    dataset = TimmImageDataset(root, transform=PLAIN)
    assert len(dataset) == 6
    assert dataset.metainfo == {"classes": CLASSES}
    assert colors(dataset) == [(number, i, number) for number in range(3) for i in range(2)]
    item = dataset[3]
    assert item.keys() == {"inputs", "label"}
    assert item["inputs"].shape == (3, 16, 16) and item["inputs"].dtype == torch.float32


def test_a_split_of_no_name_is_the_folder_itself(root: Path) -> None:
    assert colors(TimmImageDataset(str(root / "train"), split="", transform=PLAIN))[-1] == (2, 1, 2)


def test_given_classes_have_their_order_and_leave_out_others(root: Path) -> None:
    dataset = TimmImageDataset(root, transform=PLAIN, classes=["c10", "missing", "c1"])
    assert dataset.metainfo == {"classes": ("c10", "missing", "c1")}
    assert colors(dataset) == [(0, 0, 2), (0, 1, 2), (2, 0, 0), (2, 1, 0)]


def test_images_are_normalized_as_the_transform_says(root: Path) -> None:
    dataset = TimmImageDataset(root, transform={**PLAIN, "mean": [0.5, 0.0, 0.0], "std": [0.5, 1.0, 1.0]})
    torch.testing.assert_close(dataset[0]["inputs"][0], torch.full((16, 16), -1.0))


def test_lists_of_a_config_become_tuples(root: Path) -> None:
    given = {"input_size": [3, 16, 24], "is_training": True, "scale": [0.5, 1.0], "ratio": [0.9, 1.1], "hflip": 0.0}
    dataset = TimmImageDataset(root, transform=given)
    crop = dataset.images.transform.transforms[0]
    assert (crop.size, crop.scale, crop.ratio) == ((16, 24), (0.5, 1.0), (0.9, 1.1))
    assert given["scale"] == [0.5, 1.0]
    assert dataset[0]["inputs"].shape == (3, 16, 24)


def test_images_of_other_kinds_become_rgb(root: Path) -> None:
    Image.new("L", (8, 8), 100).save(root / "train/c1/0.png")
    Image.new("RGBA", (8, 8), (100, 0, 0, 9)).save(root / "train/c1/1.png")
    assert colors(TimmImageDataset(root, transform=PLAIN))[:2] == [(1, 1, 0), (1, 0, 0)]


@pytest.mark.parametrize("content", [b"", b"no image", None], ids=["empty", "text", "cut off"])
def test_the_next_image_stands_for_a_broken_one(
    root: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("c1/1.png", "c10/1.png"):
        path = root / "train" / name
        path.write_bytes(path.read_bytes()[:50] if content is None else content)
    dataset = TimmImageDataset(root, transform=PLAIN)
    with caplog.at_level(logging.WARNING, "timm"):
        found = colors(dataset)
    # After the last comes the first.
    assert found == [(0, 0, 0), (1, 0, 1), (1, 0, 1), (1, 1, 1), (2, 0, 2), (0, 0, 0)]
    assert "Skipped sample (index 1)" in caplog.text and "Skipped sample (index 5)" in caplog.text


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_of_a_loader(root: Path, workers: int) -> None:
    dataset = TimmImageDataset(root, transform=PLAIN)
    batches = list(DataLoader(dataset, batch_size=4, collate_fn=default_collate, num_workers=workers))
    assert [batch["inputs"].shape for batch in batches] == [(4, 3, 16, 16), (2, 3, 16, 16)]
    assert torch.equal(torch.cat([batch["label"] for batch in batches]), torch.tensor([0, 0, 1, 1, 2, 2]))


def test_a_missing_folder_is_named(root: Path) -> None:
    with pytest.raises(ValueError, match=r"no folder .*pictures/val: expected images as .*val/<class>/<name>\.jpg"):
        TimmImageDataset(root, split="val", transform=PLAIN)
    (root / "val").write_text("a file")
    with pytest.raises(ValueError, match=r"no folder .*pictures/val"):
        TimmImageDataset(root, split="val")


def test_a_folder_without_images_is_named(root: Path) -> None:
    (root / "val/c1").mkdir(parents=True)
    (root / "val/c1/notes.txt").write_text("no image")
    with pytest.raises(ValueError, match=r"pictures/val holds no image"):
        TimmImageDataset(root, split="val", transform=PLAIN)
    with pytest.raises(ValueError, match=r"pictures/train holds no image"):
        TimmImageDataset(root, transform=PLAIN, classes=["of", "no", "folder"])


@pytest.mark.parametrize("policy", ["rand-m10-n40-inc1", "rand-m0-n40", "augmix-m10-w8-d8", "v0-mstd4"])
def test_the_strongest_augmentations_run(root: Path, policy: str) -> None:
    random.seed(0)
    np.random.seed(0)
    dataset = TimmImageDataset(root, transform={"input_size": 16, "is_training": True, "auto_augment": policy})
    for _ in range(8):
        assert all(dataset[i]["inputs"].isfinite().all() for i in range(len(dataset)))
