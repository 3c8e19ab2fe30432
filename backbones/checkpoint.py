"""Foreign checkpoints: recognize whose key names they use and rename them to ours."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from backbones.neighborhood.hugging_face import from_hugging_face, is_hugging_face
from backbones.neighborhood.rel_pos_bias import fit_rel_pos_biases
from vision.checkpoint import CheckpointError, load_strict, read_checkpoint, source_of

_BLOCK_NAMES = {
    "norm1.body.": "norm.",
    ".mlp.0.": ".gate.",
    ".project_out.": ".proj.",
}
_BLOCK_PREFIX = "FreqLCBlock."
_BLOCK_FILTERS = ("dwt_transform.", "idwt_transform.")


# The official names of NAT, DiNAT ("levels") and DiNAT_s ("layers") are ours, too.
_OFFICIAL = re.compile(r"^(levels|layers)\.0\.blocks\.0\.attn\.rpb$")
_TAIL = re.compile(r"^(norm\d?|head)\.")


def convert_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the keys of a foreign checkpoint to ours.

    Recognized: NAT, DiNAT and DiNAT_s as their authors publish them, classifiers and the backbones of detectors
    (`norm0` ... `norm3`), and as Hugging Face does, also inside of a model such as OneFormer; DFFreq (the whole
    detector, or its dual-frequency block alone); and what is in our own names already.

    Args:
        state_dict: flat mapping of parameter names to tensors; a `module.` prefix of data-parallel training is dropped.

    Returns:
        A new dict that `load_state_dict(..., strict=True)` of our model takes. NAT's models resize position biases of
        another kernel size when they load.

    Raises:
        ValueError: the key names belong to no known model.
    """
    return convert_checkpoint(state_dict)[0]


def convert_checkpoint(state_dict: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """As `convert_state_dict`; also says in words what was recognized."""
    state = {key.removeprefix("module."): value for key, value in state_dict.items()}
    if is_hugging_face(state):
        return from_hugging_face(state), "NAT or DiNAT of Hugging Face"
    names = [match[1] for key in state if (match := _OFFICIAL.match(key))]
    if names:
        family = "DiNAT_s" if names[0] == "layers" else "NAT or DiNAT"
        kind = "backbone of a detector or segmentor" if "norm0.weight" in state else "classifier"
        return state, f"{family}, {kind}"
    if any(key.startswith(_BLOCK_PREFIX) for key in state):
        return _convert_dffreq(state), "DFFreq"
    if "fft_scale" in state:
        return _convert_block(state), "dual-frequency block of DFFreq"
    if any(key.startswith(("backbone.", "head.")) for key in state):
        return state, "whole model in our names"
    known = (
        "NAT and DiNAT (levels.*), DiNAT_s (layers.*), Hugging Face (nat.*, dinat.*), DFFreq (FreqLCBlock.*), "
        "ours (backbone.*, head.*)"
    )
    raise ValueError(f"unknown checkpoint flavor: first keys are {list(state)[:4]}; known: {known}")


def load_backbone(model: nn.Module, path: str | Path, prefix: str | None = None) -> None:
    """Load a NAT, DiNAT or DiNAT_s checkpoint of any flavor into one of our models, for whatever task.

    A classifier's final norm and head are left out of a detector's backbone, whose own norms start anew; a head of
    another number of classes starts anew, too. Both are logged. A checkpoint of a whole detector gives its backbone, or
    what lies under `prefix`, with or without its last dot.

    Args:
        model: takes the weights.
        path: the file, or a name of published weights as in `vision.checkpoint.read_checkpoint`.
        prefix: of the keys to take.

    Raises:
        CheckpointError: the file is missing or corrupt, no key has the prefix, the key names belong to no known
            model, or it is of another variant: the first wrong key and shape are named.
    """
    state = read_checkpoint(path)[0]
    path = source_of(path)
    start = "backbone." if prefix is None else f"{prefix.removesuffix('.')}."
    inner = {key.removeprefix(start): value for key, value in state.items() if key.startswith(start)}
    if prefix is not None and not inner:
        raise CheckpointError(
            f"checkpoint {path} has no key with the prefix {start!r}; its first is {next(iter(state))!r}"
        )
    try:
        state = convert_state_dict(inner or state)
    except ValueError as error:
        raise CheckpointError(f"checkpoint {path} cannot be used: {error}") from error
    kept, fresh = fit_state_dict(state, model)
    load_strict(model, kept, path)
    if fresh:
        logging.getLogger(__name__).warning("%s: not taken, starts anew: %s", path, ", ".join(fresh))


def fit_state_dict(state: Mapping[str, Tensor], model: nn.Module) -> tuple[dict[str, Tensor], list[str]]:
    """Swap what belongs to another task than the model's, its last norms and head, for the model's own parameters.

    Returns:
        The state dict for a strict load, and the names of the model's parameters that keep their values.
    """
    own = {key: value for key, value in model.state_dict().items() if _TAIL.match(key)}
    fresh = [key for key, value in own.items() if key not in state or state[key].shape != value.shape]
    kept = {key: value for key, value in state.items() if key in own or not _TAIL.match(key)}
    kept.update({key: own[key] for key in fresh})
    fit_rel_pos_biases(kept, model)
    return kept, fresh


def _convert_dffreq(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    block = {k.removeprefix(_BLOCK_PREFIX): v for k, v in state.items() if k.startswith(_BLOCK_PREFIX)}
    converted = {f"backbone.frequency.{key}": value for key, value in _convert_block(block).items()}
    for key, value in state.items():
        if key.startswith("fc1."):
            converted[f"head.fc.{key.removeprefix('fc1.')}"] = value
        elif not key.startswith((_BLOCK_PREFIX, *_BLOCK_FILTERS)):
            converted[f"backbone.{key}"] = value
    return converted


def _convert_block(block: Mapping[str, Tensor]) -> dict[str, Tensor]:
    converted = {}
    for key, value in block.items():
        if key.startswith(_BLOCK_FILTERS):
            continue  # constant Haar filters; ours come from PyWavelets
        for theirs, ours in _BLOCK_NAMES.items():
            key = key.replace(theirs, ours)
        converted[key] = value
    return converted
