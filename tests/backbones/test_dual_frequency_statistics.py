"""Residual statistics beside the dual-frequency network, their standardization, and the head of both."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from backbones import DualFrequencyNet, DualFrequencyStatisticsNet
from backbones.residual_statistics import ResidualStatisticsNet
from backbones.statistics import Standardization
from heads import ForgeryBranchesHead, ForgeryHead
from vision.layers.statistics import residual_statistics
from vision.models.forgery.fit_statistics import balanced_chances, fit_statistics
from vision.normalize import normalize_imagenet


@pytest.fixture(scope="module")
def levels() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, 200, 216), generator=torch.Generator().manual_seed(0))


def test_large_images_are_seen_at_half_size_and_small_ones_as_they_are(levels: torch.Tensor) -> None:
    torch.manual_seed(0)
    whole = DualFrequencyNet(width=8).eval()
    halved = DualFrequencyNet(width=8, halve=True).eval()
    halved.load_state_dict(whole.state_dict())
    images = normalize_imagenet(levels)
    with torch.no_grad():
        torch.testing.assert_close(halved(images)[-1], whole(F.avg_pool2d(images, 2))[-1])
        small = images[..., :188, :]
        torch.testing.assert_close(halved(small)[-1], whole(small)[-1])
        odd = images[..., :196, :212]  # their halves are no multiples of 4
        torch.testing.assert_close(halved(odd)[-1], whole(F.avg_pool2d(odd[..., :192, :208], 2))[-1])


def test_some_batches_of_training_are_seen_at_full_size(levels: torch.Tensor) -> None:
    images = normalize_imagenet(levels)
    net = DualFrequencyNet(width=8, halve=True, native_prob=1.0).train()
    torch.testing.assert_close(net._halved(images), images[..., :100, :108])
    net.native_prob = 0.0
    torch.testing.assert_close(net._halved(images), F.avg_pool2d(images, 2))


def test_statistics_are_those_of_gray_levels(levels: torch.Tensor) -> None:
    net = ResidualStatisticsNet(scales=2, hidden=8)
    torch.testing.assert_close(net.statistics(normalize_imagenet(levels)), residual_statistics(levels.float(), 2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net.statistics(normalize_imagenet(levels)).dtype is torch.float32


def test_standardization_follows_what_it_has_seen_and_stops_with_training() -> None:
    torch.manual_seed(0)
    values = torch.randn(50, 64, 3) * torch.tensor([1.0, 5.0, 0.0]) + torch.tensor([0.0, 10.0, 4.0])
    standard = Standardization(3).train()
    for batch in values:
        standard(batch)
    flat = values.flatten(0, 1)
    torch.testing.assert_close(standard.mean, flat.mean(0), atol=0.15, rtol=0)
    torch.testing.assert_close(standard.variance.sqrt(), flat.std(0), atol=0.2, rtol=0)
    before = standard.mean.clone()
    out = standard.eval()(torch.tensor([[0.0, 10.0, 400.0]]))
    assert out[0, :2].abs().max() < 0.2 and out[0, 2] == 5
    torch.testing.assert_close(standard.mean, before)


def test_branches_count_by_their_weights() -> None:
    maps = torch.randn(5, 6, 3, 3), torch.randn(5, 4, 1, 1)
    head = ForgeryBranchesHead((6, 4), weights=(1.0, 3.0))
    each = [branch([map_]) for branch, map_ in zip(head.branches, maps, strict=True)]
    torch.testing.assert_close(head(maps), 0.25 * each[0] + 0.75 * each[1])
    assert "weights" not in head.state_dict()
    for weights in ((1.0,), (1.0, -1.0), (0.0, 0.0), (1.0, float("nan"))):
        with pytest.raises(ValueError, match="weights are"):
            ForgeryBranchesHead((6, 4), weights=weights)


def test_each_branch_learns_alone_and_both_decide() -> None:
    torch.manual_seed(0)
    head = ForgeryBranchesHead((6, 4), label_smoothing=0.1)
    maps = torch.randn(5, 6, 3, 3), torch.randn(5, 4, 1, 1)
    labels = torch.tensor([0, 1, 0, 1, 1])
    each = [branch([map_]) for branch, map_ in zip(head.branches, maps, strict=True)]
    torch.testing.assert_close(head(maps), (each[0] + each[1]) / 2)
    losses = [branch.loss([map_], labels)["loss"] for branch, map_ in zip(head.branches, maps, strict=True)]
    found = head.loss(maps, labels)
    torch.testing.assert_close(found["loss"], losses[0] + losses[1])
    right = ((each[0] + each[1] > 0) == (labels == 1)).float().mean()
    torch.testing.assert_close(found["accuracy"], right)
    with pytest.raises(ValueError, match="zip"):
        head(maps[:1])


def test_the_whole_network_gives_gradients_to_all_branches(levels: torch.Tensor) -> None:
    net = DualFrequencyStatisticsNet(scales=1, hidden=8, width=8).train()
    head = ForgeryBranchesHead(net.num_features)
    head.loss(net(normalize_imagenet(levels)), torch.tensor([0, 1]))["loss"].backward()
    assert net.network.conv1.weight.grad.abs().sum() > 0
    assert net.features.layers[1].weight.grad.abs().sum() > 0
    assert net.residuals.layers[1].weight.grad.abs().sum() > 0


def test_layers_fit_what_the_statistics_tell() -> None:
    torch.manual_seed(0)
    labels = torch.arange(400) % 2
    net = ResidualStatisticsNet(scales=1, hidden=16)
    statistics = torch.randn(400, net.standard.mean.numel()) * 3 + 7
    statistics[:, :30] += 6.0 * labels[:, None]
    head = ForgeryHead(16)
    fit_statistics(net, head, statistics, labels, torch.ones(400), steps=60, batch_size=64)
    assert not net.training and not head.training
    with torch.no_grad():
        logits = head([net.layers(net.standard(statistics))[:, :, None, None]])
    assert ((logits > 0) == (labels == 1)).float().mean() > 0.99


def test_chances_balance_classes_and_sources() -> None:
    sources = ["a"] * 4 + ["b"] + ["c"] * 9
    labels = torch.tensor([0] * 5 + [1] * 9)
    chances = balanced_chances(sources, labels)
    torch.testing.assert_close(chances[:5].sum(), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(chances[5:].sum(), torch.tensor(1.0, dtype=torch.float64))
    # Four times the images, twice the chances of a source.
    torch.testing.assert_close(chances[:4].sum() / chances[4], torch.tensor(2.0, dtype=torch.float64))
    torch.testing.assert_close(balanced_chances(sources, labels, alpha=0.0)[:4].sum(), torch.tensor(0.5).double())


def test_onnxruntime_agrees(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    net = DualFrequencyStatisticsNet(scales=1, hidden=8, width=8).eval()
    images = normalize_imagenet(torch.randint(0, 256, (2, 3, 32, 40)))
    path = tmp_path / "model.onnx"
    torch.onnx.export(net, (images,), path, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    with torch.no_grad():
        for one, expected in zip(found, net(images), strict=True):
            torch.testing.assert_close(torch.from_numpy(one), expected, atol=1e-4, rtol=1e-4)
