from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset.utils import pseudo_collate, worker_init_fn
from PIL import Image
from torch.utils.data import DataLoader

from vision.datasets import ForgeryDataset, RandomJPEG, RandomNoise
from vision.datasets.forgery.dataset import fold_of
from vision.images import read_image

NOISE = [RandomNoise((5.0, 6.0), prob=1.0)]


def write_pairs(root: Path, picture, count: int = 30) -> Path:
    for label in ("0_real", "1_fake"):
        (root / "pairs" / label).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(picture(32, 32, seed=i)).save(root / "pairs" / label / f"{i:04}.png")
    return root


def stems(dataset: ForgeryDataset) -> set[str]:
    return {Path(sample.path).stem for sample in dataset.samples}


def test_mixed_sizes_and_formats_come_out_alike(mixed_tree):
    for test_mode in (False, True):
        dataset = ForgeryDataset(mixed_tree, crop_size=48, test_mode=test_mode)
        assert len(dataset) == 16 and dataset.rejected == []
        for item in dataset:
            assert item["inputs"].shape == (3, 48, 48) and item["inputs"].dtype == torch.uint8
            assert item["source"] == "one" and item["label"] == int("1_fake" in item["path"])


def test_iteration_ends(mixed_tree):
    assert sum(1 for _ in ForgeryDataset(mixed_tree)) == 16


def test_nothing_is_ever_resized(mixed_tree):
    """A test crop is the middle of the file's own pixels; a training crop is one of its windows, perhaps mirrored."""
    test = ForgeryDataset(mixed_tree, crop_size=32, test_mode=True)
    train = ForgeryDataset(mixed_tree, crop_size=32)
    for index, sample in enumerate(test.samples):
        image = read_image(sample.path).transpose(2, 0, 1)
        height, width = image.shape[1:]
        if min(height, width) < 32:
            continue
        top, left = (height - 32) // 2, (width - 32) // 2
        np.testing.assert_array_equal(test[index]["inputs"], image[:, top : top + 32, left : left + 32])
        windows = np.lib.stride_tricks.sliding_window_view(image, (32, 32), axis=(1, 2)).transpose(1, 2, 0, 3, 4)
        crop = train[index]["inputs"].numpy()
        assert any((windows == view).all(axis=(2, 3, 4)).any() for view in (crop, crop[:, :, ::-1]))


def test_without_a_crop_size_images_are_whole(mixed_tree):
    dataset = ForgeryDataset(mixed_tree, crop_size=None, test_mode=True)
    sizes = {Path(item["path"]).stem: tuple(item["inputs"].shape[1:]) for item in dataset}
    assert sizes["large"] == (100, 80) and sizes["tiled"] == (9, 200)


@pytest.mark.parametrize(("verify", "cache"), [("header", False), ("full", False), ("none", True)])
def test_broken_files_are_rejected_with_a_report(mixed_tree, caplog, verify, cache):
    folder = mixed_tree / "one/1_fake"
    (folder / "a_text.png").write_text("no image")
    (folder / "b_empty.jpg").write_bytes(b"")
    Image.new("RGB", (4, 4)).save(folder / "c_small.png")
    os.symlink(folder / "nowhere", folder / "d_link.png")
    Image.new("RGB", (300, 200)).save(folder / "e_large.png")
    truncated = folder / "f_truncated.png"
    truncated.write_bytes((folder / "large.png").read_bytes()[:9000])
    with caplog.at_level(logging.WARNING):
        dataset = ForgeryDataset(mixed_tree, verify=verify, cache=cache, max_pixels=50_000)
    rejected = {Path(path).name: reason for path, reason in dataset.rejected}
    expected = {"a_text.png", "b_empty.jpg", "c_small.png", "d_link.png", "e_large.png"}
    assert set(rejected) == expected | (set() if verify == "header" else {"f_truncated.png"})
    assert all(reason and "\n" not in reason for reason in rejected.values())
    assert "60,000" in rejected["e_large.png"] and "4 x 4" in rejected["c_small.png"]
    assert len(caplog.records) == 1
    assert f"rejected {len(rejected)} of 22 images" in caplog.text and "a_text.png" in caplog.text
    assert len(dataset) == 22 - len(rejected) == len(dataset.labels) == len(dataset.sources)


