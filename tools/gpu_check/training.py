"""A short training of each family under autocast, in a plain loop: models, losses and augmentation of the configs."""

from __future__ import annotations

import itertools
import runpy
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from tools.gpu_check.record import Record
from vision.datasets import ForgeryDataset, SyntheticStereo, TimmImageDataset
from vision.models import MatchStereo
from vision.models.stereo.loss import MatchLoss, in_float32, make_target
from vision.models.timm_names import build_timm_model

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
Batch = dict[str, Any]


def run(record: Record) -> None:
    """Each family has a third of the time."""
    families = (("DiNAT", train_dinat), ("MatchStereo", train_stereo), ("DualFrequencyNet", train_forgery))
    for number, (name, train) in enumerate(families):
        seconds = record.left / (len(families) - number)
        with record.checking(f"training of {name}"):
            train(record, seconds)


def train_dinat(record: Record, seconds: float) -> None:
    """DiNAT's classifier for CIFAR-10, on images of eight colors and patterns."""
    config = read_config("classification/dinat-nano_cifar10.py")
    model = config["model"]
    network = build_timm_model(model["model_name"], num_classes=8, **model["model_args"])

    def loss_of(batch: Batch) -> Tensor:
        logits = network(batch["inputs"]).float()
        return F.cross_entropy(logits, batch["label"], label_smoothing=model["label_smoothing"])

    with tempfile.TemporaryDirectory() as folder:
        write_classes(Path(folder), 2 if record.quick else 32)
        images = TimmImageDataset(folder, "", config["train_transform"])
        loader = load(record, images, 8 if record.quick else 64)
        train(record, "DiNAT, classification", network, loss_of, loader, config, seconds)


def train_stereo(record: Record, seconds: float) -> None:
    """MatchStereo nano from random weights on pairs that are made on the fly."""
    model = read_config("_base_/models/match_stereo_nano.py")["model"]
    config = read_config("_base_/schedules/stereo_100k.py")
    first = read_config("_base_/datasets/stereo_synthetic.py")["train_dataloader"]["dataset"]["datasets"][0]
    sample = {**{key: value for key, value in first.items() if key != "type"}, "num_textures": 16}
    if record.quick:
        sample["size"] = (192, 192)
    network = MatchStereo.from_variant(model["decoder"]["variant"])
    criterion = MatchLoss()

    def loss_of(batch: Batch) -> Tensor:
        pairs = batch["inputs"].float()
        found = network.match(pairs[:, 0], pairs[:, 1])
        target = make_target(batch["disparity"], None, batch["visible"])
        with torch.autocast(pairs.device.type, enabled=False):
            losses = criterion(in_float32(found), target, model["stereo"])
        return torch.stack([loss for name, loss in losses.items() if name.startswith("loss")]).sum()

    loader = load(record, SyntheticStereo(**sample), 1 if record.quick else 4)
    train(record, "MatchStereo nano, stereo", network, loss_of, loader, config, seconds)


def train_forgery(record: Record, seconds: float) -> None:
    """The demo's detector of generated images, on smooth images and such with a checkerboard."""
    try:
        import pywt  # noqa: F401
    except ImportError:
        record.note("DualFrequencyNet is not trained: PyWavelets is not installed")
        return
    from backbones import DualFrequencyNet
    from heads import ForgeryHead
    from vision.normalize import normalize_imagenet

    config = read_config("forgery/dual-frequency_demo.py")
    parts = {name: {k: v for k, v in config["model"][name].items() if k != "type"} for name in ("backbone", "head")}
    network = nn.ModuleDict({"backbone": DualFrequencyNet(**parts["backbone"]), "head": ForgeryHead(**parts["head"])})

    def loss_of(batch: Batch) -> Tensor:
        features = network["backbone"](normalize_imagenet(batch["inputs"]))
        head: Any = network["head"]
        return head.loss(features, batch["label"])["loss"]

    with tempfile.TemporaryDirectory() as folder:
        write_forgeries(Path(folder), 3 if record.quick else 32)
        crop = config["train_dataloader"]["dataset"]["crop_size"]
        images = ForgeryDataset(folder, layout="plain", crop_size=crop, transforms=config["train_transforms"])
        loader = load(record, images, 4 if record.quick else config["train_dataloader"]["batch_size"])
        train(record, "DualFrequencyNet, generated images", network, loss_of, loader, config, seconds)


