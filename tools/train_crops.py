"""Train an AI-image detector for a given time, or a number of steps, without OpenMMLab: one loop, CPU or GPU.

    python tools/train_crops.py DATA --work-dir DIR (--minutes 10 | --steps 3000) [--hold-out dalle_mini,coco]

DATA is a folder `<source>/{0_real,1_fake}/*`, or archives of tools/pack_crops.py, which are unpacked under --work-dir.
Model, loss and augmentation are those of a config: its files in configs/_base_ are read as plain Python. The rate
follows one cycle over the time or the steps. What was cut off goes on from its last state when the same command is
given again; time counts from where it was. Layers that learn from statistics are fitted afterward: the statistics of
augmented copies are taken once, which the time does not include, and kept in the file --statistics for other folds. At
the end the averaged weights are in DIR/weights.safetensors, and what they say of held-out sources is in
DIR/held_out.csv: as they are, after JPEG 70 and 50, and at half size.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import runpy
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vision.checkpoint import read_checkpoint, write_safetensors
from vision.cli.process import program
from vision.datasets import BalancedSourceSampler, ForgeryDataset
from vision.datasets.augment import FixedCorruption
from vision.device import usable_device
from vision.errors import UsageError
from vision.files import replacing_path, write_csv
from vision.metrics import predict
from vision.models.forgery.fit_statistics import balanced_chances, fit_statistics, one_cycle
from vision.models.forgery.network import ForgeryNetwork, build_network
from vision.normalize import normalize_imagenet

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "configs/_base_"
RATE, DECAY = 2e-3, 0.05
MOMENTUM = 0.004
SAVE_SECONDS = 60
LARGEST = 1 << 26  # of an archive's files
# Of a recipe, what says how its images are augmented.
AUGMENTATION = ("crop_size", "train_transforms", "real_transforms", "pseudo_transforms", "pseudo_prob")


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and train; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", metavar="DATA")
    parser.add_argument("--work-dir", type=Path, required=True)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="of training in all, resumed ones included")
    length.add_argument("--steps", type=int)
    parser.add_argument("--hold-out", default="", metavar="NAMES", help="sources to leave out and to be tested on")
    parser.add_argument("--recipe", default="dual_frequency_wild,forgery_wild", metavar="MODEL,DATA")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--frozen", metavar="FILE", help="weights of frozen features, instead of the config's")
    parser.add_argument("--statistics", type=Path, metavar="FILE", help="DIR/statistics.safetensors by default")
    parser.add_argument("--copies", type=int, default=4, help="of each image, of which statistics are taken")
    parser.add_argument("--statistics-steps", type=int, default=2000, help="of the layers that learn from statistics")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", help="CUDA where there is one")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    try:
        train(args)
    except UsageError as error:
        parser.error(str(error))
    return 0


def train(args: argparse.Namespace) -> None:
    """Train, save, judge what was held out."""
    device = usable_device(args.device)
    model_file, data_file = (
        BASE / kind / f"{name}.py" for kind, name in zip(("models", "datasets"), args.recipe.split(","), strict=True)
    )
    (description, frozen), recipe = describe(model_file), runpy.run_path(str(data_file))
    held_out = [name for name in args.hold_out.split(",") if name]
    folder = unpacked(args.data, args.work_dir)
    dataset = dataset_of(folder, recipe, held_out)
    torch.manual_seed(args.seed)
    run = Run(description, args.frozen or frozen, device, args.work_dir, Length(args.minutes, args.steps))
    run.resume()
    torch.manual_seed(args.seed * 1_000_003 + run.step)  # of the augmentation: a resumed run sees other crops
    for batch in batches(dataset, args, device):
        if run.progress() >= 1:
            break
        run.learn(*batch)
    run.save()
    network = run.averaged_network()
    if statistics_branches(network):
        file = args.statistics or args.work_dir / "statistics.safetensors"
        taken = statistics_of(network, folder, recipe, args, file)
        learn_statistics(network, taken, held_out, args.seed, args.statistics_steps)
    write_safetensors(args.work_dir / "weights.safetensors", network.state_dict(), {"model": description})
    if held_out:
        judge(network, folder, held_out, args.work_dir / "held_out.csv", str(device))


class Length(NamedTuple):
    """How long a training is: one of both."""

    minutes: float | None
    steps: int | None


class Run:
    """One training: network, optimizer, averaged weights, and how far it is."""

    def __init__(
        self, description: dict[str, Any], frozen: str | None, device: torch.device, folder: Path, length: Length
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.description, self.device, self.folder, self.length = description, device, folder, length
        self.network: ForgeryNetwork = build_network(description)
        whole: Any = self.network
        if frozen is not None:
            whole.backbone.features.load_trunk(frozen)
        self.network.to(device).train()
        self.network.to(memory_format=torch.channels_last)
        # The part that learns step by step: of a network with statistics its first branch.
        self.backbone, self.head = whole.backbone, whole.head
        if statistics_branches(self.network):
            self.backbone, self.head = whole.backbone.network, whole.head.branches[0]
        decayed = [p for p in self.network.parameters() if p.dim() > 1]
        others = [p for p in self.network.parameters() if p.dim() <= 1]
        groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=RATE)
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.step, self.saved = 0, time.monotonic()
        self.began = self.saved  # moved back by what earlier runs took

    @property
    def seconds(self) -> float:
        """Time since the beginning, that between runs left out."""
        return time.monotonic() - self.began

    def progress(self) -> float:
        """What part of the training is done, 0 to 1."""
        if self.length.steps is not None:
            return self.step / self.length.steps
        assert self.length.minutes is not None
        return self.seconds / (60 * self.length.minutes)

    def learn(self, images: Tensor, labels: Tensor) -> None:
        """One step on uint8 images `[B, 3, H, W]`."""
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * one_cycle(self.progress())
        images = normalize_imagenet(images).to(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            found = self.head.loss(self.backbone(images), labels)
        self.optimizer.zero_grad(set_to_none=True)
        found["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self._follow()
        self.step += 1
        if self.step % 100 == 0:
            loss, accuracy = found["loss"].item(), found["accuracy"].item()
            print(f"step {self.step}: loss {loss:.4f}, accuracy {accuracy:.3f}, {self.seconds:.0f} s", flush=True)
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self.save()

    @torch.no_grad()
    def _follow(self) -> None:
        # Early on the average would be mostly of random weights.
        momentum = max(MOMENTUM, 1 / (self.step + 10))
        for name, value in self.network.state_dict().items():
            mean = self.average[name]
            mean.lerp_(value, momentum) if mean.is_floating_point() else mean.copy_(value)

    def save(self) -> None:
        """Write the state from which `resume` goes on."""
        state = {"model": self.network.state_dict(), "average": self.average, "optimizer": self.optimizer.state_dict()}
        with replacing_path(self.folder / "last.pt") as path:
            torch.save({**state, "step": self.step, "seconds": self.seconds}, path)
        self.saved = time.monotonic()

    def resume(self) -> None:
        """Go on where `save` was called, if it was."""
        file = self.folder / "last.pt"
        if not file.is_file():
            return
        state = torch.load(file, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["model"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.began = state["step"], time.monotonic() - state["seconds"]
        print(f"goes on from step {self.step}", flush=True)

    def averaged_network(self) -> ForgeryNetwork:
        """The network with the averaged weights, in eval mode."""
        network = build_network(self.description)
        network.load_state_dict({name: value.cpu() for name, value in self.average.items()})
        return network.eval()


def describe(file: Path) -> tuple[dict[str, Any], str | None]:
    """What `build_network` takes, of a config's model, and where frozen weights lie, if it has some."""
    model = runpy.run_path(str(file))["model"]
    frozen = model["backbone"].pop("weights", None)
    parts = {"backbone": "backbones", "head": "heads"}
    description = {part: {**model[part], "type": f"{kind}:{model[part]['type']}"} for part, kind in parts.items()}
    return description, frozen


