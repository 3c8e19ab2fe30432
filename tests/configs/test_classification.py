"""The classification configs: what their optimizers decay, and two steps of training with a validation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from PIL import Image
from torch import nn

from vision import engine

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs/classification").glob("*.py"))
every_config = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)

SIDE = 32
TINY = {"embed_dim": 8, "depths": (1, 1), "num_heads": (1, 2), "kernel_size": 3, "dilations": ((2,), (1,))}


def built(path: Path) -> tuple[Config, nn.Module]:
    """A config and its model, whose parameters have shapes but no values."""
    cfg = engine.load_config(path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device("meta"):
        return cfg, MODELS.build(cfg.model)


@every_config
def test_position_biases_norms_and_biases_are_not_decayed(path: Path) -> None:
    cfg, model = built(path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        groups = build_optim_wrapper(model, cfg.optim_wrapper).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"] if isinstance(p, nn.Parameter)}
    spared = {id(p) for m in model.modules() if isinstance(m, nn.LayerNorm) for p in m.parameters()}
    spared |= {id(p) for name, p in model.named_parameters() if name.rpartition(".")[2] in ("rpb", "bias")}
    spared |= {id(p) for name, p in model.named_parameters() if "gamma" in name}
    assert decay.keys() == {id(p) for p in model.parameters()}
    assert spared and {i for i in decay if decay[i] == 0} == spared
    assert {decay[i] for i in decay.keys() - spared} == {cfg.optim_wrapper.optimizer.weight_decay}
    assert {group["lr"] for group in groups} == {cfg.optim_wrapper.optimizer.lr}


@every_config
def test_images_have_the_side_that_the_model_is_for(path: Path) -> None:
    cfg, model = built(path)
    sides = {cfg[f"{split}_dataloader"].dataset.transform.input_size for split in ("train", "val", "test")}
    assert len(sides) == 1
    if "cifar10" not in path.name:
        assert sides == {model.backbone.pretrained_cfg["input_size"][-1]}


@every_config
def test_schedules_end_with_the_training(path: Path) -> None:
    cfg, _ = built(path)
    schedule = cfg.param_scheduler if isinstance(cfg.param_scheduler, list) else [cfg.param_scheduler]
    ends = [part.get("end", part.get("total_steps")) for part in schedule]
    assert max(ends) == cfg.train_cfg.max_epochs - 10 * ("imagenet_300e" in path.read_text())


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        ("nat-mini_in1k", {"train/loss"}),
        ("dinat-large_in1k", {"train/loss", "train/accuracy"}),
        ("dinat-nano_cifar10", {"train/loss", "train/accuracy"}),
    ],
)
def test_trains_two_iterations_and_validates(name: str, losses: set[str], tmp_path: Path) -> None:
    path = ROOT / f"configs/classification/{name}.py"
    options = tiny(path, draw(tmp_path / "pictures"))
    runner = engine.train(path, work_dir=tmp_path / "run", cfg_options=options)
    assert (runner.iter, runner.epoch) == (2, 1)
    scalars = runner.message_hub.log_scalars
    assert {key for key in scalars if key in ("train/loss", "train/accuracy")} == losses
    values = [float(value) for value in scalars["train/loss"].data[0]]
    assert len(values) == 2 and all(math.isfinite(value) for value in values), values
    topk = engine.load_config(path).val_evaluator.topk
    accuracies = {key: scalars[key].current() for key in scalars if key.startswith("val/accuracy/")}
    assert accuracies.keys() == {f"val/accuracy/top{k}" for k in topk}
    assert all(0 <= value <= 100 for value in accuracies.values())
    assert list((tmp_path / "run").glob("best_accuracy_top1_*.pth"))

    weights = next((tmp_path / "run").glob("epoch_1.pth"))
    metrics = engine.test(
        path, weights, work_dir=tmp_path / "test", cfg_options={**options, "experiment_name": uuid4().hex}
    )
    assert metrics == {key.removeprefix("val/"): value for key, value in accuracies.items()}


def draw(root: Path) -> Path:
    """Two classes: eight images to train on, five to validate with."""
    rng = np.random.default_rng(0)
    for split, counts in (("train", (4, 4)), ("val", (3, 2))):
        for name, count in zip(("cat", "dog"), counts, strict=True):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(rng.integers(0, 256, (40, 36, 3), np.uint8)).save(folder / f"{i}.png")
    return root


def tiny(path: Path, data_root: Path) -> dict[str, Any]:
    """Options that leave a config its structure, but a narrow model, small images and an epoch of two iterations."""
    options: dict[str, Any] = {
        "experiment_name": uuid4().hex,  # mmengine keeps logs by name, by default the time in seconds
        "model.num_classes": 2,
        "train_cfg.max_epochs": 1,
        "default_hooks.logger.interval": 1,
    }
    options |= {f"model.model_args.{key}": value for key, value in TINY.items()}
    if path.name.startswith("nat"):
        del options["model.model_args.dilations"]
    for split in ("train", "val", "test"):
        loader = f"{split}_dataloader"
        options |= {f"{loader}.batch_size": 4, f"{loader}.num_workers": 0, f"{loader}.persistent_workers": False}
        options |= {f"{loader}.dataset.data_root": str(data_root), f"{loader}.dataset.transform.input_size": SIDE}
    return options
