"""The network for people: boxes in pixels of the frame, and a memory that is read before it is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from heads.memory import StreamMemory
from vision.models.video.network import VideoNetwork

SMALL = {"widths": (8, 8, 16, 16), "depths": (1, 1, 1, 1), "channels": 16}
MEMORY = {"num_heads": 2, "pixels_per_box": 4, "bank": {"max_length": 40, "key_length": 10}}


@pytest.fixture
def network() -> VideoNetwork:
    torch.manual_seed(0)
    made = VideoNetwork(("person", "dog"), memory=MEMORY, settings={"max_size": 96, "write_threshold": 0.3}, **SMALL)
    with torch.no_grad():
        for out in made.head.outs:
            out.weight.normal_(std=0.4)
            out.bias[:2] = -1.0
        made.memory.layer.fc.weight.normal_(std=0.5)
    return made.eval()


def frame(height: int = 70, width: int = 90, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_boxes_are_in_pixels_of_the_frame(network: VideoNetwork) -> None:
    """The same frame, four times as large, has the same boxes, four times as large."""
    small = frame(48, 96)
    large = small.repeat(4, 0).repeat(4, 1)
    one, four = network.detect(small, threshold=0.05), network.detect(large, threshold=0.05)
    assert len(one.boxes) > 3 and one.boxes.dtype == np.float32 and one.labels.dtype == np.int64
    np.testing.assert_allclose(four.boxes, one.boxes * 4, atol=1e-3)
    np.testing.assert_allclose(four.scores, one.scores, atol=1e-5)
    assert (np.diff(one.scores) <= 0).all()
    assert one.boxes.min() >= 0 and (one.boxes[:, 2] <= 96).all() and (one.boxes[:, 3] <= 48).all()


@pytest.mark.parametrize("size", [(1, 1), (7, 200), (96, 96), (33, 65), (300, 20)])
def test_any_size(network: VideoNetwork, size: tuple[int, int]) -> None:
    found = network.detect(frame(*size), network.new_memory())
    assert np.isfinite(found.boxes).all() and (found.boxes <= [size[1], size[0]] * 2).all()


def test_max_size_is_what_the_network_sees(network: VideoNetwork) -> None:
    sizes = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: sizes.append(tuple(inputs[0].shape[-2:])))
    network.detect(frame(100, 200))
    network.detect(frame(100, 200), max_size=200)
    network.detect(frame(100, 200), max_size=500)  # larger than there is
    network.detect(frame(20, 50))
    network.detect(frame(20, 50), max_size=64)
    assert sizes == [(64, 96), (128, 224), (128, 224), (64, 96), (32, 64)]


def test_a_new_memory_changes_nothing_and_a_written_one_does(network: VideoNetwork) -> None:
    alone = network.detect(frame())
    memory = network.new_memory()
    assert isinstance(memory, StreamMemory) and memory.pixel is not None and len(memory.pixel) == 0
    first = network.detect(frame(), memory)
    assert all(np.array_equal(a, b) for a, b in zip(alone, first, strict=True))
    assert len(memory.pixel) > 0
    second = network.detect(frame(), memory)
    assert second.scores.shape != first.scores.shape or not np.allclose(second.scores, first.scores)
    memory.reset()
    again = network.detect(frame(), memory)
    assert all(np.array_equal(a, b) for a, b in zip(alone, again, strict=True))


def test_only_sure_boxes_are_remembered(network: VideoNetwork) -> None:
    for threshold, remembers in ((0.3, True), (0.9999, False)):
        network.settings["write_threshold"] = threshold
        memory = network.new_memory()
        network.detect(frame(), memory, threshold=0.99999)  # whatever the caller wants to see
        assert memory.pixel is not None and (len(memory.pixel) > 0) == remembers


def test_a_paused_stream_goes_on(network: VideoNetwork) -> None:
    whole, paused = network.new_memory(3), network.new_memory(3)
    for number in range(12):
        expected = network.detect(frame(seed=number), whole)
        if number == 8:
            state = paused.state_dict()
            paused = network.new_memory()
            paused.load_state_dict(state)
        found = network.detect(frame(seed=number), paused)
        assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_a_memory_that_is_added_begins_by_changing_nothing() -> None:
    network = VideoNetwork(memory=MEMORY, **SMALL).eval()
    levels = network.project(torch.rand(1, 3, 64, 64) * 255)
    keys = torch.randn(7, 16)
    for with_keys, without in zip(network.predict(levels, keys)[:2], network.predict(levels)[:2], strict=True):
        torch.testing.assert_close(with_keys, without)


def test_images_are_seen_alone_and_in_a_batch_alike(network: VideoNetwork) -> None:
    images = torch.rand(3, 3, 64, 96) * 255
    together = network(images)
    for index in range(3):
        torch.testing.assert_close(network(images[index : index + 1]).logits[0], together.logits[index])