def statistics_branches(network: Any) -> tuple[str, ...]:
    """Names of the branches that learn from statistics."""
    return getattr(network.backbone, "statistics_branches", ())


def unpacked(data: list[str], work_dir: Path) -> Path:
    """The folder itself, or the one into which archives were unpacked."""
    if len(data) == 1 and Path(data[0]).is_dir():
        return Path(data[0])
    target = work_dir / "data"
    for name in data:
        done = target / f".{Path(name).name}"
        if done.exists():
            continue
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(name) as archive:
            members = [member for member in archive if member.isfile() and member.size <= LARGEST]
            archive.extractall(target, members, filter="data")
        done.touch()
    return target


def dataset_of(folder: Path, recipe: dict[str, Any], left_out: list[str]) -> ForgeryDataset:
    """Crops as the recipe augments them."""
    return ForgeryDataset(
        folder,
        layout="plain",
        exclude_sources=left_out or None,
        crop_size=recipe.get("crop_size", 128),
        transforms=recipe["train_transforms"],
        real_transforms=recipe.get("real_transforms", ()),
        pseudo_transforms=recipe.get("pseudo_transforms", ()),
        pseudo_prob=recipe.get("pseudo_prob", 0.0),
        cache=True,
    )


class Statistics(NamedTuple):
    """Of augmented copies of images: `[N, F]` for each branch, labels `[N]`, and the source of each."""

    values: dict[str, Tensor]
    labels: Tensor
    sources: list[str]


