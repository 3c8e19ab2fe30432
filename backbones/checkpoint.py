"""Foreign checkpoints: recognise whose key names they use and rename them to ours."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_BLOCK_NAMES = {
    "norm1.body.": "norm.",
    ".mlp.0.": ".gate.",
    ".project_out.": ".proj.",
}
_BLOCK_PREFIX = "FreqLCBlock."
_BLOCK_FILTERS = ("dwt_transform.", "idwt_transform.")


def convert_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the keys of an official checkpoint; one in our own names is returned as it is.

    Recognised: DFFreq (the whole detector, or its dual-frequency block alone).

    Args:
        state_dict: flat mapping of parameter names to tensors; a `module.` prefix of data-parallel training is dropped.

    Returns:
        A new dict that `load_state_dict(..., strict=True)` of our model takes.

    Raises:
        ValueError: the key names belong to no known model.
    """
    state = {key.removeprefix("module."): value for key, value in state_dict.items()}
    if any(key.startswith(_BLOCK_PREFIX) for key in state):
        return _convert_dffreq(state)
    if "fft_scale" in state:
        return _convert_block(state)
    if any(key.startswith(("backbone.", "head.")) for key in state):
        return state
    known = "DFFreq (FreqLCBlock.*, conv1, layer1.*, fc1), ours (backbone.*, head.*)"
    raise ValueError(f"unknown checkpoint flavour: first keys are {list(state)[:4]}; known: {known}")


def _convert_dffreq(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    block = {k.removeprefix(_BLOCK_PREFIX): v for k, v in state.items() if k.startswith(_BLOCK_PREFIX)}
    converted = {f"backbone.frequency.{key}": value for key, value in _convert_block(block).items()}
    for key, value in state.items():
        if key.startswith("fc1."):
            converted[f"head.fc.{key.removeprefix('fc1.')}"] = value
        elif not key.startswith(_BLOCK_PREFIX):
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