def test_a_root_of_broken_files_alone_is_an_error(tmp_path):
    (tmp_path / "0_real").mkdir()
    (tmp_path / "0_real/a.png").write_text("no image")
    with pytest.raises(ValueError, match=r"all 1 images are unusable.*a\.png"):
        ForgeryDataset(tmp_path)


def test_a_file_that_breaks_later_is_replaced_by_its_like(forgery_tree, caplog):
    root = forgery_tree(("alpha", "beta"), count=4, size=32)
    dataset = ForgeryDataset(root, crop_size=32, test_mode=True)
    broken = next(i for i, s in enumerate(dataset.samples) if (s.source, s.label) == ("beta", 1))
    Path(dataset.samples[broken].path).write_bytes(b"gone")
    with caplog.at_level(logging.WARNING):
        items = [dataset[broken] for _ in range(3)]
    assert len(caplog.records) == 1 and dataset.samples[broken].path in caplog.text
    for item in items:
        assert (item["source"], item["label"]) == ("beta", 1)
        assert item["path"] != dataset.samples[broken].path
    for sample in dataset.samples:
        if (sample.source, sample.label) == ("beta", 1):
            Path(sample.path).unlink(missing_ok=True)
    with pytest.raises(ValueError, match="no image of source 'beta' with label 1 can be read"):
        dataset[broken]


def test_workers_survive_a_file_that_breaks_later(forgery_tree):
    dataset = ForgeryDataset(forgery_tree(("alpha",), count=6, size=32), crop_size=32, test_mode=True)
    Path(dataset.samples[0].path).write_bytes(b"gone")
    batches = list(DataLoader(dataset, 4, num_workers=2, collate_fn=pseudo_collate))
    assert Counter(label for batch in batches for label in batch["label"]) == {0: 6, 1: 6}


def test_the_loader_gives_the_agreed_batch(mixed_tree):
    loader = DataLoader(ForgeryDataset(mixed_tree, crop_size=32), 8, num_workers=2, collate_fn=pseudo_collate)
    for batch in loader:
        assert set(batch) == {"inputs", "label", "source", "path"}
        assert torch.stack(batch["inputs"]).shape == (8, 3, 32, 32)
        assert all(isinstance(label, int) for label in batch["label"])
        assert batch["source"] == ["one"] * 8 and all(os.path.isfile(path) for path in batch["path"])


def test_the_seed_decides_the_sample(mixed_tree):
    dataset = ForgeryDataset(mixed_tree, crop_size=32, transforms=NOISE)
    torch.manual_seed(1)
    first, second = dataset[0]["inputs"], dataset[0]["inputs"]
    torch.manual_seed(1)
    assert torch.equal(dataset[0]["inputs"], first)
    assert not torch.equal(second, first)
    torch.manual_seed(2)
    assert not torch.equal(dataset[0]["inputs"], first)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("seeded", [False, True], ids=["torch", "mmengine"])
def test_epochs_and_workers_differ_and_a_run_repeats(tmp_path, picture, workers, seeded):
    """Every file holds the same image, so that equal samples could only come from equal random numbers."""
    (tmp_path / "0_real").mkdir()
    for i in range(4):
        Image.fromarray(picture(40, 40)).save(tmp_path / f"0_real/{i}.png")
    dataset = ForgeryDataset(tmp_path, crop_size=32, transforms=NOISE)
    # mmengine's workers have the same torch seed in every epoch.
    init = partial(worker_init_fn, num_workers=workers, rank=0, seed=5) if seeded else None

    def run() -> list[bytes]:
        torch.manual_seed(3)
        loader = DataLoader(dataset, 1, num_workers=workers, collate_fn=pseudo_collate, worker_init_fn=init)
        return [batch["inputs"][0].numpy().tobytes() for _ in range(2) for batch in loader]

    samples = run()
    assert len(set(samples)) == 8
    assert run() == samples


