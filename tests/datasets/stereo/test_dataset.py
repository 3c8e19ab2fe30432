"""StereoDataset: broken pairs, transforms, seeds and the registry."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS
from PIL import Image
from torch.utils.data import DataLoader

import vision.datasets
import vision.registry
from vision.datasets import StereoDataset, StereoFiles, StereoFolderDataset, transforms
from vision.images import ImageError
from vision.stereo_io import write_disparity, write_pfm


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five scenes whose images have the gray level of their number."""
    for i in range(5):
        (tmp_path / f"s{i}").mkdir()
        for name in ("left", "right"):
            Image.fromarray(np.full((10, 14, 3), i, np.uint8)).save(tmp_path / f"s{i}" / f"{name}.png")
        write_disparity(tmp_path / f"s{i}" / "disp.pfm", np.full((10, 14), i + 1.0))
    return tmp_path


def add_noise(sample: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {**sample, "noise": float(rng.random())}


def test_an_item(root: Path) -> None:
    dataset = StereoFolderDataset(root)
    assert len(dataset) == 5
    sample = dataset[3]
    assert set(sample) == {"left", "right", "disparity", "disparity_right", "visible", "path", "scene"}
    assert sample["left"].dtype == np.uint8 and sample["left"].shape == (10, 14, 3) and sample["left"][0, 0, 0] == 3
    assert sample["disparity"].dtype == np.float32 and sample["disparity"][0, 0] == 4
    assert (sample["scene"], sample["path"]) == ("s3", str(root / "s3" / "left.png"))
    assert dataset[-1]["scene"] == "s4"
    for index in (5, -6):
        with pytest.raises(IndexError):
            dataset[index]


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif path.suffix == ".pfm":
        write_pfm(path, np.ones((10, 15)))
    else:
        Image.fromarray(np.zeros((11, 14, 3), np.uint8)).save(path)


@pytest.mark.parametrize("name", ["left.png", "right.png", "disp.pfm"])
@pytest.mark.parametrize("how", ["missing", "truncated", "size"])
def test_a_broken_pair_is_replaced(root: Path, caplog: pytest.LogCaptureFixture, name: str, how: str) -> None:
    dataset = StereoFolderDataset(root)
    spoil(root / "s2" / name, how)
    with caplog.at_level(logging.WARNING, "vision.datasets"):
        found = [dataset[i]["scene"] for i in (1, 2, 3, 2)]
    assert found == ["s1", "s3", "s3", "s3"]
    assert len(caplog.records) == 1, "one warning per file"
    assert "s2" in caplog.text and "the pair cannot be used" in caplog.text
    with pytest.raises(ImageError, match="s2"):
        dataset.read(2)


def test_the_last_one_is_replaced_by_the_first(root: Path) -> None:
    dataset = StereoFolderDataset(root)
    spoil(root / "s4" / "left.png", "missing")
    assert dataset[4]["scene"] == "s0"


def test_sizes_are_told(root: Path) -> None:
    spoil(root / "s2" / "disp.pfm", "size")
    with pytest.raises(ImageError, match=r"disp.pfm: is 15 x 10 pixels; expected 14 x 10 as .*left.png"):
        StereoFolderDataset(root).read(2)


def test_nothing_readable(root: Path) -> None:
    dataset = StereoFolderDataset(root)
    for i in range(5):
        spoil(root / f"s{i}" / "right.png", "missing")
    with pytest.raises(ImageError, match="none of the 5 pairs"):
        dataset[1]
    with pytest.raises(ImageError, match="none of the 5 pairs"):
        dataset[1]


def test_a_lost_disk_ends_soon(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = StereoDataset([StereoFiles(str(tmp_path / f"{i}.png"), "right.png", "") for i in range(1000)])
    with pytest.raises(ImageError, match="100 pairs in a row cannot be read, at last: no such file"):
        dataset[7]
    assert len(caplog.records) == 100


def test_transforms_run_in_order_with_a_seeded_generator(root: Path) -> None:
    def after(sample: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        assert isinstance(rng, np.random.Generator)
        return {**sample, "twice": 2 * sample["noise"]}

    dataset = StereoFolderDataset(root, transforms=[add_noise, after])
    torch.manual_seed(3)
    first = [dataset[i]["twice"] for i in (0, 1, 1)]
    torch.manual_seed(3)
    assert first == [dataset[i]["twice"] for i in (0, 1, 1)]
    assert len(set(first)) == 3


class Darker:
    """A transform with an argument, as a config names it."""

    def __init__(self, by: int) -> None:
        self.by = by

    def __call__(self, sample: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        return {**sample, "left": sample["left"] - self.by}


def test_transforms_by_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert StereoFolderDataset(root, transforms=[{"type": Darker, "by": 1}])[3]["left"].max() == 2
    monkeypatch.setitem(transforms._TRANSFORMS, "Darker", Darker)
    assert StereoFolderDataset(root, transforms=[{"type": "Darker", "by": 2}])[3]["left"].max() == 1
    with pytest.raises(KeyError, match="Brighter"):
        StereoFolderDataset(root, transforms=[{"type": "Brighter"}])
    for wrong in ({"by": 1}, 7):
        with pytest.raises(TypeError, match="cannot build a transform"):
            StereoFolderDataset(root, transforms=[wrong])


def test_workers(root: Path) -> None:
    dataset = StereoFolderDataset(root, transforms=[add_noise])
    loader = DataLoader(pickle.loads(pickle.dumps(dataset)), batch_size=None, num_workers=2)
    torch.manual_seed(0)
    first, second = ([sample["noise"] for sample in loader] for _ in range(2))
    assert len({*first, *second}) == 10, "other items and epochs, other numbers"


def test_every_named_set_is_registered(root: Path) -> None:
    names = [name for name in vision.datasets.__all__ if name.endswith("Dataset")]
    named = [name for name in names if issubclass(getattr(vision.datasets, name), StereoDataset)]
    assert len(named) >= 13
    for name in named:
        assert name == "StereoDataset" or DATASETS.get(name) is getattr(vision.datasets, name)
    built = DATASETS.build({"type": "StereoFolderDataset", "data_root": str(root)})
    assert len(built) == 5 and built.metainfo == {"task": "stereo"}


def test_empty() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        StereoDataset([])
