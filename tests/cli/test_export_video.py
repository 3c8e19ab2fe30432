"""`vision export video`: the graph is what the network computes, whatever its memory holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch

from vision.cli.main import main
from vision.models.video.network import MEMORY_LEVEL, VideoNetwork
from vision.onnx.metadata import from_text
from vision.onnx.programs import load_program

Capture = pytest.CaptureFixture[str]
MEMORY = {"num_heads": 2, "pixels_per_box": 4, "bank": {"max_length": 40, "key_length": 20}}


def small(**options: object) -> VideoNetwork:
    torch.manual_seed(0)
    network = VideoNetwork(("cat", "dog"), 16, (8, 16, 16, 16), (1, 1, 1, 1), **options).eval()  # type: ignore[arg-type]
    for out in network.head.outs:  # sure of a few points
        torch.nn.init.normal_(out.weight, std=0.3)
        torch.nn.init.constant_(out.bias[:2], -1.4)
    if network.memory is not None:  # a memory begins by changing nothing
        torch.nn.init.normal_(network.memory.layer.fc.weight)
        torch.nn.init.normal_(network.memory.layer.fc.bias)
    return network


def put(monkeypatch: pytest.MonkeyPatch, network: VideoNetwork) -> None:
    monkeypatch.setattr("vision.models.video.checkpoint.video_detector", lambda name, checkpoint=None: network)


def expected(network: VideoNetwork, image: np.ndarray, memory: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        levels = network.project(torch.from_numpy(image))
        output = network.predict(levels, torch.from_numpy(memory) if len(memory) else None)
        pixels = levels[MEMORY_LEVEL][0].flatten(1).T
        return [output.logits[0].sigmoid().numpy(), output.boxes()[0].numpy(), pixels.numpy()]


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_graph_takes_any_memory(
    dynamic: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: Capture,
    documented: Callable[[str], None],
) -> None:
    network = small(memory=MEMORY)
    put(monkeypatch, network)
    path = tmp_path / "people.onnx"
    command = ["export", "video", "-o", str(path), "--size", "64", "96", "--check"]
    assert main([*command, *(["--dynamic"] if dynamic else [])]) == 0
    found = capsys.readouterr().out
    assert ("sides from 64 to 4096, multiples of 32" if dynamic else "64 x 96 (height x width)") in found
    assert found.count("onnxruntime differs from PyTorch by at most") == (3 if dynamic else 1)
    session = onnxruntime.InferenceSession(path)
    sides = ["32*height_32", "32*width_32"] if dynamic else [64, 96]
    assert [entry.shape for entry in session.get_inputs()] == [[1, 3, *sides], ["rows", 16]]
    random = np.random.default_rng(0)
    for rows, size in ((0, (64, 96)), (1, (64, 96)), (30, (128, 64) if dynamic else (64, 96))):
        image = random.uniform(0, 255, (1, 3, *size)).astype(np.float32)
        memory = random.normal(size=(rows, 16)).astype(np.float32)
        ours = session.run(["scores", "boxes", "pixels"], {"image": image, "memory": memory})
        for one, other in zip(ours, expected(network, image, memory), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-3)
    said = from_text(session.get_modelmeta().custom_metadata_map)
    assert said["labels"] == ["cat", "dog"] and said["frames"] == {"max_size": 640, "multiple": 32, "padding": 114}
    assert said["memory"] == {
        "channels": 16,
        "rows_read": 20,
        "rows_kept": 40,
        "stride": 16,
        "pixels_per_box": 4,
        "least_score": 0.4,
    }
    if dynamic:
        frame = write_video(tmp_path / "people.mp4")
        documented("Detect in a video, with memory")
        boxes = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        alone = network.detect(frame, threshold=0.4).boxes
        assert len(boxes) == 2 and len(alone) > 3
        # The first frame has no memory; what is seen on the second differs, as it remembers the first.
        np.testing.assert_allclose(boxes[0], alone, atol=0.1)
        assert boxes[1] != boxes[0]


def write_video(path: Path) -> np.ndarray:
    """A video of one image twice; the image as it is read back, RGB."""
    frame = cv2.resize(np.random.default_rng(1).integers(0, 256, (24, 40, 3), np.uint8), (640, 384))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 384))
    for _ in range(2):
        writer.write(frame)
    writer.release()
    return np.ascontiguousarray(cv2.VideoCapture(str(path)).read()[1][..., ::-1])


def test_a_program_and_a_network_without_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    network = small()
    put(monkeypatch, network)
    path = tmp_path / "video.pt2"
    assert main(["export", "video", "-o", str(path), "--size", "64", "64", "--check"]) == 0
    program, said = load_program(path)
    assert said["needs"] == [] and "memory" not in said and said["boxes"] == {"nms": 0.6, "most": 300}
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 64)).astype(np.float32)
    found = program.module()(torch.from_numpy(image))
    for one, other in zip(found, expected(network, image, np.zeros((0, 16)))[:2], strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other, atol=1e-4)


@pytest.mark.parametrize(("options", "least"), [([], 32), (["--dynamic"], 64)])
def test_sides_are_multiples_of_32(
    options: list[str], least: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    put(monkeypatch, small(memory=MEMORY))
    assert main(["export", "video", "-o", str(tmp_path / "v.onnx"), "--size", "64", "90", *options]) == 2
    assert f"size is 64 x 90; expected multiples of 32 from {least} to 4096" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