def test_both_classes_see_the_same_augmentations(tmp_path, picture):
    """With the same images in both classes, what comes out does not tell the label."""
    for label in ("0_real", "1_fake"):
        (tmp_path / label).mkdir()
        Image.fromarray(picture(48, 48)).save(tmp_path / label / "0.png")
    transforms = [RandomJPEG((30, 100), prob=0.5), RandomNoise((1.0, 8.0), prob=0.3)]
    dataset = ForgeryDataset(tmp_path, crop_size=32, transforms=transforms, cache=True)
    torch.manual_seed(0)
    reference = [[dataset[index]["inputs"].float().std() for _ in range(600)] for index in (0, 1)]
    real, fake = (np.sort(np.array(values)) for values in reference)
    assert abs(real.mean() - fake.mean()) < 4 * np.hypot(real.std(), fake.std()) / np.sqrt(600)
    grid = np.concatenate([real, fake])
    gap = np.abs(np.searchsorted(real, grid, "right") - np.searchsorted(fake, grid, "right")).max() / 600
    assert gap < 1.95 * np.sqrt(2 / 600)


def test_transforms_run_before_the_crop(tmp_path):
    image = np.zeros((64, 64, 3), np.uint8)
    image[:16] = 255
    (tmp_path / "0_real").mkdir()
    Image.fromarray(image).save(tmp_path / "0_real/0.png")
    seen = []
    dataset = ForgeryDataset(
        tmp_path, crop_size=32, test_mode=True, transforms=lambda image, rng: seen.append(image.shape) or image[:32]
    )
    assert dataset[0]["inputs"].float().mean() == 127.5
    assert seen == [(64, 64, 3)]


def test_pairs_stay_in_one_fold(tmp_path, picture):
    root = write_pairs(tmp_path, picture)
    held_out = [ForgeryDataset(root, split_by_stem=(fold, 5, "val")) for fold in range(5)]
    for fold, val in enumerate(held_out):
        train = ForgeryDataset(root, split_by_stem=[fold, 5, "train"])
        assert not stems(train) & stems(val)
        assert len(train) + len(val) == 60
        assert Counter(val.labels.tolist()) == {0: len(stems(val)), 1: len(stems(val))}
    assert sum(len(val) for val in held_out) == 60
    assert max(len(val) for val in held_out) <= 24


def test_folds_do_not_depend_on_the_machine():
    assert [fold_of("pairs", f"/any/where/{i:04}.webp", 5) for i in range(8)] == [
        fold_of("pairs", f"elsewhere/{i:04}.png", 5) for i in range(8)
    ]
    # Known values: a changed hash would move images between the training and test sets of earlier results.
    assert [fold_of("pairs", f"{i:04}.png", 5) for i in range(8)] == [0, 4, 0, 1, 2, 1, 2, 3]
    assert {fold_of(f"source{i}", "0000.png", 5) for i in range(40)} == set(range(5))


@pytest.mark.parametrize("split", [(5, 5, "val"), (0, 1, "val"), (0, 5, "test")])
def test_wrong_folds_are_refused(mixed_tree, split):
    with pytest.raises(ValueError, match="split_by_stem is"):
        ForgeryDataset(mixed_tree, split_by_stem=split)


def test_max_per_source_thins_out_evenly(forgery_tree):
    dataset = ForgeryDataset(forgery_tree(("alpha", "beta"), count=6, size=16), max_per_source=3)
    names = Counter((s.source, s.label) for s in dataset.samples)
    assert set(names.values()) == {3} and len(names) == 4
    assert stems(dataset) == {"00", "02", "04"}


