"""Detectors of mmdet configs on frames: their preparation, memory, classes, and what cannot be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vision import engine
from vision.checkpoint import CheckpointError
from vision.engine.openmmlab import build_model
from vision.engine.video import ConfigDetector, load_video_detector
from vision.errors import UsageError
from vision.models.video.protocol import FrameDetector

ROOT = Path(__file__).resolve().parents[2]
ABLATION = ROOT / "configs/video/ablation"

PLAIN = """
default_scope = "mmdet"
custom_imports = dict(imports=["vision.engine.registries.video"], allow_failed_imports=False)
model = dict(
    type="RetinaNet",
    data_preprocessor=dict(type="DetDataPreprocessor", mean=[100.0] * 3, std=[50.0] * 3, bgr_to_rgb=True,
                           pad_size_divisor=32),
    backbone=dict(type="ResNet", depth=18, base_channels=8, num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1),
                  out_indices=(1, 2), norm_cfg=dict(type="BN"), norm_eval=True),
    neck=dict(type="FPN", in_channels=[16, 32], out_channels=16, num_outs=2),
    bbox_head=dict(type="RetinaHead", num_classes=3, in_channels=16, feat_channels=16, stacked_convs=1,
                   anchor_generator=dict(type="AnchorGenerator", scales=[4.0], ratios=[1.0], strides=[8, 16])),
    test_cfg=dict(nms_pre=50, min_bbox_size=0, score_thr=0.0, nms=dict(type="nms", iou_threshold=0.5), max_per_img=6),
)
test_dataloader = dict(dataset=dict(type="CocoDataset", metainfo=dict(classes=("cat", "dog")), pipeline=[
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(160, 96), keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="PackDetInputs"),
]))
"""


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The config of a small one-stage detector without memory."""
    path = tmp_path / "plain.py"
    path.write_text(PLAIN)
    return path


def weights_of(config: Path, path: Path, meta: dict[str, Any] | None = None) -> Path:
    """A training checkpoint of the config's model."""
    torch.manual_seed(0)
    state = build_model(engine.load_config(config)).state_dict()
    # Random weights spread, so that scores differ.
    noisy = {key: value + 0.1 * torch.randn_like(value) if "fc_" in key else value for key, value in state.items()}
    from mmengine.logging import HistoryBuffer  # in every checkpoint of mmengine

    torch.save({"state_dict": noisy, "meta": meta or {}, "message_hub": {"loss": HistoryBuffer([1.0], [1])}}, path)
    return path


def frames(count: int = 3, height: int = 120, width: int = 160) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count)]


def test_a_plain_detector_gives_what_mmdet_gives(plain: Path, tmp_path: Path) -> None:
    checkpoint = weights_of(plain, tmp_path / "a.pth")
    detector = load_video_detector(plain, checkpoint)
    assert isinstance(detector, FrameDetector)
    assert detector.classes == ("cat", "dog", "class 2")
    assert detector.new_memory() is None
    (frame,) = frames(1, 60, 80)
    found = detector.detect(frame, None)

    # By hand: 80 x 60 becomes 128 x 96, in red, green, blue, which is the size that the network is padded to, too.
    import cv2
    from mmdet.structures import DetDataSample

    assert isinstance(detector, ConfigDetector)
    image = torch.from_numpy(cv2.resize(frame, (128, 96), interpolation=cv2.INTER_LINEAR)).permute(2, 0, 1).float()
    sample = DetDataSample(
        metainfo={
            "img_shape": (96, 128),
            "ori_shape": (60, 80),
            "scale_factor": (1.6, 1.6),
            "batch_input_shape": (96, 128),
        }
    )
    with torch.no_grad():
        (expected,) = detector.model.predict(((image - 100) / 50)[None], [sample])
    assert len(found.boxes) == 6
    np.testing.assert_allclose(found.boxes, expected.pred_instances.bboxes.numpy(), atol=1e-3)
    np.testing.assert_allclose(found.scores, expected.pred_instances.scores.numpy(), atol=1e-5)
    assert (found.boxes.dtype, found.scores.dtype, found.labels.dtype) == (np.float32, np.float32, np.int64)
    middle = float(found.scores[2])
    assert len(detector.detect(frame, None, threshold=middle).scores) == 3


@pytest.mark.parametrize(
    ("max_size", "seen"), [(None, (96, 160)), (200, (96, 160)), (160, (96, 160)), (100, (64, 128)), (64, (64, 64))]
)
def test_the_longest_side_is_bounded(max_size: int | None, seen: tuple[int, int], plain: Path) -> None:
    detector = load_video_detector(plain)
    assert isinstance(detector, ConfigDetector)
    sizes = []
    detector.model.backbone.register_forward_hook(lambda _, inputs, __: sizes.append(tuple(inputs[0].shape[-2:])))
    (frame,) = frames(1, 192, 320)
    found = detector.detect(frame, None, max_size=max_size)
    assert sizes == [seen]  # after the padding to multiples of 32
    assert found.boxes.max() > 160  # in pixels of the frame


