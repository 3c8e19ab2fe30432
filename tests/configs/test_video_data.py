"""What docs/video-data.md says: labeled frames become a detector of one's own classes, by the tools and its configs."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DATASETS, MODELS, DefaultScope

from vision import engine
from vision.apis import VideoInferencer
from vision.apis.video import VideoFrames, VideoSink
from vision.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/video-data.md").read_text(encoding="utf-8")
FAST = {
    "train_cfg.max_iters": 2,
    "param_scheduler.total_steps": 2,
    "train_dataloader.batch_size": 1,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
    "train_dataloader.dataset.size": (96, 96),
    "default_hooks.checkpoint.interval": 2,
    "default_hooks.logger.interval": 1,
}


def run(tool: str, *arguments: str) -> int:
    return int(runpy.run_path(str(ROOT / f"tools/{tool}.py"))["main"](list(arguments)))


def config_of(base: str, folder: Path) -> Path:
    """The page's config over a base, as a file."""
    (text,) = (block for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S) if f'/{base}.py"' in block)
    path = folder / f"{base}_mine.py"
    path.write_text(text.replace('"configs/', f'"{ROOT}/configs/'))
    return path


@pytest.fixture
def labeled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data/mine as the page has it after its second step: frames of a video and labelme's files."""
    monkeypatch.chdir(tmp_path)
    with VideoSink("street.mp4") as sink:
        for number in range(6):
            frame = np.full((96, 128, 3), 90, np.uint8)
            frame[20:70, 10 + 5 * number : 50 + 5 * number] = (220, 160, 40)
            sink.write(frame)
    assert run("extract_frames", "street.mp4", "data/mine/frames/street", "--every", "2") == 0
    for file in sorted(Path("data/mine/frames/street").iterdir()):
        left = 10 + 5 * int(file.stem)
        shapes = [
            {"label": "forklift", "points": [[left, 20], [left + 40, 70]], "group_id": 1, "shape_type": "rectangle"},
            {"label": "pallet", "points": [[0, 80], [30, 80], [20, 95]], "group_id": 2, "shape_type": "polygon"},
        ]
        labels = {"shapes": shapes, "imagePath": file.name, "imageHeight": 96, "imageWidth": 128}
        file.with_suffix(".json").write_text(json.dumps(labels))
    assert run("dataset_converters/labelme", "data/mine/frames", "data/mine/train.json", "--videos") == 0
    return tmp_path


def test_the_short_way(labeled: Path) -> None:
    runner = engine.train(config_of("mamba-people-nano", labeled), work_dir="run", cfg_options=FAST)
    assert runner.iter == 2
    assert run("publish_video", "run/iter_2.pth", "mine.safetensors") == 0
    video = VideoInferencer(checkpoint="mine.safetensors", track=False)
    assert video.classes == ("forklift", "pallet")
    results = list(video.stream(VideoFrames("street.mp4")))
    assert [result.frame for result in results] == list(range(6)) and not any(result.error for result in results)


def test_more_classes_than_the_network_are_refused(labeled: Path) -> None:
    options = {**FAST, "model.network.classes": ("forklift",), "model.start": None}
    with pytest.raises(UsageError, match="has 2 classes"):
        engine.train(config_of("mamba-people-nano", labeled), work_dir="run", cfg_options=options)


def test_detectors_of_mmdet_take_the_same_file(labeled: Path) -> None:
    train = json.loads(Path("data/mine/train.json").read_text())
    Path("data/mine/val.json").write_text(json.dumps(train))
    cfg = engine.load_config(config_of("mamba-full_r50-dc5_3e_vid", labeled))
    assert cfg.model.detector.roi_head.bbox_head.num_classes == 2
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        assert MODELS.get(cfg.model.type) is not None
        data, judged = (DATASETS.build(cfg[f"{name}_dataloader"].dataset) for name in ("train", "test"))
    assert data.metainfo["classes"] == judged.metainfo["classes"] == ("forklift", "pallet")
    item = data[0, 1]
    assert item["inputs"].shape[0] == 3  # the key frame and two references
    assert len(judged) == 1 and judged[0, 0]["inputs"].shape[0] == 1
    sample = judged[0, 0]["data_samples"][0]
    assert sorted(sample.gt_instances.labels.tolist()) == [0, 1]