def test_the_cache_decodes_once_and_is_never_written_to(mixed_tree, monkeypatch):
    cached = ForgeryDataset(mixed_tree, crop_size=48, cache=True, transforms=NOISE)
    plain = ForgeryDataset(mixed_tree, crop_size=48, transforms=NOISE)
    assert cached.cache is not None
    before = [image.copy() for image in cached.cache]
    for index in range(len(plain)):
        torch.manual_seed(index)
        expected = plain[index]["inputs"]
        torch.manual_seed(index)
        actual = cached[index]["inputs"]
        assert torch.equal(actual, expected)
        actual.zero_()
    assert all((old == new).all() for old, new in zip(before, cached.cache, strict=True))
    monkeypatch.setattr("vision.datasets.forgery.dataset.read_image", None)
    other = cached.with_transforms([])
    assert other.cache is cached.cache and other[0]["inputs"].shape == (3, 48, 48)


def test_a_data_set_travels_to_spawned_workers(mixed_tree):
    dataset = pickle.loads(pickle.dumps(ForgeryDataset(mixed_tree, crop_size=32)))
    assert dataset[3]["inputs"].shape == (3, 32, 32)


def test_the_runner_builds_it_from_a_config(forgery_tree):
    from mmengine.runner import Runner

    import vision.registry  # noqa: F401

    config = {
        "dataset": {"type": "ForgeryDataset", "data_root": str(forgery_tree()), "crop_size": 32},
        "sampler": {"type": "BalancedSourceSampler", "num_samples": 8},
        "batch_size": 4,
        "num_workers": 0,
    }
    loader = Runner.build_dataloader(config, seed=0)
    assert [sorted(batch["label"]) for batch in loader] == [[0, 0, 1, 1]] * 2
    assert loader.dataset.metainfo["classes"] == ("real", "ai-generated")


def test_unknown_checks_are_refused(mixed_tree):
    with pytest.raises(ValueError, match="verify is 'deep'"):
        ForgeryDataset(mixed_tree, verify="deep")


def test_no_training_framework_is_imported(mixed_tree):
    code = (
        "import sys; from vision.datasets import ForgeryDataset, BalancedSourceSampler, Compose\n"
        f"data = ForgeryDataset({str(mixed_tree)!r}, transforms=[{{'type': 'RandomJPEG'}}]); data[0]\n"
        "list(BalancedSourceSampler(data))\n"
        "print(sorted({'mmengine', 'mmcv', 'torchvision', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def darkened(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return image // 2


def test_transforms_of_real_images_touch_no_others(mixed_tree):
    plain = ForgeryDataset(mixed_tree, crop_size=None, transforms=())
    dark = ForgeryDataset(mixed_tree, crop_size=None, transforms=(), real_transforms=[darkened])
    for index, label in enumerate(plain.labels):
        expected = plain[index]["inputs"] // 2 if label == 0 else plain[index]["inputs"]
        assert torch.equal(dark[index]["inputs"], expected)


def test_pseudo_generated_images_are_real_ones_that_count_as_generated(tmp_path, picture):
    for label, level in (("0_real", 200), ("1_fake", 10)):
        (tmp_path / "s" / label).mkdir(parents=True)
        Image.new("RGB", (32, 32), (level,) * 3).save(tmp_path / "s" / label / "a.png")
    make = partial(ForgeryDataset, tmp_path, crop_size=32, transforms=(), pseudo_transforms=[darkened])
    always, never, often = make(pseudo_prob=1.0), make(), make(pseudo_prob=0.5)
    real, fake = (int(np.flatnonzero(always.labels == label)[0]) for label in (0, 1))
    assert always[real]["label"] == 0 and int(always[real]["inputs"][0, 0, 0]) == 200
    assert always[fake]["label"] == 1 and int(always[fake]["inputs"][0, 0, 0]) == 100
    assert "0_real" in always[fake]["path"]
    assert int(never[fake]["inputs"][0, 0, 0]) == 10
    torch.manual_seed(0)
    assert 30 < sum(int(often[fake]["inputs"][0, 0, 0]) == 100 for _ in range(100)) < 70


def test_pseudo_generated_images_need_real_ones(tmp_path):
    (tmp_path / "s" / "1_fake").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(tmp_path / "s" / "1_fake" / "a.png")
    with pytest.raises(ValueError, match=r"pseudo_prob is 0.1, but .* no real images"):
        ForgeryDataset(tmp_path, pseudo_prob=0.1)