def test_a_fixed_padding_does_not_undo_the_bound(plain: Path) -> None:
    steps = 'dict(type="Resize", scale=(160, 160), keep_ratio=True), dict(type="Pad", size=(160, 160)),'
    plain.write_text(PLAIN.replace('dict(type="Resize", scale=(160, 96), keep_ratio=True),', steps))
    detector = load_video_detector(plain)
    assert isinstance(detector, ConfigDetector)
    sizes = []
    detector.model.backbone.register_forward_hook(lambda _, inputs, __: sizes.append(tuple(inputs[0].shape[-2:])))
    (frame,) = frames(1, 192, 320)
    for max_size in (None, 160, 96):
        detector.detect(frame, None, max_size=max_size)
    assert sizes == [(160, 160), (160, 160), (64, 96)]


def test_a_video_detector_remembers_what_its_memory_saw(tmp_path: Path) -> None:
    config = ABLATION / "full.py"
    checkpoint = weights_of(config, tmp_path / "full.pth", {"dataset_meta": {"classes": ("a", "b", "c", "d")}})
    detector = load_video_detector(config, checkpoint)
    assert isinstance(detector, FrameDetector)
    assert detector.classes == ("a", "b", "c", "d")
    first, second, third = frames()
    memory = detector.new_memory(3)
    alone = [detector.detect(frame, None).scores for frame in (first, third)]
    assert np.array_equal(detector.detect(first, memory).scores, alone[0])  # a cold start
    detector.detect(second, memory)
    state = memory.state_dict()
    last = detector.detect(third, memory)
    assert not np.array_equal(last.scores, alone[1])
    resumed = detector.new_memory(4)
    resumed.load_state_dict(state)
    assert np.array_equal(detector.detect(third, resumed).boxes, last.boxes)


def test_a_video_detector_without_memory_has_none(tmp_path: Path) -> None:
    detector = load_video_detector(ABLATION / "single.py")
    assert detector.new_memory() is None
    assert detector.classes == ("class 0", "class 1")
    assert len(detector.detect(frames(1)[0], None).scores)


def test_the_network_for_people_is_itself(tmp_path: Path) -> None:
    from vision.models.video.network import VideoNetwork

    shipped = ROOT / "vision/weights/mamba_people_nano.safetensors"
    detector = load_video_detector(ROOT / "configs/video/mamba-people-nano.py", shipped)
    assert isinstance(detector, VideoNetwork) and detector.classes == ("person",) and not detector.training


@pytest.mark.parametrize("name", ["single", "pixel", "instance"])
def test_a_checkpoint_of_another_model_is_named(name: str, tmp_path: Path, plain: Path) -> None:
    checkpoint = weights_of(ABLATION / f"{name}.py", tmp_path / "other.pth")
    for config in (ABLATION / "full.py", plain):
        with pytest.raises(CheckpointError, match=r"other\.pth is of another model"):
            load_video_detector(config, checkpoint)
    with pytest.raises(CheckpointError, match=r"gone\.pth does not exist"):
        load_video_detector(plain, tmp_path / "gone.pth")


def test_what_is_no_detector_is_refused(tmp_path: Path, plain: Path) -> None:
    with pytest.raises(UsageError, match="is no detector: default_scope is 'mmseg'") as caught:
        load_video_detector(next((ROOT / "configs/segmentation").glob("upernet_nat-mini*.py")))
    assert caught.value.code == "bad-config"
    plain.write_text(PLAIN + "model.update(tracker=dict(type='ByteTracker'))\n")
    with pytest.raises(UsageError, match=r"plain\.py is of a tracker, RetinaNet"):
        load_video_detector(plain)
    plain.write_text(PLAIN.replace("test_dataloader", "val_dataloader"))
    with pytest.raises(UsageError, match="no test_dataloader whose dataset has a pipeline"):
        load_video_detector(plain)
    plain.write_text(PLAIN.replace('model = dict(\n    type="RetinaNet"', 'model = dict(\n    type="NoSuchNet"'))
    with pytest.raises(UsageError, match="NoSuchNet"):
        load_video_detector(plain)


@pytest.mark.parametrize(
    ("meta", "names"),
    [
        ({"classes": ("a", "b")}, ("a", "b", "class 2")),
        ({"CLASSES": ("a", "b")}, ("a", "b", "class 2")),  # as mmdet 3.0's release candidates wrote it
        ({"classes": "a"}, ("a", "class 1", "class 2")),
        ({"classes": (1, 2)}, ("cat", "dog", "class 2")),
        ({}, ("cat", "dog", "class 2")),
    ],
)
def test_classes_are_those_that_a_checkpoint_names(
    plain: Path, tmp_path: Path, meta: dict[str, Any], names: tuple[str, ...]
) -> None:
    detector = load_video_detector(plain, weights_of(plain, tmp_path / "named.pth", {"dataset_meta": meta}))
    assert detector.classes == names