def train(
    record: Record,
    name: str,
    network: nn.Module,
    loss_of: Callable[[Batch], Tensor],
    loader: Iterable[Batch],
    config: dict[str, Any],
    seconds: float,
) -> None:
    """AdamW at the config's rate with its clipped gradients, in bf16 autocast, until the time is over.

    The loss must be finite throughout and, unless the run is quick, fall: the mean of the last fifth of the steps lies
    below that of the first.
    """
    torch.manual_seed(0)
    end = record.left - seconds
    network.train().to(record.device)
    wrapper = config["optim_wrapper"]
    arguments = {key: value for key, value in wrapper["optimizer"].items() if key != "type"}
    optimizer = torch.optim.AdamW(network.parameters(), **arguments)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=20)
    losses: list[Tensor] = []
    for batch in itertools.islice(loader, 3 if record.quick else 2000):
        batch = {key: v.to(record.device, non_blocking=True) for key, v in batch.items() if isinstance(v, Tensor)}
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(torch.device(record.device).type, torch.bfloat16):
            loss = loss_of(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), **wrapper["clip_grad"])
        optimizer.step()
        warm_up.step()
        losses.append(loss.detach())
        if record.left < end:
            break
    values = torch.stack(losses).float().cpu()
    fifth = max(1, len(values) // 5)
    first, last = values[:fifth].mean().item(), values[-fifth:].mean().item()
    told = f"{len(values)} steps, loss {first:.3f} -> {last:.3f}"
    fell = record.quick or (len(values) >= 10 and last < first)
    record.check(f"training of {name}", bool(values.isfinite().all()) and fell, told)


def read_config(name: str) -> dict[str, Any]:
    """What a config says itself, without those that it inherits from; that would take mmengine."""
    return runpy.run_path(str(CONFIGS / name))


def load(record: Record, dataset: Any, batch_size: int) -> Iterable[Batch]:
    """Batches in random order, without end."""
    workers = 0 if record.quick else 8
    loader: DataLoader[Batch] = DataLoader(
        dataset, batch_size, shuffle=True, num_workers=workers, persistent_workers=workers > 0, drop_last=True
    )
    return itertools.chain.from_iterable(itertools.repeat(loader))


def write_classes(folder: Path, count: int) -> None:
    """Eight classes of images: two patterns, each in four colors."""
    rng = np.random.default_rng(0)
    for label in range(8):
        target = folder / f"class{label}"
        target.mkdir()
        y, x = np.mgrid[:64, :64]
        for number in range(count):
            wave = np.sin((y if label % 2 else x) / (2 + rng.random()) + rng.random() * 6)
            color = np.array([label // 2 == channel for channel in range(3)]) * 120 + 60
            image = color * (1 + 0.3 * wave[..., None]) + rng.normal(0, 8, (64, 64, 3))
            Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(target / f"{number}.png")


def write_forgeries(folder: Path, count: int) -> None:
    """A source in the layout of the field: smooth images, and such that carry a fine checkerboard."""
    rng = np.random.default_rng(0)
    board = np.indices((200, 200)).sum(0)[..., None] % 2 * 24
    for label, name in enumerate(("0_real", "1_fake")):
        target = folder / "source" / name
        target.mkdir(parents=True)
        for number in range(count):
            ramp = np.linspace(0, 200, 200)[:, None, None] * rng.uniform(0.3, 1, 3) + rng.normal(0, 4, (200, 200, 3))
            Image.fromarray((ramp + label * board).clip(0, 255).astype(np.uint8)).save(target / f"{number}.png")
