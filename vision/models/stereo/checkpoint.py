"""Weights of MatchStereo and MatchFlow: the official checkpoints' names, and what network weights belong to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from backbones import ConvFormer
from heads import MatchDecoder
from vision.checkpoint import CheckpointError
from vision.models.stereo.variants import VARIANTS

# In official checkpoints, but of no use: the classifier that the encoder was trained with, and scales nobody reads.
_UNUSED = re.compile(r"encoder\.head\.(weight|bias)|encoder\.stages\.\d+\.\d+\.res_scale[12]\.scale")

# Of our decoder's names: those of the official ones.
_LAYER_NAMES = {
    "norm_self": "norm0",
    "norm_cross": "norm1",
    "norm_mlp": "norm2",
    "attn_self": "match_attention_self",
    "attn_cross": "match_attention_cross",
}
_UP_NAMES = {"up": "up", "join": "conv.0", "conv": "conv.2"}
_MASK_NAMES = {"conv": "0", "proj": "2"}


def convert_match_state_dict(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename the keys of an official MatchStereo or MatchFlow checkpoint to ours.

    Args:
        state_dict: the weights, or the whole checkpoint with them under "model"; a `module.` prefix of data-parallel
            training is dropped. What is in our names already stays as it is.

    Returns:
        What `MatchStereo.load_state_dict(..., strict=True)` takes. Official weights that the network never uses (the
        encoder's classifier and `res_scale`) are left out; 1x1 convolutions have become linear layers.

    Raises:
        CheckpointError: a key is unknown or missing, or its shape does not fit the other keys; the message names it.
    """
    inner = state_dict.get("model", state_dict)
    if not isinstance(inner, Mapping):
        raise CheckpointError(f"the state dict under 'model' is a {type(inner).__name__}")
    wrong = next((key for key, value in inner.items() if not isinstance(value, Tensor)), None)
    if wrong is not None:
        raise CheckpointError(f"a state dict holds tensors alone, {wrong} is a {type(inner[wrong]).__name__}")
    state = {key.removeprefix("module."): value for key, value in inner.items()}
    # Only our names have the prefix: the official network keeps the decoder's parts at the top.
    if any(key.startswith("decoder.") for key in state):
        return state
    state = {key: value for key, value in state.items() if not _UNUSED.fullmatch(key)}
    # From our names to theirs: so that whatever of the network the file lacks, or has too much, is found.
    converted = {}
    for key, wanted in _shapes(architecture(state)).items():
        name = _official(key)
        if name not in state:
            raise CheckpointError(f"not a whole MatchStereo checkpoint: it lacks {name}")
        value = state.pop(name)
        # Our maps are channels-last, where a 1x1 convolution is a linear layer.
        if value.dim() == 4 and len(wanted) == 2 and value.shape[2:] == (1, 1):
            value = value.flatten(1)
        if value.shape != wanted:
            raise CheckpointError(f"{name} has shape {tuple(value.shape)}, expected {tuple(wanted)}")
        converted[key] = value
    if state:
        raise CheckpointError(f"not a MatchStereo checkpoint: it has {next(iter(state))}, which the network lacks")
    return converted


def architecture(state: Mapping[str, Tensor]) -> dict[str, dict[str, Any]]:
    """Arguments of encoder and decoder, as in `VARIANTS`, that weights in official names or in ours belong to.

    Everything is told from widths. Self attention normalizes a pixel's channels, its field (2 numbers) and where each
    head looks (2 per head); cross attention projects its channels and, per head, the weights of a window's
    (2 radius + 2) ** 2 slots: one more along each axis than the window has, as it lies between pixels.

    Args:
        state: the weights.

    Raises:
        CheckpointError: what they are told from is missing; the message names it.
    """
    state = {_official(key): value for key, value in state.items()}
    stages = range(_count(state, r"encoder\.stages\.(\d+)\."))
    try:
        dims = tuple(len(state[f"encoder.stages.{i}.0.norm1.weight"]) for i in stages)
        channels = len(state["match_attentions.0.layers.0.norm0.weight"])
        heads = (channels - dims[-1] - 2) // 2 if dims else 0
        inputs = [state[f"match_attentions.{i}.layers.0.match_attention_cross.proj.weight"].shape[1] for i in stages]
    except KeyError as error:
        raise CheckpointError(f"not a whole MatchStereo checkpoint: it lacks {error.args[0]}") from error
    except (IndexError, TypeError) as error:  # fewer axes than such a weight has
        raise CheckpointError(f"not a MatchStereo checkpoint: {error}") from error
    slots = [(width - dim) / max(heads, 1) for width, dim in zip(inputs, reversed(dims), strict=True)]
    return {
        "encoder": {
            "embed_dims": dims,
            "depths": tuple(_count(state, rf"encoder\.stages\.{i}\.(\d+)\.") for i in stages),
        },
        "decoder": {
            "in_channels": dims,
            "depths": tuple(_count(state, rf"match_attentions\.{i}\.layers\.(\d+)\.") for i in stages),
            "window_radius": tuple(round(max(m, 0) ** 0.5) // 2 - 1 for m in slots),
            "num_heads": heads,
        },
    }


def variant_of(state: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None) -> str | None:
    """Name of the variant that weights belong to; None if they belong to none of them.

    Args:
        state: the weights, in official names or in ours.
        metadata: of their file. Its "variant" is taken at its word where it names one of ours: two variants may have
            the same shapes. Whether the weights fit is for the strict load to say. Without one, shapes decide.
    """
    said = (metadata or {}).get("variant")
    if isinstance(said, str) and said in VARIANTS:
        return said
    found = architecture(state)
    return next((name for name, variant in VARIANTS.items() if variant == found), None)


def build_parts(arguments: Mapping[str, Mapping[str, Any]]) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of an entry of `VARIANTS`, or of the like."""
    return ConvFormer(**arguments["encoder"]), MatchDecoder(**arguments["decoder"])


def _shapes(arguments: Mapping[str, Mapping[str, Any]]) -> dict[str, torch.Size]:
    try:
        with torch.device("meta"):
            encoder, decoder = build_parts(arguments)
    except (ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"not a MatchStereo checkpoint: {error}") from error
    parts = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
    return {key: value.shape for key, value in parts.state_dict().items()}


def _official(key: str) -> str:
    """The official name for one of ours; other names stay as they are. They count up-sampling modules from 1."""
    if not key.startswith("decoder."):
        return key
    key = key.removeprefix("decoder.").replace("init_correlation.", "init_correlation_volume.")
    match = re.fullmatch(r"(stages|up_convs|mask_heads)\.(\d+)\.(\d+\.)?(\w+)(.*)", key)
    if match is None:
        return key
    group, index, layer, part, rest = match.groups()
    if group == "stages":
        return f"match_attentions.{index}.layers.{layer}{_LAYER_NAMES.get(part, part)}{rest.replace('.gate.', '.g.0.')}"
    theirs, names = ("up_decoders", _UP_NAMES) if group == "up_convs" else ("up_masks", _MASK_NAMES)
    return f"{theirs}.{int(index) + 1}.{names.get(part, part)}{rest}"


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    """One more than the largest index that the pattern's group matches at the start of a key."""
    found = {match[1] for key in state if (match := re.match(pattern, key))}
    # A network is built from these numbers: a single key must not ask for a million layers.
    wild = next((index for index in found if len(index) > 6 or int(index) >= len(state)), None)
    if wild is not None:
        raise CheckpointError(f"not a MatchStereo checkpoint: a key counts to {wild[:20]}, of {len(state)} keys")
    return 1 + max(map(int, found), default=-1)
