"""What the metadata of a weights file may name: classes, their arguments, and the range of each.

A fixed table: a stranger's file must reach nothing else, and must not ask for more memory than a network needs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from backbones import DualFrequencyFoundationNet, DualFrequencyNet, DualFrequencyStatisticsNet
from backbones.frozen import check_foundation_name
from heads import ForgeryBranchesHead, ForgeryHead
from vision.checkpoint import CheckpointError
from vision.errors import UsageError
from vision.layers.frequency.wavelet import wavelet_taps

_MAX_CHANNELS = 4096
_MAX_STAGES = 4
_MAX_DEPTH = 64
_MAX_SCALES = 5

Check = Callable[[Any], bool]


def build_part(spec: Mapping[str, Any]) -> nn.Module:
    """Build what `{"type": "heads:...", ...}` describes.

    Raises:
        CheckpointError: the type or an argument is not in the table, or a value is out of its range.
    """
    arguments = dict(spec)
    part = arguments.pop("type")
    if part not in PARTS:
        raise CheckpointError(f"model part {part!r} is not one of this project's: {', '.join(PARTS)}")
    kind, known = PARTS[part]
    for name, value in arguments.items():
        if name not in known:
            raise CheckpointError(f"model part {part!r} takes no {name!r}; expected some of {', '.join(known)}")
        check, expected = known[name]
        if not check(value):
            raise CheckpointError(f"model part {part!r}: {name} must be {expected}, got {str(value)[:100]!r}")
    return kind(**arguments)


def _is_whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _is_channels(value: Any) -> bool:
    return _is_whole(value, _MAX_CHANNELS)


def _is_depths(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and 1 <= len(value) <= _MAX_STAGES
        and all(_is_whole(depth, _MAX_DEPTH) for depth in value)
    )


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and 0 <= value <= 1


def _is_below_one(value: Any) -> bool:
    return _is_share(value) and value < 1


def _is_wavelet(value: Any) -> bool:
    try:
        wavelet_taps(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


def _is_foundation(value: Any) -> bool:
    try:
        check_foundation_name(value)
    except UsageError:
        return False
    return True


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


_CHANNELS = (_is_channels, f"a whole number from 1 to {_MAX_CHANNELS}")
_BELOW_ONE = (_is_below_one, "from 0 to below 1")


def _is_branches(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and 1 <= len(value) <= _MAX_STAGES and all(map(_is_channels, value))


def _is_weights(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and 1 <= len(value) <= _MAX_STAGES and all(map(_is_share, value))


_FREQUENCY: Mapping[str, tuple[Check, str]] = {
    "in_chans": (lambda value: _is_whole(value, 3) and value == 3, "3, as images are RGB"),
    "width": _CHANNELS,
    "depths": (_is_depths, f"a list of 1 to {_MAX_STAGES} whole numbers from 1 to {_MAX_DEPTH}"),
    "wavelet": (_is_wavelet, "an orthogonal wavelet of PyWavelets"),
    "dwt_weight": (_is_share, "from 0 to 1"),
    "residual": (lambda value: isinstance(value, bool), "true or false"),
    "pool": (lambda value: isinstance(value, str) and value in ("max", "avg"), "'max' or 'avg'"),
}
_HALVED: Mapping[str, tuple[Check, str]] = {
    **_FREQUENCY,
    "halve": (lambda value: isinstance(value, bool), "true or false"),
    "native_prob": (_is_share, "from 0 to 1"),
}

# Of a foundation model the name and the digest, never where its weights lie: that is the user's to say.
PARTS: Mapping[str, tuple[type[nn.Module], Mapping[str, tuple[Check, str]]]] = {
    "backbones:DualFrequencyNet": (DualFrequencyNet, _HALVED),
    "backbones:DualFrequencyFoundationNet": (
        DualFrequencyFoundationNet,
        {
            "foundation": (_is_foundation, "the name of a timm model"),
            "foundation_channels": _CHANNELS,
            "foundation_sha256": (_is_sha256, "a SHA-256 of 64 hexadecimal digits"),
            **_FREQUENCY,
        },
    ),
    "backbones:DualFrequencyStatisticsNet": (
        DualFrequencyStatisticsNet,
        {
            "scales": (lambda value: _is_whole(value, _MAX_SCALES), f"a whole number from 1 to {_MAX_SCALES}"),
            "hidden": _CHANNELS,
            "statistics_dropout": _BELOW_ONE,
            **{name: check for name, check in _HALVED.items() if name != "in_chans"},
        },
    ),
    "heads:ForgeryBranchesHead": (
        ForgeryBranchesHead,
        {
            "in_channels": (_is_branches, f"a list of 1 to {_MAX_STAGES} whole numbers from 1 to {_MAX_CHANNELS}"),
            "dropout": _BELOW_ONE,
            "label_smoothing": _BELOW_ONE,
            "weights": (_is_weights, f"a list of 1 to {_MAX_STAGES} numbers from 0 to 1"),
        },
    ),
    "heads:ForgeryHead": (
        ForgeryHead,
        {"in_channels": _CHANNELS, "dropout": _BELOW_ONE, "label_smoothing": _BELOW_ONE},
    ),
}
