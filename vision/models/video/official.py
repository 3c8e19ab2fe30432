"""Checkpoints of the published instance-level MAMBA (arXiv 2401.09923): their keys, in the names of `VideoDetector`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from vision.checkpoint import CheckpointError

_HEAD = "roi_head.bbox_head."
_MARK = re.compile(rf"^(module\.)?(detector\.)?{re.escape(_HEAD)}aggregator\.")
_BLOCK = re.compile(r"^backbone\.layer(\d)\.(\d+)\.")
# Blocks of the four stages of a ResNet, by how many the third has.
_STAGES = {6: (3, 4, 6, 3), 23: (3, 4, 23, 3), 36: (3, 8, 36, 3)}
_COUNTER = "num_batches_tracked"


def is_mamba_state_dict(state_dict: Mapping[str, Tensor]) -> bool:
    """Whether any key is one of the layers with which proposals of MAMBA look at others."""
    return any(_MARK.match(key) for key in state_dict)


def convert_mamba_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Keys of vfe.pytorch's Faster R-CNN with instance memory -> those of `VideoDetector` with `MambaRoIHead`.

    Their names, of mmdet 2, are those of mmdet 3 below `detector.`, which files of the detector alone lack. Every key
    is accounted for: what the model has must be there, and nothing else. Only the norms' counters of batches, which
    old files lack and frozen norms never read, are added where they are missing.

    Args:
        state_dict: flat mapping of names to tensors, of a ResNet-50, 101 or 152.

    Returns:
        A new dict for a strict load.

    Raises:
        CheckpointError: a key is unknown, missing, or there twice; the message names it.
    """
    if not is_mamba_state_dict(state_dict):
        raise CheckpointError(
            f"not a checkpoint of MAMBA: no key is {_HEAD}aggregator.*; the first is {next(iter(state_dict), None)!r}"
        )
    state: dict[str, Tensor] = {}
    for key, value in state_dict.items():
        name = key.removeprefix("module.").removeprefix("detector.")
        if name in state:
            raise CheckpointError(f"checkpoint of MAMBA has {name} twice, with and without a prefix")
        state[name] = value
    expected = list(_expected(state))
    known = set(expected)
    unknown = next((key for key in state if key not in known), None)
    if unknown is not None:
        raise CheckpointError(f"checkpoint of MAMBA has an unknown key: {unknown}", value=unknown)
    missing = next((key for key in expected if key not in state and not key.endswith(_COUNTER)), None)
    if missing is not None:
        raise CheckpointError(f"checkpoint of MAMBA lacks {missing}", value=missing)
    return {f"detector.{key}": state[key] if key in state else torch.tensor(0) for key in expected}


def _expected(state: Mapping[str, Tensor]) -> Iterator[str]:
    """All keys of the model, whose depth the third stage of its backbone tells."""
    blocks = [int(match[2]) for key in state if (match := _BLOCK.match(key)) and match[1] == "3"]
    count = max(blocks, default=-1) + 1
    if count not in _STAGES:
        raise CheckpointError(
            f"checkpoint of MAMBA has {count} blocks backbone.layer3.*, expected those of a ResNet: "
            f"{', '.join(map(str, _STAGES))}",
            value=count,
        )
    yield from _normed("backbone.conv1", "backbone.bn1")
    for stage, depth in enumerate(_STAGES[count], 1):
        for block in range(depth):
            prefix = f"backbone.layer{stage}.{block}"
            for i in (1, 2, 3):
                yield from _normed(f"{prefix}.conv{i}", f"{prefix}.bn{i}")
            if block == 0:
                yield from _normed(f"{prefix}.downsample.0", f"{prefix}.downsample.1")
    layers = ["neck.convs.0.conv", *(f"rpn_head.rpn_{name}" for name in ("conv", "cls", "reg"))]
    layers += [f"{_HEAD}{name}" for name in ("fc_cls", "fc_reg", "shared_fcs.0", "shared_fcs.1")]
    layers += [f"{_HEAD}aggregator.{i}.{name}" for i in (0, 1) for name in ("fc_embed", "ref_fc_embed", "fc", "ref_fc")]
    for layer in layers:
        yield from (f"{layer}.weight", f"{layer}.bias")


def _normed(conv: str, norm: str) -> Iterator[str]:
    yield f"{conv}.weight"
    yield from (f"{norm}.{name}" for name in ("weight", "bias", "running_mean", "running_var", _COUNTER))
