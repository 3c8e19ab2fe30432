"""Turn a training checkpoint of an AI-image detector into shippable weights, calibrated on held-out generators.

What models say about sources that they never saw fits the temperature and the thresholds; tables of it are printed.
Either each --holdout names a config whose test set has such sources for its checkpoint, which is run on them as they
are and after JPEG 70; or each --held-out is what a fold of tools/train_crops.py wrote, which gives strongly compressed
and halved images bounds of their own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from backbones import DualFrequencyFoundationNet
from vision.checkpoint import load_strict, read_checkpoint, write_safetensors
from vision.cli.process import program
from vision.cli.targets import add_overwrite, require_free
from vision.datasets import ForgeryDataset
from vision.datasets.augment import FixedCorruption
from vision.engine.config import load_config
from vision.errors import UsageError
from vision.metrics import Predictions, format_table, generator_rows, predict
from vision.metrics.forgery.held_out import HeldOut, calibration_of, fit_to_held_out, read_held_out
from vision.models.forgery.calibration import Calibration, fit_calibration
from vision.models.forgery.network import ForgeryNetwork, build_network

CONDITIONS: dict[str, int | None] = {"clean": None, "JPEG 70": 70}


@program
def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and publish; a mistake in them ends with one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", metavar="CONFIG", help="config that the checkpoint was trained with")
    parser.add_argument("checkpoint", metavar="CHECKPOINT")
    parser.add_argument("output", metavar="OUT", help="safetensors file to write")
    judged = parser.add_mutually_exclusive_group(required=True)
    judged.add_argument("--holdout", nargs=2, action="append", metavar=("CONFIG", "CHECKPOINT"))
    judged.add_argument("--held-out", action="append", metavar="CSV")
    parser.add_argument("--half", action="store_true", help="store kernels and matrices in half precision")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the held-out sets, instead of the configs' own")
    add_overwrite(parser)
    args = parser.parse_args(argv)
    try:
        inputs = [
            args.config,
            args.checkpoint,
            *(args.held_out or ()),
            *(name for pair in args.holdout or () for name in pair),
        ]
        require_free(args.output, "OUT", inputs, args.overwrite)
        calibration = calibrate_by(args.held_out) if args.held_out else calibrate(args.holdout, args.data_root)
        network, description = load(args.config, args.checkpoint)
        metadata = {"model": description, "calibration": calibration.to_dict()}
        state = network.state_dict()
        write_safetensors(args.output, halved(state) if args.half else state, metadata)
    except (UsageError, ValueError) as error:
        parser.error(str(error))
    print(f"\n{calibration}\nwrote {args.output}, {Path(args.output).stat().st_size / 1e6:.2f} MB")
    return 0


def halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Kernels and matrices in half precision; not means and variances, whose range it lacks."""
    return {
        name: value.half() if value.is_floating_point() and value.dim() > 1 else value for name, value in state.items()
    }


def calibrate(holdouts: list[tuple[str, str]], data_root: str | None = None) -> Calibration:
    """Judge each held-out set with the model that never saw it, print the tables, fit one calibration to all."""
    said: dict[str, list[Predictions]] = {name: [] for name in CONDITIONS}
    for config, checkpoint in holdouts:
        network, _ = load(config, checkpoint)
        dataset = held_out_dataset(config, data_root)
        for name, quality in CONDITIONS.items():
            said[name].append(predict(network, dataset.with_transforms([FixedCorruption(quality)])))
    everything = [predictions for parts in said.values() for predictions in parts]
    labels = np.concatenate([part.labels for part in everything])
    calibration = fit_calibration(labels, np.concatenate([part.logits for part in everything]))
    for name, parts in said.items():
        rows: dict[str, Any] = {}
        for part in parts:
            probabilities = np.array([calibration.probability(logit) for logit in part.logits])
            rows |= generator_rows(part.labels, probabilities, part.sources, part.logits)
        print(f"\n{name}, held out\n{format_table(rows)}\n{verdict_shares(parts, calibration)}")
    return calibration


def calibrate_by(files: list[str]) -> Calibration:
    """Fit one calibration to what the folds' tables hold, and print it by condition."""
    folds = [read_held_out(file) for file in files]
    calibration = fit_to_held_out(folds)
    for name in folds[0]:
        own = calibration_of(name, calibration)
        rows: dict[str, Any] = {}
        for fold in folds:
            rows |= fold[name].rows(own)
        print(f"\n{name}, held out\n{format_table(rows)}\n{verdict_shares([fold[name] for fold in folds], own)}")
    return calibration


def verdict_shares(parts: Sequence[Predictions | HeldOut], calibration: Calibration) -> str:
    """How often each verdict falls on real and on generated images."""
    logits, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("logits", "labels"))
    p = np.array([calibration.probability(logit) for logit in logits])
    lines = []
    for label, name in enumerate(("real", "generated")):
        chosen = p[labels == label]
        real, generated = np.mean(chosen < calibration.low), np.mean(chosen >= calibration.high)
        lines.append(f"{name}: {real:.1%} real, {1 - real - generated:.1%} inconclusive, {generated:.1%} ai-generated")
    return "\n".join(lines)


def load(config: str, checkpoint: str) -> tuple[ForgeryNetwork, dict[str, Any]]:
    """The network of a config with a checkpoint's weights, and the description that rebuilds it."""
    model = load_config(config).model.to_dict()
    frozen = model["backbone"].pop("weights", None)  # a path of this machine: not for the file's metadata
    description = {
        "backbone": {**model["backbone"], "type": f"backbones:{model['backbone']['type']}"},
        "head": {**model["head"], "type": f"heads:{model['head']['type']}"},
    }
    network = build_network(description)
    load_strict(network, read_checkpoint(checkpoint)[0], checkpoint)
    if isinstance(network.backbone, DualFrequencyFoundationNet):
        network.attach_foundation(frozen)
        description["backbone"]["foundation_sha256"] = network.backbone.foundation_sha256
    return network.eval(), description


def held_out_dataset(config: str, data_root: str | None) -> ForgeryDataset:
    """The test set of a config, decoded once."""
    arguments = load_config(config).test_dataloader.dataset.to_dict()
    if arguments.pop("type") != "ForgeryDataset":
        raise UsageError(f"{config}: the test set is no ForgeryDataset")
    return ForgeryDataset(**{**arguments, "data_root": data_root or arguments["data_root"], "cache": True})


if __name__ == "__main__":
    sys.exit(main())
