"""Configs in pure Python, whose types are imported classes and which inherit by read_base."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
import torch
from mmengine.optim import OptimWrapper

from vision import engine
from vision.engine.checkpoints import KeepingCheckpointHook
from vision.engine.optim import Bf16OptimWrapper
from vision.errors import UsageError

BASE = """
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper
from mmengine.runner import IterBasedTrainLoop
from torch.optim import SGD

from backbones import DualFrequencyNet
from heads import ForgeryHead
from vision.datasets import ForgeryDataset
from vision.models import ForgeryTrainer

rate = 0.01
model = dict(
    type=ForgeryTrainer,
    backbone=dict(type=DualFrequencyNet, width=4, depths=(1, 1)),
    head=dict(type=ForgeryHead, in_channels=32),
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    dataset=dict(type=ForgeryDataset, data_root={data_root!r}, crop_size=32),
    sampler=dict(type=DefaultSampler, shuffle=True),
    collate_fn=dict(type=pseudo_collate),
)
train_cfg = dict(type=IterBasedTrainLoop, max_iters=1)
optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=SGD, lr=rate))
default_hooks = dict(checkpoint=dict(type=CheckpointHook, by_epoch=False, interval=1))
"""
CHILD = """
from mmengine.config import read_base

with read_base():
    from ..base import *

randomness = dict(seed=0)
"""


@pytest.fixture
def child(tmp_path: Path, forgery_tree) -> Path:
    (tmp_path / "base.py").write_text(BASE.format(data_root=str(forgery_tree())))
    path = tmp_path / "below/child.py"
    path.parent.mkdir()
    path.write_text(CHILD)
    return path


def test_trains_in_mixed_precision_and_what_it_writes_is_a_config(child: Path, tmp_path: Path) -> None:
    name = {"experiment_name": uuid4().hex}
    runner = engine.train(child, work_dir=tmp_path / "run", amp=True, cfg_options=name)
    assert runner.iter == 1 and isinstance(runner.optim_wrapper, Bf16OptimWrapper | OptimWrapper)
    assert any(isinstance(hook, KeepingCheckpointHook) for hook in runner.hooks)
    written = engine.load_config(tmp_path / "run/child.py")
    assert written.train_cfg.max_iters == 1
    runner = engine.train(
        tmp_path / "run/child.py", work_dir=tmp_path / "again", cfg_options={"experiment_name": uuid4().hex}
    )
    assert any(isinstance(hook, KeepingCheckpointHook) for hook in runner.hooks)


def test_mixed_precision_takes_the_class_of_the_wrapper(child: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, expected in ((False, "Bf16OptimWrapper"), (True, "AmpOptimWrapper")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        cfg = engine.load_config(child)
        assert cfg.optim_wrapper.type is OptimWrapper
        engine.use_amp(cfg)
        assert cfg.optim_wrapper.type == expected


def test_keys_that_nothing_reads_are_still_found(child: Path) -> None:
    child.write_text(child.read_text() + "samples_per_gpu = 2\n")
    with pytest.raises(UsageError, match="nothing reads the top-level config key 'samples_per_gpu'"):
        engine.load_config(child)


def test_variables_of_an_inherited_file_cannot_be_overridden(child: Path) -> None:
    with pytest.raises(UsageError, match=r"'rate' is a variable of .*child\.py"):
        engine.load_config(child, cfg_options={"rate": 1.0})
    assert engine.load_config(child, cfg_options={"optim_wrapper.optimizer.lr": 1.0}).optim_wrapper.optimizer.lr == 1.0


@pytest.mark.parametrize(("text", "reason"), [("x = missing", "NameError"), ("with open('f'): pass", "ConfigParsing")])
def test_a_config_that_fails_ends_with_one_line(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "fails.py"
    path.write_text(f"{text}\n")
    with pytest.raises(UsageError, match=rf"fails\.py cannot be read: {reason}"):
        engine.load_config(path)
