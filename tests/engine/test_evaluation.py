"""What a test does beside measuring: which configs it is for, and what it leaves alone."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.runner import Runner

from vision import engine
from vision.engine.evaluation import average_over_flips, draw_predictions
from vision.errors import UsageError
from vision.models import ForgeryTrainer

ROOT = Path(__file__).resolve().parents[2]
SEGMENTOR = ROOT / "configs/segmentation/upernet_nat-mini_160k_ade20k-512x512.py"
DETECTOR = ROOT / "configs/detection/mask-rcnn_dinat-mini_samples.py"


def test_drawings_go_into_a_new_folder_and_never_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_text("an input")
    for taken in (tmp_path, tmp_path / "photo.png"):
        with pytest.raises(UsageError, match="is there and not empty"):
            draw_predictions(engine.load_config(DETECTOR), taken)
    cfg = engine.load_config(DETECTOR)
    draw_predictions(cfg, tmp_path / "new")
    hook = cfg.default_hooks.visualization
    assert (hook.type, hook.draw, hook.test_out_dir) == ("DetVisualizationHook", True, str(tmp_path / "new"))
    assert cfg.default_hooks.timer.type == "IterTimerHook"


def test_only_dense_predictions_are_drawn_and_averaged(tiny_config: Path, tmp_path: Path) -> None:
    cfg = engine.load_config(tiny_config)
    with pytest.raises(UsageError, match=r"mmseg's models, but .*tiny\.py is of neither"):
        draw_predictions(cfg, tmp_path / "new")
    with pytest.raises(UsageError, match=r"tiny\.py is of neither"):
        average_over_flips(cfg)
    for path in (DETECTOR, ROOT / "configs/detection/mask2former_dinat-large_100e_coco-panoptic.py"):
        with pytest.raises(UsageError, match="predicts masks of instances, and mmdet averages boxes alone"):
            average_over_flips(engine.load_config(path))


def test_boxes_are_averaged_with_the_image_as_it_is_first() -> None:
    cfg = Config(
        {
            "default_scope": "mmdet",
            "model": {"type": "RetinaNet"},
            "test_dataloader": {
                "dataset": {"type": "RepeatDataset", "dataset": {"pipeline": [{"type": "Resize"}, {"type": "Pack"}]}}
            },
        }
    )
    average_over_flips(cfg)
    assert cfg.model.type == "DetTTAModel" and cfg.model.module.type == "RetinaNet"
    resize, views = cfg.test_dataloader.dataset.dataset.pipeline
    flips, (pack,) = views.transforms
    assert (resize.type, [flip.prob for flip in flips], pack.type) == ("Resize", [0.0, 1.0], "Pack")
    assert {"flip", "flip_direction"} <= set(pack.meta_keys)


def test_a_config_says_itself_how_predictions_are_averaged() -> None:
    cfg = engine.load_config(SEGMENTOR)
    mine = [{"type": "LoadImageFromFile"}]
    cfg.tta_pipeline, cfg.tta_model = mine, {"type": "MyTTAModel"}
    average_over_flips(cfg)
    assert cfg.test_dataloader.dataset.pipeline == mine and cfg.model.type == "MyTTAModel"


@pytest.fixture
def tested_config(tiny_config: Path, tmp_path: Path) -> Path:
    """The tiny config with a test of its training images, and random weights beside it."""
    tiny_config.write_text(
        tiny_config.read_text()
        + "test_dataloader = dict(batch_size=2, num_workers=0, collate_fn=dict(type='pseudo_collate'),"
        " sampler=dict(type='DefaultSampler', shuffle=False), dataset=dict(**dataset, test_mode=True))\n"
        "test_evaluator = dict(type='ForgeryMetric')\ntest_cfg = dict(type='TestLoop')\n"
    )
    cfg = engine.load_config(tiny_config)
    torch.save({"state_dict": MODELS.build(cfg.model).state_dict()}, tmp_path / "weights.pth")
    return tiny_config


def test_predictions_of_any_task_are_kept(tested_config: Path, tmp_path: Path) -> None:
    options = {"cfg_options": {"experiment_name": uuid4().hex}, "work_dir": tmp_path / "run"}
    with pytest.raises(UsageError, match=r"a \.pkl or \.pickle file, got kept\.json"):
        engine.test(tested_config, tmp_path / "weights.pth", out="kept.json", **options)
    assert "forgery/mean_ap" in engine.test(
        tested_config, tmp_path / "weights.pth", out=tmp_path / "kept.pkl", **options
    )
    assert len(pickle.loads((tmp_path / "kept.pkl").read_bytes())) == 12


def test_the_rate_is_scaled_by_the_images_per_step(tiny_config: Path, tmp_path: Path) -> None:
    options = {"experiment_name": uuid4().hex}
    with pytest.raises(UsageError, match=r"tiny\.py does not say .*: set auto_scale_lr\.base_batch_size"):
        engine.train(tiny_config, work_dir=tmp_path / "run", auto_scale_lr=True, cfg_options=options)
    options["auto_scale_lr.base_batch_size"] = 8
    plain = engine.train(tiny_config, work_dir=tmp_path / "plain", cfg_options=options)
    assert plain.optim_wrapper.get_lr()["lr"] == [0.01]
    options["experiment_name"] = uuid4().hex
    scaled = engine.train(tiny_config, work_dir=tmp_path / "scaled", auto_scale_lr=True, cfg_options=options)
    assert scaled.optim_wrapper.get_lr()["lr"] == [0.0025]  # 2 images for 8


@pytest.mark.parametrize("amp", [True, False])
def test_a_test_resumes_nothing_and_runs_in_the_precision_that_is_asked_for(
    amp: bool, tested_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dtypes: set[torch.dtype] = set()
    forward = ForgeryTrainer.forward

    def watched(self: Any, *args: Any, **options: Any) -> Any:
        hook = self.head.fc.register_forward_hook(lambda module, inputs, output: dtypes.add(output.dtype))
        try:
            return forward(self, *args, **options)
        finally:
            hook.remove()

    monkeypatch.setattr(ForgeryTrainer, "forward", watched)
    monkeypatch.setattr(Runner, "resume", lambda *args, **options: pytest.fail("a test resumes nothing"))
    options = {"experiment_name": uuid4().hex, "resume": True}
    engine.test(tested_config, tmp_path / "weights.pth", work_dir=tmp_path / "run", amp=amp, cfg_options=options)
    assert dtypes == {torch.bfloat16 if amp else torch.float32}
