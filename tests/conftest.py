"""Fixtures that several tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent

TINY_CONFIG = """
_base_ = {base!r}

model = dict(
    type="ForgeryTrainer",
    backbone=dict(type="DualFrequencyNet", width=4, depths=(1, 1)),
    head=dict(type="ForgeryHead", in_channels=32),
)
dataset = dict(type="ForgeryDataset", data_root={data_root!r}, crop_size=32)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    dataset=dataset,
    sampler=dict(type="DefaultSampler", shuffle=True),
    collate_fn=dict(type="pseudo_collate"),
)
train_cfg = dict(type="IterBasedTrainLoop", max_iters=2)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.01))
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(by_epoch=False, interval=2))
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
"""


@pytest.fixture
def forgery_tree(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a data set `<root>/<source>/{0_real,1_fake}/NN.png` and returns its root.

    Real images are smooth, generated ones carry a checkerboard, so a model can tell them apart.
    """

    def make(sources: Sequence[str] = ("alpha", "beta"), count: int = 3, size: int = 40, name: str = "images") -> Path:
        rng = np.random.default_rng(0)
        root = tmp_path / name
        for source in sources:
            for label in ("0_real", "1_fake"):
                folder = root / source / label
                folder.mkdir(parents=True)
                for i in range(count):
                    Image.fromarray(_picture(rng, size, fake=label == "1_fake")).save(folder / f"{i:02}.png")
        return root

    return make


@pytest.fixture
def tiny_config(tmp_path: Path, forgery_tree: Callable[..., Path]) -> Path:
    """A config that trains a very small forgery detector for two iterations."""
    base = ROOT / "configs/_base_/runtime/forgery.py"
    path = tmp_path / "tiny.py"
    path.write_text(TINY_CONFIG.format(base=str(base), data_root=str(forgery_tree())))
    return path


@pytest.fixture
def run_tool(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs `tools/<name>` (.py or .sh) in tmp_path and returns the finished process."""

    def run(name: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable] if name.endswith(".py") else ["bash"]
        command += [str(ROOT / "tools" / name), *map(str, arguments)]
        environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        if check:
            assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
        return done

    return run


def _picture(rng: np.random.Generator, size: int, fake: bool) -> np.ndarray:
    ramp = np.linspace(0, 200, size)[:, None, None] * rng.uniform(0.3, 1, 3) + rng.uniform(0, 20, (size, size, 3))
    board = np.indices((size, size)).sum(0)[..., None] % 2 * 30
    return (ramp + board * fake).clip(0, 255).astype(np.uint8)
