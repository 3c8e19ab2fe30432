"""A graph model of TensorFlow.js becomes weights of the network, if it is the right one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vision.checkpoint import CheckpointError
from vision.models.video.nanodet import convert_nanodet
from vision.models.video.network import VideoNetwork

STAGES = ((32, 32, 1), (64, 64, 2), (128, 128, 2), (256, 256, 3))


def shapes() -> list[tuple[str, list[int]]]:
    """Names and shapes as the graph has them, [height, width, in, out]."""
    kernels: list[list[int]] = [[3, 3, 3, 32]]
    before = 32
    for _, width, depth in STAGES:
        kernels.append([3, 3, before, width])
        for _ in range(depth):
            kernels += [[3, 3, width, width // 2], [3, 3, width // 2, width // 2]]
        kernels.append([3, 3, width, width])
        before = 2 * width
    kernels += [[1, 1, width, 128] for width in (128, 256, 512)]
    kernels += [[3, 3, 128, 128], [1, 1, 128, 124]] * 3
    biases = [2 * index for index in range(25)] + [50, 52, 54, 60, 62, 66, 68, 70, 72]
    entries: list[tuple[str, list[int]]] = []
    for index, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        entries.append((f"Call/split_{index}" if index else "Call/split", kernel))
        entries.append((f"unknown_{bias}", kernel[-1:]))
    return entries


def write(folder: Path, entries: list[tuple[str, list[int]]]) -> Path:
    """Half precision, as npm's package has it, with an integer among the arrays; values are those of arange."""
    weights: list[dict[str, Any]] = [{"name": "Call/perm", "shape": [4], "dtype": "int32"}]
    raw = np.arange(4, dtype=np.int32).tobytes()
    for name, shape in entries:
        weights.append({"name": name, "shape": shape, "dtype": "float32",
                        "quantization": {"dtype": "float16", "original_dtype": "float32"}})  # fmt: skip
        raw += (np.arange(math.prod(shape)) % 97 / 1000).astype(np.float16).tobytes()
    (folder / "nanodet.bin").write_bytes(raw)
    (folder / "nanodet.json").write_text(json.dumps({"weightsManifest": [{"weights": weights}]}))
    return folder / "nanodet.json"


def test_every_weight_has_its_place(tmp_path: Path) -> None:
    state = convert_nanodet(write(tmp_path, shapes()), classes=(0, 16))
    network = VideoNetwork(("person", "dog"))
    network.load_state_dict(state, strict=True)
    raw = (np.arange(3 * 3 * 3 * 32) % 97 / 1000).astype(np.float16).astype(np.float32).reshape(3, 3, 3, 32)
    # [height, width, in, out] -> [out, in, height, width]; blue, green, red -> red, green, blue.
    assert state["backbone.stem.weight"][5, 0, 1, 2] == raw[1, 2, 2, 5]
    out = (np.arange(128 * 124) % 97 / 1000).astype(np.float16).astype(np.float32).reshape(128, 124)
    assert torch.equal(state["head.outs.2.weight"][:, :, 0, 0], torch.from_numpy(out[:, [0, 16, *range(80, 124)]].T))


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not there"):
        convert_nanodet(tmp_path / "nanodet.json")
    with pytest.raises(CheckpointError, match="lacks 'unknown_72'"):
        convert_nanodet(write(tmp_path, shapes()[:-1]))
    graph = write(tmp_path, shapes())
    graph.with_suffix(".bin").write_bytes(b"short")
    with pytest.raises(CheckpointError, match="cannot be read"):
        convert_nanodet(graph)
    graph.write_text('{"weightsManifest": 5}')
    with pytest.raises(CheckpointError, match="cannot be read"):
        convert_nanodet(graph)
