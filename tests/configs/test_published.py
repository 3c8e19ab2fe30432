"""Every config that stands for a published training has the published values, in what is built from it.

The table holds figures of the papers and of the authors' files; none is read from ours.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import timm
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

import backbones.neighborhood.timm_models  # noqa: F401 - registers the models
from vision import engine

ROOT = Path(__file__).resolve().parents[2]

Dilations = list[list[int]]


class Recipe(NamedTuple):
    """What a published training was run with.

    Attributes:
        drop_path: of the last block; the first has 0, those between rise linearly.
        dilations: of every layer.
        rate, decay: of AdamW.
        length: of the training: iterations of Mask2Former and UPerNet, epochs of the others.
        side: height and width of training crops; None where images are not cropped to one size.
        queries: of Mask2Former.
    """

    drop_path: float
    dilations: Dilations
    rate: float
    decay: float
    length: int
    side: tuple[int, int] | None = None
    queries: int | None = None


def _none(*depths: int) -> Dilations:
    return [[1] * depth for depth in depths]


_MINI, _DEEP = _none(3, 4, 6, 5), _none(3, 4, 18, 5)

# ImageNet, 224 x 224.
_224 = [[1, 8, 1], [1, 4, 1, 4], [1, 2] * 3, [1] * 5]
_224_DEEP = [[1, 8, 1], [1, 4, 1, 4], [1, 2] * 9, [1] * 5]
_224_S = [[1, 8], [1, 4], [1, 2] * 3, [1, 1]]
_224_S_DEEP = [[1, 8], [1, 4], [1, 2] * 9, [1, 1]]
_384_DEEP = [[1, 13, 1], [1, 6, 1, 6], [1, 3] * 9, [1] * 5]
_384_S_DEEP = [[1, 13], [1, 6], [1, 3] * 9, [1, 1]]
_FROM_SCRATCH: dict[str, Any] = {"rate": 1e-3, "decay": 0.05, "length": 310, "side": (224, 224)}
_FROM_22K: dict[str, Any] = {"rate": 5e-5, "length": 30}

CLASSIFICATION = {
    "nat-mini_in1k": Recipe(0.2, _MINI, **_FROM_SCRATCH),
    "nat-tiny_in1k": Recipe(0.2, _DEEP, **_FROM_SCRATCH),
    "nat-small_in1k": Recipe(0.3, _DEEP, **_FROM_SCRATCH),
    "nat-base_in1k": Recipe(0.5, _DEEP, **_FROM_SCRATCH),
    "dinat-mini_in1k": Recipe(0.2, _224, **_FROM_SCRATCH),
    "dinat-tiny_in1k": Recipe(0.2, _224_DEEP, **_FROM_SCRATCH),
    "dinat-small_in1k": Recipe(0.3, _224_DEEP, **_FROM_SCRATCH),
    "dinat-base_in1k": Recipe(0.5, _224_DEEP, **_FROM_SCRATCH),
    "dinat-s-tiny_in1k": Recipe(0.2, _224_S, **_FROM_SCRATCH),
    "dinat-s-small_in1k": Recipe(0.3, _224_S_DEEP, **_FROM_SCRATCH),
    "dinat-s-base_in1k": Recipe(0.5, _224_S_DEEP, **_FROM_SCRATCH),
    "dinat-large_in1k": Recipe(0.35, _224_DEEP, decay=1e-4, side=(224, 224), **_FROM_22K),
    "dinat-s-large_in1k": Recipe(0.35, _224_S_DEEP, decay=1e-4, side=(224, 224), **_FROM_22K),
    "dinat-large_in1k-384": Recipe(0.35, _384_DEEP, decay=1e-10, side=(384, 384), **_FROM_22K),
    "dinat-large-11x11_in1k-384": Recipe(0.35, _224_DEEP, decay=1e-10, side=(384, 384), **_FROM_22K),
    "dinat-s-large_in1k-384": Recipe(0.35, _384_S_DEEP, decay=1e-5, side=(384, 384), **_FROM_22K),
}

# COCO with Mask R-CNN and Cascade Mask R-CNN.
_COCO = [[1, 28, 1], [1, 7, 1, 14], [1, 3, 1, 5, 1, 7], [1, 3, 1, 3, 1]]
_COCO_DEEP = [[1, 28, 1], [1, 7, 1, 14], [1, 3, 1, 5, 1, 7] * 3, [1, 3, 1, 3, 1]]
_COCO_S = [[1, 28], [1, 14], [1, 3, 1, 5, 1, 7], [1, 3]]
_COCO_S_DEEP = [[1, 28], [1, 14], [1, 3, 1, 5, 1, 7] * 3, [1, 3]]
_3X: dict[str, Any] = {"decay": 0.05, "length": 36}

DETECTION = {
    "mask-rcnn_nat-mini_3x_coco": Recipe(0.2, _MINI, 1e-4, **_3X),
    "mask-rcnn_nat-tiny_3x_coco": Recipe(0.2, _DEEP, 1e-4, **_3X),
    "mask-rcnn_nat-small_3x_coco": Recipe(0.35, _DEEP, 1e-4, **_3X),
    "mask-rcnn_dinat-mini_3x_coco": Recipe(0.2, _COCO, 1e-4, **_3X),
    "mask-rcnn_dinat-tiny_3x_coco": Recipe(0.2, _COCO_DEEP, 1e-4, **_3X),
    "mask-rcnn_dinat-small_3x_coco": Recipe(0.35, _COCO_DEEP, 1e-4, **_3X),
    "mask-rcnn_dinat-s-tiny_3x_coco": Recipe(0.2, _COCO_S, 1e-4, **_3X),
    "mask-rcnn_dinat-s-small_3x_coco": Recipe(0.35, _COCO_S_DEEP, 1e-4, **_3X),
    "cascade-mask-rcnn_nat-mini_3x_coco": Recipe(0.2, _MINI, 1e-4, **_3X),
    "cascade-mask-rcnn_nat-tiny_3x_coco": Recipe(0.3, _DEEP, 1e-4, **_3X),
    "cascade-mask-rcnn_nat-small_3x_coco": Recipe(0.3, _DEEP, 1e-4, **_3X),
    "cascade-mask-rcnn_nat-base_3x_coco": Recipe(0.5, _DEEP, 1e-4, **_3X),
    "cascade-mask-rcnn_dinat-mini_3x_coco": Recipe(0.2, _COCO, 1e-4, **_3X),
    "cascade-mask-rcnn_dinat-tiny_3x_coco": Recipe(0.3, _COCO_DEEP, 1e-4, **_3X),
    "cascade-mask-rcnn_dinat-small_3x_coco": Recipe(0.5, _COCO_DEEP, 1e-4, **_3X),
    "cascade-mask-rcnn_dinat-base_3x_coco": Recipe(0.6, _COCO_DEEP, 7.5e-5, **_3X),
    "cascade-mask-rcnn_dinat-large_3x_coco": Recipe(0.6, _COCO_DEEP, 7.5e-5, **_3X),
    "cascade-mask-rcnn_dinat-s-tiny_3x_coco": Recipe(0.3, _COCO_S, 1e-4, **_3X),
    "cascade-mask-rcnn_dinat-s-small_3x_coco": Recipe(0.5, _COCO_S_DEEP, 1e-4, **_3X),
    "cascade-mask-rcnn_dinat-s-base_3x_coco": Recipe(0.6, _COCO_S_DEEP, 7.5e-5, **_3X),
    "cascade-mask-rcnn_dinat-s-large_3x_coco": Recipe(0.6, _COCO_S_DEEP, 5e-5, **_3X),
}

_ADE = [[1, 16, 1], [1, 4, 1, 8], [1, 2, 1, 3, 1, 4], [1, 2, 1, 2, 1]]
_ADE_DEEP = [[1, 16, 1], [1, 4, 1, 8], [1, 2, 1, 3, 1, 4] * 3, [1, 2, 1, 2, 1]]
_ADE_S = [[1, 16], [1, 8], [1, 2, 1, 3, 1, 4], [1, 2]]
_ADE_S_DEEP = [[1, 16], [1, 8], [1, 2, 1, 3, 1, 4] * 3, [1, 2]]
_THIRD_AT_640 = [1, 2, 1, 3, 1, 4, 1, 5, 1, 2, 1, 3, 1, 4, 1, 5, 1, 5]
_ADE_LARGE = [[1, 20, 1], [1, 5, 1, 10], _THIRD_AT_640, [1, 2, 1, 2, 1]]
_ADE_S_LARGE = [[1, 20], [1, 10], _THIRD_AT_640, [1, 2]]
_512: dict[str, Any] = {"rate": 6e-5, "decay": 0.01, "length": 160_000, "side": (512, 512)}
_640: dict[str, Any] = {"rate": 6e-5, "decay": 0.01, "length": 160_000, "side": (640, 640)}

SEGMENTATION = {
    "upernet_nat-mini_160k_ade20k-512x512": Recipe(0.2, _MINI, **_512),
    "upernet_nat-tiny_160k_ade20k-512x512": Recipe(0.3, _DEEP, **_512),
    "upernet_nat-small_160k_ade20k-512x512": Recipe(0.5, _DEEP, **_512),
    "upernet_nat-base_160k_ade20k-512x512": Recipe(0.5, _DEEP, **_512),
    "upernet_dinat-mini_160k_ade20k-512x512": Recipe(0.2, _ADE, **_512),
    "upernet_dinat-tiny_160k_ade20k-512x512": Recipe(0.3, _ADE_DEEP, **_512),
    "upernet_dinat-small_160k_ade20k-512x512": Recipe(0.5, _ADE_DEEP, **_512),
    "upernet_dinat-base_160k_ade20k-512x512": Recipe(0.5, _ADE_DEEP, **_512),
    "upernet_dinat-large_160k_ade20k-640x640": Recipe(0.3, _ADE_LARGE, **_640),
    "upernet_dinat-s-tiny_160k_ade20k-512x512": Recipe(0.3, _ADE_S, **_512),
    "upernet_dinat-s-small_160k_ade20k-512x512": Recipe(0.3, _ADE_S_DEEP, **_512),
    "upernet_dinat-s-base_160k_ade20k-512x512": Recipe(0.3, _ADE_S_DEEP, **_512),
    "upernet_dinat-s-large_160k_ade20k-640x640": Recipe(0.3, _ADE_S_LARGE, **_640),
}

_11X11 = [[1, 14, 1], [1, 4, 1, 7], [1, 2, 1, 3, 1, 2, 1, 3, 1, 2, 1, 3, 1, 2, 1, 3, 1, 3], [1] * 5]


def _mask2former(length: int, side: tuple[int, int], queries: int) -> Recipe:
    return Recipe(0.3, _11X11, 1e-4, 0.05, length, side, queries)


MASK2FORMER = {
    "mask2former_dinat-large_100e_coco-instance": _mask2former(737_500, (1024, 1024), 200),
    "mask2former_dinat-large_100e_coco-panoptic": _mask2former(737_500, (1024, 1024), 200),
    "mask2former_dinat-large_160k_ade20k-instance": _mask2former(160_000, (640, 640), 200),
    "mask2former_dinat-large_160k_ade20k-panoptic": _mask2former(160_000, (640, 640), 200),
    "mask2former_dinat-large_160k_ade20k-640x640": _mask2former(160_000, (640, 640), 100),
    "mask2former_dinat-large_90k_cityscapes-instance": _mask2former(90_000, (512, 1024), 200),
    "mask2former_dinat-large_90k_cityscapes-512x1024": _mask2former(90_000, (512, 1024), 100),
}


class Video(NamedTuple):
    """A training of MAMBA on ImageNet VID with ResNet-101; the authors' tests are offline.

    Attributes:
        ap50: on the validation videos, in percent.
        pixel, instance: which memories it has.
        references: of each key frame in training.
    """

    ap50: float
    pixel: bool
    instance: bool
    references: int


VIDEO = {
    "faster-rcnn_r101-dc5_3e_vid": Video(75.4, False, False, 0),
    "mamba-pixel_r101-dc5_3e_vid-offline": Video(81.8, True, False, 2),
    "mamba-instance_r101-dc5_3e_vid-offline": Video(83.7, False, True, 2),
    "mamba-full_r101-dc5_3e_vid-offline": Video(84.6, True, True, 2),
}

RECIPES = {**CLASSIFICATION, **DETECTION, **SEGMENTATION, **MASK2FORMER}
PATHS = {path.stem: path for path in (ROOT / "configs").rglob("*.py") if "_base_" not in path.parts}
# Trainings of our own, on data of our own or the user's.
OURS = {"dinat-nano_cifar10", "dinat-tiny_finetune", "mask-rcnn_dinat-mini_samples"}
every_recipe = pytest.mark.parametrize("name", RECIPES)


@functools.cache
def built(name: str) -> tuple[Config, nn.Module]:
    """A config and its model, whose parameters have shapes but no values."""
    cfg = engine.load_config(PATHS[name])
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device("meta"):
        return cfg, MODELS.build(cfg.model)


def test_no_config_is_left_out() -> None:
    tasks = {
        name for name, path in PATHS.items() if path.parent.name in ("classification", "detection", "segmentation")
    }
    assert tasks - OURS == set(RECIPES)


@every_recipe
def test_backbone(name: str) -> None:
    backbone = built(name)[1].backbone
    levels = backbone.layers if hasattr(backbone, "layers") else backbone.levels
    blocks = [list(level.blocks) for level in levels]
    assert [[block.attn.dilation[0] for block in level] for level in blocks] == RECIPES[name].dilations
    windows = {block.attn.kernel_size for level in blocks for block in level}
    assert windows == {(11, 11) if "mask2former" in name or "11x11" in name else (7, 7)}
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for level in blocks for block in level]
    expected = [RECIPES[name].drop_path * i / (len(rates) - 1) for i in range(len(rates))]
    assert rates == pytest.approx(expected, abs=1e-6)


@every_recipe
def test_optimizer_and_length(name: str) -> None:
    cfg, _ = built(name)
    recipe = RECIPES[name]
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ("AdamW", recipe.rate, recipe.decay)
    assert tuple(optimizer.get("betas", (0.9, 0.999))) == (0.9, 0.999)
    by_iterations = name in SEGMENTATION or name in MASK2FORMER
    assert cfg.train_cfg.get("max_iters" if by_iterations else "max_epochs") == recipe.length
    # Eight processes each.
    batch = 2 if name not in CLASSIFICATION else 64 if "large" in name else 128
    assert cfg.train_dataloader.batch_size == batch
    assert cfg.auto_scale_lr == {"enable": False, "base_batch_size": 8 * batch}


@every_recipe
def test_crops(name: str) -> None:
    cfg, _ = built(name)
    dataset = cfg.train_dataloader.dataset
    if name in CLASSIFICATION:
        assert (dataset.transform.input_size,) * 2 == RECIPES[name].side
        assert cfg.val_dataloader.dataset.transform.crop_pct == (1.0 if name.endswith("384") else 0.875)
        return
    crops = {tuple(step.crop_size) for step in dataset.pipeline if step.type == "RandomCrop"}
    assert crops == ({RECIPES[name].side} if RECIPES[name].side else set())


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_classifiers(name: str) -> None:
    cfg, model = built(name)
    steps = cfg.param_scheduler if isinstance(cfg.param_scheduler, list) else [cfg.param_scheduler]
    assert cfg.optim_wrapper.clip_grad.max_norm == 5.0
    assert model.label_smoothing == 0.1
    transform = cfg.train_dataloader.dataset.transform
    assert (transform.auto_augment, transform.color_jitter) == ("rand-m9-mstd0.5-inc1", 0.4)
    assert (transform.re_prob, transform.re_mode) == (0.25, "pixel")
    if "large" in name:
        assert [(step.type, step.start_factor, step.end_factor, step.end) for step in steps] == [("LinearLR", 1, 0, 30)]
        assert cfg.model.get("mixup") is None
        return
    warmup, cosine = steps
    assert (warmup.type, warmup.start_factor * cfg.optim_wrapper.optimizer.lr, warmup.end) == ("LinearLR", 1e-6, 20)
    assert (cosine.type, cosine.eta_min, cosine.begin, cosine.end) == ("CosineAnnealingLR", 5e-6, 20, 300)
    assert cfg.model.mixup == {"mixup_alpha": 0.8, "cutmix_alpha": 1.0}


@pytest.mark.parametrize("name", DETECTION)
def test_detectors(name: str) -> None:
    cfg, _ = built(name)
    warmup, steps = cfg.param_scheduler
    assert (warmup.type, warmup.start_factor, warmup.end, warmup.by_epoch) == ("LinearLR", 1e-3, 500, False)
    assert (steps.type, steps.milestones, steps.gamma) == ("MultiStepLR", [27, 33], 0.1)
    choice = next(step for step in cfg.train_dataloader.dataset.pipeline if step.type == "RandomChoice")
    whole, cropped = choice.transforms
    sides = [(side, 1333) for side in (480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800)]
    assert whole[0].scales == sides == cropped[-1].scales
    assert cropped[0].scales == [(400, 1333), (500, 1333), (600, 1333)]
    assert (cropped[1].crop_type, cropped[1].crop_size) == ("absolute_range", (384, 600))
    assert [step.scale for step in cfg.test_dataloader.dataset.pipeline if step.type == "Resize"] == [(1333, 800)]
    heads = cfg.model.roi_head.bbox_head
    if name.startswith("cascade"):
        assert [(head.num_shared_convs, head.num_shared_fcs, head.norm_cfg.type) for head in heads] == [
            (4, 1, "SyncBN")
        ] * 3
        assert [(head.loss_bbox.type, head.loss_bbox.loss_weight) for head in heads] == [("GIoULoss", 10.0)] * 3


@pytest.mark.parametrize("name", SEGMENTATION)
def test_segmentors(name: str) -> None:
    warmup, poly = built(name)[0].param_scheduler
    assert (warmup.type, warmup.begin, warmup.end, warmup.by_epoch) == ("LinearLR", 0, 1500, False)
    assert (poly.type, poly.power, poly.eta_min, poly.begin, poly.end) == ("PolyLR", 1.0, 0.0, 1500, 160_000)


@pytest.mark.parametrize("name", MASK2FORMER)
def test_mask2former(name: str) -> None:
    cfg, model = built(name)
    head = model.decode_head if hasattr(model, "decode_head") else model.panoptic_head
    assert head.num_queries == RECIPES[name].queries == head.query_embed.num_embeddings
    assert cfg.optim_wrapper.clip_grad == {"max_norm": 0.01, "norm_type": 2}
    assert cfg.optim_wrapper.paramwise_cfg.custom_keys["backbone"].lr_mult == 0.1
    assert cfg.model.data_preprocessor.bgr_to_rgb
    schedule = cfg.param_scheduler
    if "coco" in name:
        assert (schedule.type, schedule.milestones, schedule.gamma) == ("MultiStepLR", [655_556, 710_184], 0.1)
    else:
        assert (schedule.type, schedule.power, schedule.end) == ("PolyLR", 0.9, RECIPES[name].length)


@pytest.mark.parametrize("name", sorted(set(PATHS) - set(RECIPES)))
def test_rates_of_other_trainings_are_for_their_own_batches(name: str) -> None:
    cfg = engine.load_config(PATHS[name])
    if cfg.get("train_dataloader") is None:
        return
    processes = 2 if "nano_synthetic" in name else 8 if "samples" in name or "e_vid" in name else 1
    scaling = {"enable": False, **cfg.auto_scale_lr}
    assert scaling == {"enable": False, "base_batch_size": processes * cfg.train_dataloader.batch_size}


@pytest.mark.parametrize("name", VIDEO)
def test_video_detectors(name: str) -> None:
    recipe, (cfg, model) = VIDEO[name], built(name)
    detector = model.detector
    assert (model.pixel is not None, hasattr(detector.roi_head, "new_banks")) == (recipe.pixel, recipe.instance)
    banks = [] if model.pixel is None else [model.new_memory().pixel]
    if model.pixel is not None:
        assert (model.pixel.memory.layer.num_heads, model.pixel.memory.pixels_per_box) == (16, 100)
        assert tuple(model.pixel.memory.layer.fc_embed.weight.shape) == (512, 512)
    if recipe.instance:
        head = detector.roi_head.bbox_head
        banks += model.new_memory().instance
        assert (len(head.aggregator), head.topk) == (2, 75)
        assert [(layer.num_heads, layer.fc.in_features) for layer in head.aggregator] == [(16, 1024)] * 2
    assert {(bank.max_length, bank.key_length) for bank in banks} == ({(20_000, 2_000)} if banks else set())
    assert sum(p.numel() for p in detector.backbone.parameters()) == 42_500_160  # ResNet-101 without its classifier
    last = detector.backbone.layer4[1].conv2
    assert (last.stride, last.dilation, detector.backbone.layer4[0].conv2.stride) == ((1, 1), (2, 2), (1, 1))


@pytest.mark.parametrize("name", VIDEO)
def test_trainings_of_video_detectors(name: str) -> None:
    recipe, (cfg, _) = VIDEO[name], built(name)
    optimizer, (warmup, steps) = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay, optimizer.momentum) == ("SGD", 1e-3, 1e-4, 0.9)
    assert cfg.optim_wrapper.clip_grad.max_norm == 35
    assert (cfg.train_cfg.max_epochs, steps.milestones, steps.gamma) == (3, [2], 0.1)
    # Eight processes of a key frame each.
    assert (cfg.train_dataloader.batch_size, cfg.auto_scale_lr.base_batch_size) == (1, 8)
    for part in cfg.train_dataloader.dataset.datasets:
        sampling = part.pipeline[0]
        assert (sampling.type, sampling.num_ref_imgs) == ("BilateralUniformSample", recipe.references)
        assert sampling.get("frame_range", 1000) == 1000
    (resize,) = [step for step in cfg.test_dataloader.dataset.pipeline[0].transforms if step.type == "Resize"]
    assert (tuple(resize.scale), resize.keep_ratio) == ((1000, 600), True)
    # What the figure was measured with; a detector without memory sees no reference.
    offline = recipe.pixel or recipe.instance
    assert cfg.model.get("mode", "causal") == ("offline" if offline else "causal")
    assert cfg.test_dataloader.dataset.get("num_references", 0) == (14 if offline else 0)
    trained = PATHS[name.removesuffix("-offline")].read_text()
    assert trained.startswith(f"# Published: {recipe.ap50} AP50")
    assert ("tested offline" in trained) == offline


def test_the_longer_training_of_a_video_detector() -> None:
    cfg = engine.load_config(PATHS["mamba-full_r101-dc5_6e_vid"])
    assert (cfg.train_cfg.max_epochs, cfg.param_scheduler[1].milestones) == (6, [4])


def test_dffreq() -> None:
    cfg = engine.load_config(PATHS["dual-frequency_progan"])
    optimizer, schedule = cfg.optim_wrapper.optimizer, cfg.param_scheduler
    assert (optimizer.type, optimizer.lr, tuple(optimizer.betas)) == ("Adam", 1e-4, (0.9, 0.999))
    assert (schedule.type, schedule.step_size, schedule.gamma) == ("StepLR", 10, 0.9)
    assert (cfg.train_cfg.max_epochs, cfg.train_dataloader.batch_size) == (101, 128)
    train, val = cfg.train_dataloader.dataset, cfg.val_dataloader.dataset
    assert train.classes == val.classes == ["car", "cat", "chair", "horse"]
    assert (train.split, val.split, train.crop_size) == ("train", "val", 256)


@pytest.mark.parametrize("part", "abc")
def test_held_out_sources_are_not_trained_on(part: str) -> None:
    cfg = engine.load_config(PATHS[f"dual-frequency_demo_{part}"])
    tested = cfg.test_dataloader.dataset.include_sources
    assert len(tested) == 4 and cfg.train_dataloader.dataset.exclude_sources == tested


def test_sceneflow_is_judged_up_to_192_pixels() -> None:
    for name in ("tiny", "small", "base"):
        cfg = engine.load_config(PATHS[f"match-stereo_{name}_sceneflow"])
        assert cfg.val_evaluator.max_disparity == cfg.test_evaluator.max_disparity == 192


def test_published_models_are_judged_with_their_crops() -> None:
    names = [name for family in ("nat", "dinat", "dinat_s") for name in timm.list_models(f"{family}_*")]
    larger = {"dinat_large_21k_11x11", "dinat_large_384", "dinat_large_384_11x11", "dinat_s_large_384"}
    crops = {name: timm.get_pretrained_cfg(name) for name in set(names)}
    assert len(crops) == 19
    for name, cfg in crops.items():
        assert (cfg.input_size, cfg.crop_pct) == (((3, 384, 384), 1.0) if name in larger else ((3, 224, 224), 0.875))


def _places(dataset: Any) -> Any:
    """What a data set reads, without what it does to it."""
    keys = ("ann_file", "data_prefix", "data_root", "datasets", "include_sources", "exclude_sources", "seed", "split")
    return {key: dataset[key] for key in keys if key in dataset}


@pytest.mark.parametrize("name", PATHS)
def test_no_training_is_judged_on_what_it_learns(name: str) -> None:
    cfg = engine.load_config(PATHS[name])
    loaders = [cfg.get(f"{split}_dataloader") for split in ("train", "val", "test")]
    train, val, test = (None if loader is None else loader.dataset for loader in loaders)
    if "samples" not in name:  # which shows that training works, and says so
        assert train is None or val is None or _places(train) != _places(val)
        assert train is None or test is None or _places(train) != _places(test)
    if val is not None and test is not None:
        for steps in ("transform", "transforms", "pipeline"):
            assert val.get(steps) == test.get(steps)
