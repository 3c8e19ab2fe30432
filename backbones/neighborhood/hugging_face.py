"""Key names of the NAT and DiNAT checkpoints on Hugging Face, in the official ones."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_PREFIX = re.compile(r"^(nat|dinat)\.")
_NAMES = (
    ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("embeddings.norm.", "patch_embed.norm."),
    ("encoder.levels.", "levels."),
    (".layers.", ".blocks."),
    (".layernorm_before.", ".norm1."),
    (".layernorm_after.", ".norm2."),
    (".attention.self.rpb", ".attn.rpb"),
    (".attention.output.dense.", ".attn.proj."),
    (".intermediate.dense.", ".mlp.fc1."),
    (".output.dense.", ".mlp.fc2."),
    ("layernorm.", "norm."),
    ("classifier.", "head."),
)
_STAGE_NORM = re.compile(r"^hidden_states_norms\.stage(\d+)\.")
_SCALES = ".layer_scale_parameters"
_QUERY = re.compile(r"\.attention\.self\.query\.")


def is_hugging_face(state: Mapping[str, Tensor]) -> bool:
    """Whether these are key names of transformers' Nat or Dinat, with or without the model's prefix."""
    return any(_PREFIX.sub("", key).startswith("encoder.levels.") for key in state)


def from_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Official names: query, key and value joined, the stacked layer scales taken apart."""
    bare = {_PREFIX.sub("", key): value for key, value in state.items()}
    converted = {}
    for key, value in bare.items():
        if _QUERY.search(key):
            parts = [bare[_QUERY.sub(f".attention.self.{part}.", key)] for part in ("query", "key", "value")]
            converted[_renamed(_QUERY.sub(".attn.qkv.", key))] = torch.cat(parts)
        elif key.endswith(_SCALES):
            for i, scale in enumerate(value, start=1):
                converted[_renamed(key.removesuffix(_SCALES)) + f".gamma{i}"] = scale
        elif ".attention.self.key." not in key and ".attention.self.value." not in key:
            converted[_renamed(key)] = value
    return converted


def _renamed(key: str) -> str:
    stage = _STAGE_NORM.match(key)
    if stage:
        return f"norm{int(stage[1]) - 1}.{key[stage.end() :]}"
    for theirs, ours in _NAMES:
        key = key.replace(theirs, ours)
    return key
