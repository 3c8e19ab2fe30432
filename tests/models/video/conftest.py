"""Small video detectors on mmdet, and clips as its data loaders bring them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from vision.engine.openmmlab import registries_of

CHANNELS = 16


def two_stages(with_memory: bool = False) -> dict[str, Any]:
    """Faster R-CNN on one map of stride 16, without or with a memory of instances."""
    memory = {"num_heads": 4, "topk": 5, "memory": {"max_length": 20, "key_length": 10}} if with_memory else {}
    settings = {"nms_pre": 100, "max_per_img": 20, "nms": {"type": "nms", "iou_threshold": 0.7}, "min_bbox_size": 0}
    assigner = {"type": "MaxIoUAssigner", "pos_iou_thr": 0.5, "neg_iou_thr": 0.5, "min_pos_iou": 0.3}
    coder = {"type": "DeltaXYWHBBoxCoder"}
    return {
        "type": "FasterRCNN",
        "backbone": {
            "type": "ResNet",
            "depth": 18,
            "base_channels": 8,
            "strides": (1, 2, 2, 1),
            "dilations": (1, 1, 1, 2),
            "out_indices": (3,),
            "norm_eval": True,
        },
        "neck": {"type": "ChannelMapper", "in_channels": [64], "out_channels": CHANNELS},
        "rpn_head": {
            "type": "RPNHead",
            "in_channels": CHANNELS,
            "feat_channels": CHANNELS,
            "anchor_generator": {"type": "AnchorGenerator", "scales": [1, 2], "ratios": [1.0], "strides": [16]},
            "bbox_coder": coder,
        },
        "roi_head": {
            "type": "MambaRoIHead" if with_memory else "StandardRoIHead",
            "bbox_roi_extractor": {
                "type": "SingleRoIExtractor",
                "roi_layer": {"type": "RoIAlign", "output_size": 3, "sampling_ratio": 2},
                "out_channels": CHANNELS,
                "featmap_strides": [16],
            },
            "bbox_head": {
                "type": "MambaBBoxHead" if with_memory else "Shared2FCBBoxHead",
                "in_channels": CHANNELS,
                "fc_out_channels": 32,
                "roi_feat_size": 3,
                "num_classes": 3,
                "bbox_coder": coder,
                **memory,
            },
        },
        "train_cfg": {
            "rpn": {
                "assigner": assigner,
                "sampler": {"type": "RandomSampler", "num": 32, "pos_fraction": 0.5, "add_gt_as_proposals": False},
                "allowed_border": 0,
                "pos_weight": -1,
            },
            "rpn_proposal": settings,
            "rcnn": {
                "assigner": assigner,
                "sampler": {"type": "RandomSampler", "num": 16, "pos_fraction": 0.25},
                "pos_weight": -1,
            },
        },
        "test_cfg": {
            "rpn": settings,
            "rcnn": {"score_thr": 0.0, "nms": {"type": "nms", "iou_threshold": 0.5}, "max_per_img": 6},
        },
    }


def one_stage() -> dict[str, Any]:
    """RetinaNet on two maps, of strides 8 and 16."""
    return {
        "type": "RetinaNet",
        "backbone": {
            "type": "ResNet",
            "depth": 18,
            "num_stages": 3,
            "strides": (1, 2, 2),
            "dilations": (1, 1, 1),
            "base_channels": 8,
            "out_indices": (1, 2),
        },
        "neck": {"type": "FPN", "in_channels": [16, 32], "out_channels": CHANNELS, "num_outs": 2},
        "bbox_head": {
            "type": "RetinaHead",
            "num_classes": 3,
            "in_channels": CHANNELS,
            "feat_channels": CHANNELS,
            "stacked_convs": 1,
            "anchor_generator": {"type": "AnchorGenerator", "scales": [2.0], "ratios": [1.0], "strides": [8, 16]},
        },
        "train_cfg": {
            "assigner": {"type": "MaxIoUAssigner", "pos_iou_thr": 0.5, "neg_iou_thr": 0.4, "min_pos_iou": 0},
            "sampler": {"type": "PseudoSampler"},
            "allowed_border": -1,
            "pos_weight": -1,
        },
        "test_cfg": {
            "nms_pre": 50,
            "min_bbox_size": 0,
            "score_thr": 0.0,
            "nms": {"type": "nms", "iou_threshold": 0.5},
            "max_per_img": 6,
        },
    }


PIXEL = {"embed_dim": CHANNELS, "num_heads": 2, "pixels_per_box": 10, "max_length": 60, "key_length": 30}


KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": lambda: {"detector": two_stages()},
    "pixel": lambda: {"detector": two_stages(), "pixel": PIXEL},
    "instance": lambda: {"detector": two_stages(with_memory=True)},
    "full": lambda: {"detector": two_stages(with_memory=True), "pixel": PIXEL},
    "one-stage": lambda: {"detector": one_stage(), "pixel": {**PIXEL, "levels": (0, 1)}},
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Every kind of detector in turn."""
    return str(request.param)


@pytest.fixture
def video_detector() -> Callable[..., Any]:
    """A function that builds a `VideoDetector` of a kind in eval mode, with the same weights at every call."""
    from mmengine.config import ConfigDict

    def make(kind: str, **more: Any) -> Any:
        arguments = {**KINDS[kind](), **more}
        with registries_of("mmdet"):
            import vision.engine.registries.video  # noqa: F401 - registers the heads
            from vision.models import VideoDetector

            torch.manual_seed(0)
            return VideoDetector(**{**arguments, "detector": ConfigDict(arguments["detector"])}).eval()

    return make


@pytest.fixture
def clip() -> Callable[..., Any]:
    """A function that makes frames of a video."""
    return _clip


@pytest.fixture
def batch() -> Callable[..., Any]:
    """A function that joins clips."""
    return _batch


def _clip(video: int, frames: list[int], height: int = 64, width: int = 96, scale: float = 1.0, **roles: Any) -> Any:
    """Frames `[T, 3, H, W]` of a video and their sample, each with two objects; frames are the same at every call."""
    from mmdet.structures import DetDataSample, TrackDataSample
    from mmengine.structures import InstanceData

    images, samples = [], []
    for frame in frames:
        generator = torch.Generator().manual_seed(1000 * video + frame)
        images.append(torch.randn(3, height, width, generator=generator))
        sample = DetDataSample(
            metainfo={
                "video_id": video,
                "frame_id": frame,
                "img_shape": (height, width),
                "pad_shape": (height, width),
                "ori_shape": (round(height / scale), round(width / scale)),
                "scale_factor": (scale, scale),
                "batch_input_shape": (height, width),
            }
        )
        boxes = torch.tensor([[8.0, 8.0, 30.0, 30.0], [40.0, 20.0, 72.0, 52.0]])
        sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([0, 2]))
        sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
        samples.append(sample)
    track = TrackDataSample(metainfo=roles)
    track.video_data_samples = samples
    return torch.stack(images), track


def _batch(*clips: Any) -> tuple[torch.Tensor, list[Any]]:
    """Clips of one length, padded at right and bottom to the largest, as mmdet's preprocessor does it."""
    height = max(images.shape[2] for images, _ in clips)
    width = max(images.shape[3] for images, _ in clips)
    padded = [
        torch.nn.functional.pad(images, (0, width - images.shape[3], 0, height - images.shape[2]))
        for images, _ in clips
    ]
    for _, track in clips:
        for sample in track.video_data_samples:
            sample.set_metainfo({"batch_input_shape": (height, width)})
    return torch.stack(padded), [track for _, track in clips]