def statistics_of(
    network: Any, folder: Path, recipe: dict[str, Any], args: argparse.Namespace, file: Path
) -> Statistics:
    """Those of all images, held-out ones included, so that folds can share the file: taken now, or read from it."""
    dataset = dataset_of(folder, recipe, [])
    names = sorted(set(dataset.sources))
    images = [f"{sample.source}/{sample.label}/{Path(sample.path).name}" for sample in dataset.samples]
    augmented = {name: recipe.get(name) for name in AUGMENTATION}
    branches = statistics_branches(network)
    of = {"images": digest(images), "augmentation": digest(augmented), "copies": args.copies, "branches": [*branches]}
    if file.is_file():
        kept, made_of = read_checkpoint(file)
        if made_of != of:
            message = f"{file} holds statistics of other images, copies or augmentation; name another --statistics"
            raise UsageError(message, code="conflicting-arguments", value=str(file))
        values = {name: kept[name] for name in branches}
        return Statistics(values, kept["labels"], [names[number] for number in kept["sources"].tolist()])
    torch.manual_seed(args.seed)
    parts: dict[str, list[Tensor]] = {name: [] for name in branches}
    labels, found = [], []
    for copy in range(args.copies):
        loader = DataLoader(dataset, 4, num_workers=args.workers)
        for batch in loader:
            images_ = normalize_imagenet(batch["inputs"])
            for name, part in parts.items():
                part.append(getattr(network.backbone, name).statistics(images_))
            labels.append(batch["label"])
            found += batch["source"]
        print(f"statistics of copy {copy + 1} of {args.copies}", flush=True)
    taken = Statistics({name: torch.cat(part) for name, part in parts.items()}, torch.cat(labels), found)
    numbers = torch.tensor([names.index(source) for source in found])
    write_safetensors(file, {**taken.values, "labels": taken.labels, "sources": numbers}, of)
    return taken


def digest(value: object) -> str:
    """SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def learn_statistics(network: Any, taken: Statistics, held_out: list[str], seed: int, steps: int) -> None:
    """Fit the branches of statistics by those of sources that are not held out."""
    kept = torch.tensor([source not in held_out for source in taken.sources])
    labels = taken.labels[kept]
    sources = [source for source in taken.sources if source not in held_out]
    chances = balanced_chances(sources, labels)
    torch.manual_seed(seed)
    for head, (name, values) in zip(network.head.branches[1:], taken.values.items(), strict=True):
        fit_statistics(getattr(network.backbone, name), head, values[kept], labels, chances, steps)


def batches(dataset: ForgeryDataset, args: argparse.Namespace, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Balanced batches without end."""
    sampler = BalancedSourceSampler(dataset, num_samples=args.batch_size * 50, seed=args.seed, alpha=0.5)
    loader = DataLoader(
        dataset, args.batch_size, sampler=sampler, num_workers=args.workers, persistent_workers=args.workers > 0
    )
    epoch = 0
    while True:
        sampler.set_epoch(epoch)
        for batch in loader:
            yield batch["inputs"].to(device, non_blocking=True), batch["label"].to(device)
        epoch += 1


def judge(network: ForgeryNetwork, folder: Path, held_out: list[str], file: Path, device: str) -> None:
    """Write what the network says of sources that it has not seen."""
    lines: list[list[object]] = []
    for name, transforms in conditions().items():
        size = 128 if name == "half size" else 256  # as large as the images are, as in the inferencer
        dataset = ForgeryDataset(folder, layout="plain", include_sources=held_out, crop_size=size, test_mode=True)
        said = predict(network, dataset.with_transforms(transforms), batch_size=16, device=device)
        rows = zip(said.sources, said.labels.tolist(), said.logits.tolist(), said.paths, strict=True)
        lines += [[name, source, label, round(logit, 5), Path(path).name] for source, label, logit, path in rows]
    write_csv(file, ["condition", "source", "label", "logit", "file"], lines)


def conditions() -> dict[str, list[Any]]:
    """What is done to pictures before they are judged."""
    return {"clean": [], "jpeg 70": [FixedCorruption(70)], "jpeg 50": [FixedCorruption(50)], "half size": [halved]}


def halved(image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """An image at half its size, by the mean of 2x2 pixels."""
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    sys.exit(main())
