"""Key names of the NAT and DiNAT checkpoints on Hugging Face, in the official ones."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_PREFIX = re.compile(r"^(nat|dinat)\.")
# A backbone within another model: model.pixel_level_module.encoder.encoder.levels... of OneFormer, backbone.encoder...
_WITHIN = re.compile(r"^(.+\.)encoder\.levels\.\d+\.layers\.\d+\.")
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
    """Whether these are key names of transformers' Nat or Dinat, alone or as the backbone of another model."""
    return any(key.startswith("encoder.levels.") or _WITHIN.match(key) for key in state)


def from_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Official names: query, key and value joined, the stacked layer scales taken apart; of a backbone's model no more.

    Raises:
        ValueError: parts of a query, key and value are missing or of unlike shapes, or scales are not a pair.
    """
    bare = _bare(state)
    converted = {}
    for key, value in bare.items():
        if _QUERY.search(key):
            converted[_renamed(_QUERY.sub(".attn.qkv.", key))] = _joined(bare, key)
        elif key.endswith(_SCALES):
            if value.dim() != 2 or len(value) != 2:
                raise ValueError(f"{key} has shape {tuple(value.shape)}, expected two rows of scales")
            for i, scale in enumerate(value, start=1):
                converted[_renamed(key.removesuffix(_SCALES)) + f".gamma{i}"] = scale
        elif ".attention.self.key." not in key and ".attention.self.value." not in key:
            converted[_renamed(key)] = value
    return converted


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the prefix of the model; of another model only what is its backbone's."""
    found = next((match[1] for key in state if (match := _WITHIN.match(key))), "")
    if not found or _PREFIX.fullmatch(found):
        return {_PREFIX.sub("", key): value for key, value in state.items()}
    return {key.removeprefix(found): value for key, value in state.items() if key.startswith(found)}


def _joined(bare: Mapping[str, Tensor], query: str) -> Tensor:
    names = [_QUERY.sub(f".attention.self.{part}.", query) for part in ("query", "key", "value")]
    missing = next((name for name in names if name not in bare), None)
    if missing is not None:
        raise ValueError(f"not a whole checkpoint of Hugging Face: it lacks {missing}")
    parts = [bare[name] for name in names]
    shapes = {tuple(part.shape) for part in parts}
    if len(shapes) > 1 or not parts[0].dim():
        raise ValueError(f"{query} and its key and value must have one shape, got {sorted(shapes)}")
    return torch.cat(parts)


def _renamed(key: str) -> str:
    stage = _STAGE_NORM.match(key)
    if stage:
        return f"norm{int(stage[1]) - 1}.{key[stage.end() :]}"
    for theirs, ours in _NAMES:
        key = key.replace(theirs, ours)
    return key
