"""Checkpoints are kept, found again and refused where they belong to another model or to other classes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
from mmengine.runner import Runner

from vision import engine
from vision.engine import compat
from vision.engine.checkpoints import newest_checkpoint
from vision.engine.suite_runner import SuiteRunner
from vision.errors import UsageError


def train(config: Path, work_dir: Path, cfg_options: dict[str, Any] | None = None, **options: Any) -> Runner:
    """Train under a name of its own: mmengine keeps logs by name, by default the time in seconds."""
    return engine.train(
        config, work_dir=work_dir, cfg_options={"experiment_name": uuid4().hex, **(cfg_options or {})}, **options
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A work directory with two whole checkpoints and the best one."""
    compat.apply()
    work_dir = tmp_path / "run"
    work_dir.mkdir()
    for name in ("epoch_9.pth", "epoch_10.pth", "best_accuracy_epoch_11.pth"):
        torch.save({"state_dict": {"w": torch.zeros(1000)}, "meta": {"epoch": 1}}, work_dir / name)
    return work_dir


@pytest.mark.parametrize("pointer", [None, "", "/old/place/epoch_10.pth", "{folder}/epoch_1", "\0", "{folder}"])
def test_the_newest_is_found_without_a_good_pointer(pointer: str | None, folder: Path) -> None:
    if pointer is not None:
        (folder / "last_checkpoint").write_text(pointer.format(folder=folder))
    assert newest_checkpoint(folder) == str(folder / "epoch_10.pth")


def test_a_moved_folder_keeps_what_its_pointer_names(folder: Path) -> None:
    (folder / "last_checkpoint").write_text("/old/place/epoch_9.pth")
    assert newest_checkpoint(folder) == str(folder / "epoch_9.pth")


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_checkpoint_that_was_cut_off_is_passed_over(size: int, folder: Path) -> None:
    path = folder / "epoch_10.pth"
    (folder / "last_checkpoint").write_text(str(path))
    os.truncate(path, size if size >= 0 else path.stat().st_size - 1)
    assert newest_checkpoint(folder) == str(folder / "epoch_9.pth")


def test_nothing_whole_is_an_error_and_nothing_at_all_is_a_start(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        os.truncate(path, 10)
    with pytest.raises(
        UsageError, match=r"none of the checkpoints in .*run can be read \(epoch_10\.pth, epoch_9\.pth\)"
    ):
        newest_checkpoint(folder)
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "gone") is None


def test_resuming_without_a_checkpoint_starts_from_the_weights_of_the_config(tiny_config: Path, tmp_path: Path) -> None:
    train(tiny_config, tmp_path / "first")
    options = {"load_from": str(tmp_path / "first/iter_2.pth"), "optim_wrapper.optimizer.lr": 0.0}
    second = train(tiny_config, tmp_path / "second", options, resume="auto")
    saved = torch.load(tmp_path / "first/iter_2.pth", weights_only=True)["state_dict"]
    assert torch.equal(second.model.state_dict()["head.fc.weight"], saved["head.fc.weight"])
    assert second.iter == 2


def test_a_save_that_fails_leaves_the_last_checkpoint(
    tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_one = {"default_hooks.checkpoint.max_keep_ckpts": 1}
    train(tiny_config, tmp_path / "run", keep_one)
    saved = (tmp_path / "run/iter_2.pth").read_bytes()

    def half(self: Runner, out_dir: str, filename: str, *args: Any, **options: Any) -> None:
        Path(out_dir, filename).write_bytes(saved[: len(saved) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Runner, "save_checkpoint", half)
        with pytest.raises(OSError, match="No space left"):
            train(tiny_config, tmp_path / "run", {**keep_one, "train_cfg.max_iters": 4}, resume="auto")
    assert [path.name for path in (tmp_path / "run").iterdir() if path.suffix in (".pth", ".tmp")] == ["iter_2.pth"]
    assert (tmp_path / "run/iter_2.pth").read_bytes() == saved

    runner = train(tiny_config, tmp_path / "run", {**keep_one, "train_cfg.max_iters": 4}, resume="auto")
    assert runner.iter == 4
    assert [path.name for path in (tmp_path / "run").glob("*.pth")] == ["iter_4.pth"]


def with_a_test(config: Path) -> Path:
    config.write_text(
        config.read_text()
        + "test_dataloader = dict(batch_size=2, num_workers=0, collate_fn=dict(type='pseudo_collate'),"
        " sampler=dict(type='DefaultSampler', shuffle=False), dataset=dict(**dataset, test_mode=True))\n"
        "test_evaluator = dict(type='ForgeryMetric')\ntest_cfg = dict(type='TestLoop')\n"
    )
    return config


@pytest.mark.parametrize("change", [lambda s: {"other.weight": torch.zeros(3)}, lambda s: s | {"more": torch.zeros(1)}])
def test_a_test_refuses_weights_of_another_model(
    change: Callable[[dict[str, Any]], dict[str, Any]], tiny_config: Path, tmp_path: Path
) -> None:
    config = with_a_test(tiny_config)
    train(config, tmp_path / "run")
    path = tmp_path / "run/iter_2.pth"
    content = torch.load(path, weights_only=True)
    torch.save({**content, "state_dict": change(dict(content["state_dict"]))}, tmp_path / "other.pth")
    name = {"experiment_name": uuid4().hex}
    with pytest.raises(UsageError, match=r"other\.pth is of another model than the config's: unexpected key") as error:
        engine.test(config, tmp_path / "other.pth", work_dir=tmp_path / "test", cfg_options=name)
    assert len(str(error.value)) < 800
    fewer = {"experiment_name": uuid4().hex, "model.backbone.width": 8, "model.head.in_channels": 64}
    with pytest.raises(UsageError, match="size mismatch"):
        engine.test(config, path, work_dir=tmp_path / "test", cfg_options=fewer)
    assert engine.test(config, path, work_dir=tmp_path / "test", cfg_options={"experiment_name": uuid4().hex})


def test_classes_of_training_and_validation_are_compared() -> None:
    from vision.engine.suite_runner import _check_same_classes

    def check(one: Any, other: Any) -> None:
        _check_same_classes("the training set", one, "the validation set", other)

    cats = {"classes": ("cat", "dog", "owl")}
    check(cats, {"classes": ["cat", "dog", "owl"]})
    check(cats, {})
    check(None, cats)
    check({"classes": "cat"}, cats)
    with pytest.raises(UsageError, match=r"3 classes, the validation set 2; .* at index 1: 'dog' and 'owl'"):
        check(cats, {"classes": ("cat", "owl")})
    with pytest.raises(UsageError, match="at index 2: 'owl' and none"):
        check(cats, {"classes": ("cat", "dog")})
    assert issubclass(SuiteRunner, Runner)
