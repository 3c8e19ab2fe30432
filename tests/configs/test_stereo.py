"""The stereo configs: they belong to the variants of inference, and a short training runs, validates and resumes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, METRICS, MODELS, DefaultScope
from PIL import Image

from vision import engine
from vision.datasets.transforms import build_transform
from vision.models import StereoTrainer
from vision.models.stereo.checkpoint import variant_of

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs/stereo").glob("*.py"))
SMALL: dict[str, Any] = {
    "model.encoder.embed_dims": (8, 8, 8, 8),
    "model.encoder.depths": (1, 1, 1, 1),
    "model.decoder.in_channels": (8, 8, 8, 8),
    "model.decoder.depths": (1, 1, 1, 1),
    "model.decoder.num_heads": 2,
    "train_dataloader.batch_size": 1,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
    "train_cfg.max_iters": 2,
    "default_hooks.logger.interval": 1,
    "default_hooks.checkpoint.interval": 2,
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_models_are_the_variants_that_their_names_say(path: Path) -> None:
    cfg = engine.load_config(path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device("meta"):
        model = MODELS.build(cfg.model)
    assert variant_of(model.state_dict()) == path.stem.split("_")[1]
    assert model.stereo == path.stem.startswith("match-stereo")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_data_transforms_and_evaluators_are_known(path: Path) -> None:
    cfg = engine.load_config(path)
    sets: list[dict[str, Any]] = []
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        dataset = cfg.get(loader, {}).get("dataset")
        sets += [] if dataset is None else [dataset, *dataset.get("datasets", [])]
    assert sets
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        for dataset in sets:
            known = DATASETS.get(dataset["type"])
            assert known is not None, dataset["type"]
            assert set(dataset) - {"type"} <= set(inspect.signature(known).parameters), dataset["type"]
            for transform in dataset.get("transforms") or []:
                assert build_transform(transform) is not None
        for name in ("val_evaluator", "test_evaluator"):
            if cfg.get(name) is not None:
                METRICS.build(cfg[name])


def test_half_precision_of_the_tool_reaches_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.dtype] = []
    plain = StereoTrainer.forward

    def watched(self: StereoTrainer, *args: Any, **options: Any) -> Any:
        hook = self.decoder.stages[0][0].mlp.fc1.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
        try:
            return plain(self, *args, **options)
        finally:
            hook.remove()

    monkeypatch.setattr(StereoTrainer, "forward", watched)
    options = {**SMALL, "train_dataloader.dataset.size": (192, 224), "train_dataloader.dataset.num_textures": 4}
    engine.train(
        ROOT / "configs/stereo/match-stereo_nano_synthetic.py", work_dir=tmp_path, cfg_options=options, amp=True
    )
    assert set(seen) == {torch.bfloat16}


def test_the_recipe_of_the_shipped_weights_trains(tmp_path: Path) -> None:
    options = {**SMALL, "train_dataloader.dataset.size": (192, 224), "train_dataloader.dataset.num_textures": 4}
    path = ROOT / "configs/stereo/match-stereo_nano_synthetic.py"
    runner = engine.train(path, work_dir=tmp_path, cfg_options=options)
    assert runner.iter == 2
    assert runner.message_hub.get_scalar("train/loss_final").current() > 0
    assert (tmp_path / "iter_2.pth").is_file()


def test_pairs_of_files_train_and_are_judged(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        scene = tmp_path / "data" / name
        scene.mkdir(parents=True)
        view = rng.integers(0, 255, (200, 260, 3), np.uint8)
        Image.fromarray(view).save(scene / "left.png")
        Image.fromarray(np.roll(view, -8, axis=1)).save(scene / "right.png")
        Image.fromarray(np.full((200, 260), 8 * 256, np.uint16)).save(scene / "disp.png")
    data = {"_delete_": True, "type": "StereoFolderDataset", "data_root": str(tmp_path / "data")}
    transforms = [
        {"type": "RandomStereoScale", "scale": (1.0, 1.2), "min_size": (192, 224)},
        {"type": "RandomStereoCrop", "size": (192, 224)},
        {"type": "RandomStereoFlip"},
        {"type": "RandomStereoColor"},
        {"type": "RandomErase"},
        {"type": "RandomVerticalJitter"},
        {"type": "PackStereo"},
    ]
    options = {
        **SMALL,
        "train_dataloader.dataset": {**data, "transforms": transforms},
        "val_dataloader.dataset": {**data, "transforms": transforms[-1:]},
        "val_dataloader.num_workers": 0,
        "val_dataloader.persistent_workers": False,
        "train_cfg.val_interval": 2,
    }
    path = ROOT / "configs/stereo/match-stereo_tiny_sceneflow.py"
    runner = engine.train(path, work_dir=tmp_path / "run", cfg_options=options)
    assert runner.message_hub.get_scalar("val/stereo/epe").current() > 0
