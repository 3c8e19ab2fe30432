"""The detection and segmentation configs: what their optimizers decay, how parts fit, and two steps of training."""

from __future__ import annotations

import functools
import math
import pickle
import socket
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.runner import Runner
from torch import nn

from backbones.neighborhood.variants import VARIANTS, Variant
from vision import engine

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(path for task in ("detection", "segmentation") for path in (ROOT / "configs" / task).rglob("*.py"))
every_config = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)

SHRINK = 8  # the sides of images and crops in the training runs below
TINY_BACKBONE = {
    "embed_dim": 16,
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 2, 4, 8],
    "dilations": [[2], [1], [1], [1]],
    "drop_path_rate": 0.0,
}
TINY_CHANNELS = [16, 32, 64, 128]


@functools.cache
def built(path: Path) -> tuple[Config, nn.Module]:
    """A config and its model, whose parameters have shapes but no values."""
    cfg = engine.load_config(path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device("meta"):
        return cfg, MODELS.build(cfg.model)


@every_config
def test_position_biases_and_norms_are_not_decayed(path: Path) -> None:
    cfg, model = built(path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        groups = build_optim_wrapper(model, cfg.optim_wrapper).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}

    norms = {id(p) for m in model.backbone.modules() if isinstance(m, nn.LayerNorm) for p in m.parameters()}
    biases = {id(p) for name, p in model.backbone.named_parameters() if name.endswith("rpb")}
    everything = {id(p) for p in model.backbone.parameters()}
    assert norms and len(biases) == sum(published(cfg.model.backbone).depths)
    assert {i for i in everything if decay[i] == 0} == norms | biases
    assert {decay[i] for i in everything - norms - biases} == {cfg.optim_wrapper.optimizer.weight_decay}

    lr = cfg.optim_wrapper.optimizer.lr
    slower = 0.1 if "mask2former" in path.name else 1.0
    assert {rate[i] for i in everything} == {lr * slower}
    assert {rate[i] for i in decay.keys() - everything} == {lr}


@every_config
def test_backbone_is_the_variant_of_the_name_and_repeats_no_number_of_it(path: Path) -> None:
    cfg, _ = built(path)
    backbone = cfg.model.backbone
    size = backbone.variant.partition("_")[0]
    assert f"_{MODELS.get(backbone.type).family.replace('_', '-')}-{size}_" in path.stem
    assert not {"embed_dim", "depths", "num_heads", "kernel_size", "mlp_ratio", "layer_scale"} & set(backbone)


@every_config
def test_backbone_fits_its_head(path: Path) -> None:
    cfg, model = built(path)
    variant = published(cfg.model.backbone)
    if "dilations" in cfg.model.backbone:
        assert tuple(len(stage) for stage in cfg.model.backbone.dilations) == variant.depths
    channels = [model.backbone.feature_info[i]["num_chs"] for i in model.backbone.out_indices]
    assert channels == [variant.embed_dim * 2**i for i in range(4)]

    head = next(cfg.model[name] for name in ("neck", "panoptic_head", "decode_head") if name in cfg.model)
    assert head.in_channels == channels
    if (auxiliary := cfg.model.get("auxiliary_head")) is not None:
        assert auxiliary.in_channels == channels[auxiliary.in_index]


@every_config
def test_heads_have_the_classes_of_the_data(path: Path) -> None:
    cfg, model = built(path)
    dataset = cfg.train_dataloader.dataset
    with DATASETS.switch_scope_and_registry(cfg.default_scope) as registry:
        known = registry.get(dataset.type).METAINFO
    classes = {**known, **dataset.get("metainfo", {})}["classes"]
    heads = [m for m in model.modules() if hasattr(m, "num_classes") and m is not model.backbone]
    # A region proposal network knows one class, objects.
    assert {head.num_classes for head in heads} - {1} == {len(classes)}


@every_config
def test_images_are_padded_to_the_size_of_the_crop(path: Path) -> None:
    cfg, _ = built(path)
    preprocessor = cfg.model.data_preprocessor
    crops = [step.crop_size for step in cfg.train_dataloader.dataset.pipeline if step.type == "RandomCrop"]
    pads = [step.size for step in preprocessor.get("batch_augments", [preprocessor]) if "size" in step]
    assert crops == pads


RUNS = {
    "mask-rcnn": "detection/mask-rcnn_dinat-mini_3x_coco.py",
    "cascade": "detection/cascade-mask-rcnn_dinat-s-tiny_3x_coco.py",
    "instance": "detection/mask2former_dinat-large_100e_coco-instance.py",
    "panoptic": "detection/mask2former_dinat-large_100e_coco-panoptic.py",
    "upernet": "segmentation/upernet_nat-mini_160k_ade20k-512x512.py",
    "semantic": "segmentation/mask2former_dinat-large_160k_ade20k-640x640.py",
}


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.usefixtures("panopticapi")
def test_trains_two_iterations(kind: str, coco_tree: Path, ade20k_tree: Path, tmp_path: Path) -> None:
    path = ROOT / "configs" / RUNS[kind]
    options = tiny(path, coco_tree if "coco" in path.name else ade20k_tree)
    start = tmp_path / "start.pth"
    cfg = engine.load_config(path, cfg_options=options)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        torch.save(MODELS.build(cfg.model).state_dict(), start)

    runner = train(path, tmp_path / "run", {**options, "load_from": str(start)})
    assert runner.iter == 2
    scalars = runner.message_hub.log_scalars
    losses = {name: scalars[name].data[0] for name in scalars if "loss" in name}
    assert len(losses) > 1 and all(len(values) == 2 for values in losses.values())
    assert all(math.isfinite(value) for values in losses.values() for value in values), losses
    before = torch.load(start, weights_only=True)
    after = runner.model.state_dict()
    same = [name for name in before if name.startswith("backbone.") and torch.equal(before[name], after[name])]
    assert not same


def test_synchronized_batch_norms_train_over_gloo(
    ade20k_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    group = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    for name, value in group.items():
        monkeypatch.setenv(name, value)
    path = ROOT / "configs" / RUNS["upernet"]
    assert "SyncBN" in str(engine.load_config(path).model)
    runner = train(path, tmp_path / "run", tiny(path, ade20k_tree), launcher="pytorch")
    assert runner.distributed and runner.iter == 2
    assert not any(isinstance(m, nn.SyncBatchNorm) for m in runner.model.modules())


@pytest.mark.parametrize("kind", RUNS)
def test_weights_of_a_classifier_are_given_on_the_command_line(kind: str, tmp_path: Path) -> None:
    path = ROOT / "configs" / RUNS[kind]
    options = tiny(path, tmp_path)
    backbone = {**engine.load_config(path, cfg_options=options).model.backbone, "out_indices": None}
    classifier = MODELS.build(backbone)
    torch.save(classifier.state_dict(), tmp_path / "weights.pth")
    given = {"type": "Pretrained", "checkpoint": str(tmp_path / "weights.pth")}
    options.update({f"model.backbone.init_cfg.{key}": value for key, value in given.items()})
    cfg = engine.load_config(path, cfg_options=options)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    model.init_weights()
    loaded, weights = model.backbone.state_dict(), classifier.state_dict()
    assert all(torch.equal(loaded[name], weights[name]) for name in loaded.keys() & weights.keys())
    assert any(name.endswith("rpb") for name in loaded.keys() & weights.keys())


@pytest.fixture
def segmented(ade20k_tree: Path, tmp_path: Path) -> Callable[..., dict[str, float]]:
    """A function that tests UPerNet with random weights on images of ADE20K's layout."""
    path = ROOT / "configs" / RUNS["upernet"]
    options = {key: value for key, value in tiny(path, ade20k_tree).items() if not key.startswith(("test_", "param"))}
    pipeline = shrunk(engine.load_config(path).test_dataloader.dataset.pipeline)
    options |= {
        f"test_dataloader.{key}": value
        for key, value in {
            "dataset.data_root": str(ade20k_tree),
            "dataset.data_prefix": {"img_path": "images/training", "seg_map_path": "annotations/training"},
            "dataset.pipeline": pipeline,
            "num_workers": 0,
            "persistent_workers": False,
        }.items()
    }
    cfg = engine.load_config(path, cfg_options=options)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        torch.save({"state_dict": MODELS.build(cfg.model).state_dict()}, tmp_path / "weights.pth")

    def test(**more: Any) -> dict[str, float]:
        name = {"experiment_name": uuid4().hex}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return engine.test(
                path, tmp_path / "weights.pth", work_dir=tmp_path / "tested", cfg_options={**options, **name}, **more
            )

    return test


def test_segmentations_are_drawn_kept_and_averaged_over_flips(
    segmented: Callable[..., dict[str, float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = segmented(show_dir=tmp_path / "drawn", out=tmp_path / "new/kept.pkl")
    assert 0 <= scores["mIoU"] <= 100
    assert len(list((tmp_path / "drawn").rglob("*.png"))) == 4
    kept = pickle.loads((tmp_path / "new/kept.pkl").read_bytes())
    assert len(kept) == 4 and kept[0]["pred_sem_seg"]["data"].shape[-2:] == (96, 128)

    from mmseg.models import EncoderDecoder

    seen: list[Any] = []
    predict = EncoderDecoder.predict

    def watched(self: Any, inputs: Any, data_samples: Any = None) -> Any:
        seen.append([sample.metainfo["flip"] for sample in data_samples])
        return predict(self, inputs, data_samples)

    monkeypatch.setattr(EncoderDecoder, "predict", watched)
    assert 0 <= segmented(tta=True)["mIoU"] <= 100
    flips = [flip for batch in seen for flip in batch]
    assert flips.count(True) == flips.count(False) > 0


def published(backbone: dict[str, Any]) -> Variant:
    """The published model that a backbone's config names."""
    return VARIANTS[f"{MODELS.get(backbone['type']).family}_{backbone['variant']}"]


def train(path: Path, work_dir: Path, options: dict[str, Any], **more: Any) -> Runner:
    """Train under a name of its own: mmengine keeps logs by name, by default the time in seconds."""
    return engine.train(path, work_dir=work_dir, cfg_options={"experiment_name": uuid4().hex, **options}, **more)


def tiny(path: Path, data_root: Path) -> dict[str, Any]:
    """Options that leave a config its structure but few channels, small images and two iterations without a test."""
    cfg = engine.load_config(path)
    pipeline = shrunk(cfg.train_dataloader.dataset.pipeline)
    options = {
        "train_dataloader.dataset.data_root": str(data_root),
        "train_dataloader.dataset.pipeline": pipeline,
        "train_dataloader.batch_size": 2,
        "train_dataloader.num_workers": 0,
        "train_dataloader.persistent_workers": False,
        "model.data_preprocessor": shrunk(cfg.model.data_preprocessor.to_dict()),
        "param_scheduler": None,
        "default_hooks.checkpoint": None,
        "default_hooks.logger.interval": 1,
    }
    options |= {f"{split}_{part}": None for split in ("val", "test") for part in ("cfg", "dataloader", "evaluator")}
    by_epoch = cfg.train_cfg.type == "EpochBasedTrainLoop"
    options["train_cfg"] = {"max_epochs": 1} if by_epoch else {"max_iters": 2}
    options |= {f"model.backbone.{key}": value for key, value in TINY_BACKBONE.items()}
    for head in ("neck", "panoptic_head", "decode_head"):
        if head in cfg.model:
            options[f"model.{head}.in_channels"] = TINY_CHANNELS
    if "auxiliary_head" in cfg.model:
        options["model.auxiliary_head.in_channels"] = TINY_CHANNELS[2]
    if "rcnn" in cfg.model.train_cfg:
        options["model.train_cfg.rcnn"] = rcnn = cfg.model.train_cfg.rcnn
        for stage in rcnn if isinstance(rcnn, list) else [rcnn]:
            stage.sampler.num = 32
    return options


def shrunk(value: Any, inside: bool = False) -> Any:
    """A pipeline or preprocessor whose sizes in pixels are divided by `SHRINK`."""
    if isinstance(value, dict):
        sizes = ("scale", "scales", "crop_size", "size", "max_size")
        return {key: shrunk(item, inside or key in sizes) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(shrunk(item, inside) for item in value)
    return max(1, value // SHRINK) if inside and isinstance(value, int) else value
