"""Training of the network for people, with and without references."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from heads.one_stage import dense_loss
from vision.errors import UsageError
from vision.models import CheckpointError
from vision.models.video.checkpoint import VARIANTS, video_detector
from vision.models.video.network import MEMORY_LEVEL, VideoNetwork
from vision.models.video.trainer import VideoTrainer

SMALL = {"widths": (8, 8, 16, 16), "depths": (1, 1, 1, 1), "channels": 16}
BOXES = [torch.tensor([[8.0, 8.0, 40.0, 56.0]]), torch.zeros(0, 4)]
LABELS = [torch.tensor([0]), torch.zeros(0, dtype=torch.long)]
IGNORED = [torch.zeros(0, 4), torch.tensor([[0.0, 0.0, 20.0, 20.0]])]


def trainer(**arguments: object) -> VideoTrainer:
    torch.manual_seed(0)
    return VideoTrainer(VideoNetwork(memory={"num_heads": 2}, **SMALL), **arguments)


def clips(frames: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randint(0, 256, (2, frames, 3, 64, 64), dtype=torch.uint8)


def test_a_single_frame_is_judged_by_the_loss_of_the_head() -> None:
    model = trainer()
    inputs = clips(1)
    losses = model(list(inputs), BOXES, LABELS, IGNORED, mode="loss")
    expected = dense_loss(model.network(inputs[:, 0].float()), BOXES, LABELS, IGNORED)
    assert set(losses) == {"loss_score", "loss_box", "loss_side"}
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value)


def test_references_are_keys_of_their_own_clip() -> None:
    """With all their pixels as keys, an output depends on the clip's references, not on those of the other clip."""
    model = trainer(keys_per_frame=10_000)
    torch.nn.init.normal_(model.network.memory.layer.fc.weight, std=0.5)
    inputs = clips(3)
    before = model(inputs).logits
    changed = inputs.clone()
    changed[0, 2] = 255 - changed[0, 2]
    after = model(changed).logits
    assert not torch.allclose(before[0], after[0]) and torch.allclose(before[1], after[1], atol=1e-6)
    levels = [level[:1] for level in model.network.project(inputs[0].float())]
    references = model.network.project(inputs[0, 1:].float())[MEMORY_LEVEL]
    keys = references.permute(0, 2, 3, 1).reshape(-1, 16)
    torch.testing.assert_close(model.network.predict(levels, keys).logits[0], before[0])


def test_as_many_keys_as_wanted() -> None:
    model = trainer(keys_per_frame=5)
    seen = []
    model.network.memory.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[1].shape)))
    model(clips(3))
    model(clips(1))
    assert seen == [(2, 10, 16), (0, 16)]


def test_the_memory_alone_can_be_trained() -> None:
    model = trainer(train_memory_only=True)
    sum(model(clips(2), BOXES, LABELS, IGNORED, mode="loss").values()).backward()
    with_gradient = {name for name, value in model.named_parameters() if value.grad is not None}
    assert with_gradient and all(name.startswith("network.memory.") for name in with_gradient)
    with pytest.raises(UsageError, match="no reference frames to remember"):
        model(clips(1), BOXES, LABELS, IGNORED, mode="loss")
    with pytest.raises(ValueError, match="has no memory"):
        VideoTrainer(VideoNetwork(memory=None, **SMALL), train_memory_only=True)


def test_without_references_everything_learns_and_the_memory_gets_zeros() -> None:
    model = trainer()
    sum(model(clips(1), BOXES, LABELS, IGNORED, mode="loss").values()).backward()
    gradients = {name: value.grad for name, value in model.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())
    assert not any(gradient.any() for name, gradient in gradients.items() if ".memory." in name)


def test_unknown_modes_are_named() -> None:
    with pytest.raises(ValueError, match="got 'guess'"):
        trainer()(clips(1), mode="guess")


def test_a_training_starts_from_what_is_known_of_its_classes(tmp_path: Path) -> None:
    shipped = video_detector()
    torch.manual_seed(0)
    network = VideoNetwork(("dog", "person"), memory=VARIANTS["people-nano"]["memory"])
    before = network.head.outs[1].weight.detach().clone()
    model = VideoTrainer(network, start="mamba_people_nano")
    learned, now = shipped.head.outs[1].weight, model.network.head.outs[1].weight
    assert torch.equal(now[0], before[0])  # of dogs nothing is known
    assert torch.equal(now[1], learned[0]) and torch.equal(now[2:], learned[1:])
    for key, value in shipped.state_dict().items():
        assert key.startswith("head.outs.") or torch.equal(model.network.state_dict()[key], value), key
    # A file that does not name its classes has those of the network; a memory is no duty.
    state = {key: value for key, value in shipped.state_dict().items() if not key.startswith("memory.")}
    torch.save({"state_dict": {f"network.{key}": value for key, value in state.items()}}, tmp_path / "start.pth")
    model = VideoTrainer(VideoNetwork(("cat",), memory={"num_heads": 4}), start=tmp_path / "start.pth")
    assert torch.equal(model.network.head.outs[0].weight, shipped.head.outs[0].weight)
    assert not model.network.memory.layer.fc.weight.any()
    with pytest.raises(CheckpointError, match=r"start\.pth is of another model"):
        VideoTrainer(VideoNetwork(("cat",), **SMALL), start=tmp_path / "start.pth")
