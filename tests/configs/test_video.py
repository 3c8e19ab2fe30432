"""The video configs: what tools/train.py and tools/test.py make of them, on small clips."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import pytest
import torch

from vision import engine

ROOT = Path(__file__).resolve().parents[2]
ABLATION = ROOT / "configs/video/ablation"
NANO = ROOT / "configs/video/mamba-people-nano.py"
HEIGHT, WIDTH, FRAMES = 64, 96, 4
BOXES = {"a": (8, 10, 36, 44), "b": (40, 6, 40, 48), "c": (20, 12, 44, 40)}  # x, y, width, height in frame 0

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos in CocoVID's form, in which a textured thing moves two pixels a frame; video b is shorter."""
    root = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    content: dict[str, list[dict[str, Any]]] = {"videos": [], "images": [], "annotations": []}
    content["categories"] = [{"id": i + 1, "name": name} for i, name in enumerate(("person", "dog", "cat", "car"))]
    for video, (name, (x, y, width, height)) in enumerate(BOXES.items(), 1):
        content["videos"].append({"id": video, "name": name})
        ground = rng.integers(0, 90, (HEIGHT, WIDTH, 3), np.uint8)
        thing = rng.integers(120, 256, (height, width, 3), np.uint8)
        (root / name).mkdir()
        for frame in range(FRAMES - (name == "b")):
            image, at = len(content["images"]) + 1, x + 2 * frame
            picture = ground.copy()
            picture[y : y + height, at : at + width] = thing[:, : WIDTH - at]
            cv2.imwrite(str(root / name / f"{frame}.png"), picture)
            size = {"height": HEIGHT, "width": WIDTH}
            place = {"video_id": video, "frame_id": frame, "file_name": f"{name}/{frame}.png"}
            content["images"].append({"id": image, **place, **size})
            box = [at, y, min(width, WIDTH - at), height]
            content["annotations"].append(
                {"id": image, "image_id": image, "video_id": video, "category_id": 1, "instance_id": video}
                | {"bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            )
    (root / "clips.json").write_text(json.dumps(content))
    return root


def of_clips(root: Path, **more: Any) -> dict[str, Any]:
    """Options that let a config of the ablation read the clips, small and short."""
    data = {"type": "CocoVID", "ann_file": str(root / "clips.json"), "data_prefix": {"img_path": str(root)}}
    load = [{"type": "LoadImageFromFile"}, {"type": "LoadTrackAnnotations"}]
    flip = {"type": "RandomFlip", "prob": 0.5}
    train = [
        {"type": "BilateralUniformSample", "num_ref_imgs": 2},
        {"type": "TransformBroadcaster", "share_random_params": True, "transforms": [*load, flip]},
        {"type": "PackTrackInputs"},
    ]
    test = [
        {"type": "TransformBroadcaster", "transforms": load},
        {"type": "PackTrackInputs", "meta_keys": ("video_name",)},
    ]
    tested = {"_delete_": True, **data, "pipeline": test, "test_mode": True}
    return {
        "experiment_name": uuid4().hex,
        "train_dataloader.dataset": {"_delete_": True, **data, "pipeline": train},
        "train_dataloader.batch_size": 2,
        "test_dataloader.dataset": tested,
        "train_cfg.max_iters": 2,
        "param_scheduler": {"_delete_": True, "type": "ConstantLR", "factor": 1.0, "by_epoch": False},
        "default_hooks.logger.interval": 1,
        "default_hooks.checkpoint.interval": 1,
        "default_hooks.checkpoint.max_keep_ckpts": 2,
        "model.detector.test_cfg.rpn.max_per_img": 20,
        "model.detector.roi_head.bbox_head.num_classes": 4,
        **more,
    }


@pytest.fixture(scope="module")
def trained(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full detector after two iterations of two videos each; the folder of its run."""
    folder = tmp_path_factory.mktemp("trained")
    runner = engine.train(ABLATION / "full.py", work_dir=folder, cfg_options=of_clips(clips))
    assert runner.iter == 2
    assert torch.isfinite(torch.as_tensor(runner.message_hub.get_scalar("train/loss").current()))
    return folder


def test_a_checkpoint_knows_its_classes(trained: Path) -> None:
    from vision.engine.video import load_video_detector

    config = next(trained.glob("*.py"))
    detector = load_video_detector(config, trained / "iter_2.pth")
    assert detector.classes == ("person", "dog", "cat", "car")


def test_training_resumes(trained: Path, clips: Path, tmp_path: Path) -> None:
    options = of_clips(clips, **{"train_cfg.max_iters": 3})
    runner = engine.train(
        ABLATION / "full.py", work_dir=tmp_path, cfg_options=options, resume=str(trained / "iter_2.pth")
    )
    assert runner.iter == 3
    assert len(runner.message_hub.get_scalar("train/loss").data[0]) == 3
    before = torch.load(trained / "iter_2.pth", weights_only=True)["state_dict"]
    after = runner.model.state_dict()
    assert set(after) == set(before)
    learned = ("pixel", "roi_head.bbox_head.aggregator", "neck", "rpn_head")
    for part in learned:
        changed = [not torch.equal(after[key], before[key]) for key in before if part in key]
        assert any(changed), part


@pytest.mark.parametrize("mode", ["causal", "offline"])
def test_several_videos_a_batch_are_judged_as_one_by_one(mode: str, trained: Path, clips: Path, tmp_path: Path) -> None:
    values = []
    for batch in (1, 3):
        options = of_clips(
            clips,
            **{"test_dataloader.batch_size": batch, "model.mode": mode},
            **({"test_dataloader.dataset.num_references": 2} if mode == "offline" else {}),
        )
        values.append(engine.test(ABLATION / "full.py", trained / "iter_2.pth", work_dir=tmp_path, cfg_options=options))
    assert values[0] == values[1]
    assert values[0]["vid/mode"] == mode
    assert 0 <= values[0]["vid/ap50"] <= 1 and {"vid/ap", "vid/voc_ap50"} <= set(values[0])


def test_generated_clips_train_and_are_judged(tmp_path: Path) -> None:
    options = {
        "experiment_name": uuid4().hex,
        "train_dataloader.dataset.num_videos": 2,
        "train_dataloader.dataset.num_frames": 3,
        "train_dataloader.batch_size": 2,
        "test_dataloader.dataset.num_videos": 2,
        "test_dataloader.dataset.num_frames": 3,
        "test_dataloader.batch_size": 2,
        "train_cfg.max_iters": 2,
        "param_scheduler": {"_delete_": True, "type": "ConstantLR", "factor": 1.0, "by_epoch": False},
        "default_hooks.checkpoint.interval": 2,
    }
    runner = engine.train(ABLATION / "pixel.py", work_dir=tmp_path, cfg_options=options)
    assert runner.iter == 2
    options["experiment_name"] = uuid4().hex
    values = engine.test(ABLATION / "pixel.py", tmp_path / "iter_2.pth", work_dir=tmp_path, cfg_options=options)
    assert 0 <= values["vid/ap50"] <= 1


def test_the_shipped_network_is_judged_by_the_tool(clips: Path, tmp_path: Path) -> None:
    from vision.models import VideoTrainer, video_detector

    checkpoint = tmp_path / "nano.pth"
    torch.save({"state_dict": VideoTrainer(video_detector()).state_dict(), "meta": {}}, checkpoint)
    values = []
    for batch in (1, 2):
        options = {
            "experiment_name": uuid4().hex,
            "test_dataloader.dataset.ann_file": str(clips / "clips.json"),
            "test_dataloader.dataset.data_prefix.img_path": str(clips),
            "test_dataloader.batch_size": batch,
            "test_dataloader.num_workers": 0,
            "test_dataloader.persistent_workers": False,
        }
        values.append(engine.test(NANO, checkpoint, work_dir=tmp_path, cfg_options=options))
    assert values[0] == values[1]
    assert values[0]["vid/mode"] == "causal"
