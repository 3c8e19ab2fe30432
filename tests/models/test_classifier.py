"""timm models as classifiers under mmengine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor
from torch.nn import functional as F

import backbones  # noqa: F401 (registers its models with timm)
from vision.errors import UsageError
from vision.models import CheckpointError
from vision.models.classifier import TimmClassifier

SMALL = {"embed_dim": 8, "depths": (1, 1), "num_heads": (1, 2), "kernel_size": 3, "drop_path_rate": 0.0}
MIXUP = {"mixup_alpha": 0.8, "cutmix_alpha": 1.0}


def make(num_classes: int = 5, **options: Any) -> TimmClassifier:
    torch.manual_seed(0)
    return TimmClassifier("nat_mini", num_classes, SMALL, **options)


def images(count: int) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


LABELS = torch.tensor([0, 4, 2, 2])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_the_smoothed_cross_entropy_with_the_accuracy_beside_it(smoothing: float) -> None:
    model = make(label_smoothing=smoothing)
    losses = model(images(4), LABELS, mode="loss")
    log_p = model.backbone(images(4)).log_softmax(-1)
    target = F.one_hot(LABELS, 5) * (1 - smoothing) + smoothing / 5
    torch.testing.assert_close(losses["loss"], -(target * log_p).sum(-1).mean())
    assert losses["accuracy"] == (log_p.argmax(-1) == LABELS).float().mean()
    assert losses.keys() == {"loss", "accuracy"} and not losses["accuracy"].requires_grad
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("count", [2, 3, 4])
def test_mixed_batches_lose_an_odd_image_and_have_a_loss_alone(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(mixup=MIXUP)
    seen = []

    def mix(x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        seen.append((x.clone(), labels.clone()))
        return mixup(x.clone(), labels)

    mixup = model.mixup
    monkeypatch.setattr(model, "mixup", mix)
    losses = model(images(4)[:count], LABELS[:count], mode="loss")
    even = count // 2 * 2
    assert torch.equal(seen[0][0], images(4)[:even]) and torch.equal(seen[0][1], LABELS[:even])
    assert losses.keys() == {"loss"} and losses["loss"].isfinite()
    losses["loss"].backward()
    assert all(p.grad is not None for p in model.parameters())


def test_mixed_targets_make_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(mixup=MIXUP)
    target = torch.rand(4, 5).softmax(-1)
    monkeypatch.setattr(model, "mixup", lambda x, labels: (x.flip(0), target))
    expected = -(target * model.backbone(images(4).flip(0)).log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(model(images(4), LABELS, mode="loss")["loss"], expected)


def test_one_image_cannot_be_mixed_and_stays_as_it_is() -> None:
    mixed, plain = (make(mixup=mixup)(images(1), LABELS[:1], mode="loss") for mixup in (MIXUP, None))
    assert mixed["loss"].isfinite() and mixed["loss"] == plain["loss"]


def test_mixing_takes_the_number_of_classes_and_the_smoothing() -> None:
    _, targets = make(num_classes=7, mixup=MIXUP, label_smoothing=0.07).mixup(images(4), LABELS)
    assert targets.shape == (4, 7)
    torch.testing.assert_close(targets.min(), torch.tensor(0.01))


def test_predictions_are_probabilities_with_the_labels() -> None:
    model = make(mixup=MIXUP).eval()
    logits = model(images(3))
    assert torch.equal(logits, model.backbone(images(3))) and logits.shape == (3, 5)
    samples = model(images(3), LABELS[:3], mode="predict")
    assert [sample["label"] for sample in samples] == [0, 4, 2]
    torch.testing.assert_close(torch.stack([sample["scores"] for sample in samples]), logits.softmax(-1))
    assert [sample["label"] for sample in model(images(3), mode="predict")] == [-1, -1, -1]


def test_lists_are_as_good_as_tensors() -> None:
    model = make().eval()
    losses = [model(x, y, mode="loss")["loss"] for x, y in ((images(4), LABELS), (list(images(4)), LABELS.tolist()))]
    assert losses[0] == losses[1]
    assert torch.equal(model(list(images(2))), model(images(2)))


def test_logits_are_float32_whatever_the_model_is() -> None:
    model = make().to(torch.bfloat16)
    assert model(images(2).bfloat16()).dtype == torch.float32


def test_loss_needs_labels_and_a_known_mode() -> None:
    with pytest.raises(ValueError, match="mode 'loss' needs labels"):
        make()(images(2), mode="loss")
    with pytest.raises(ValueError, match="mode must be 'loss', 'predict' or 'tensor', got 'logits'"):
        make()(images(2), mode="logits")
    with pytest.raises(UsageError, match="no_such_model"):
        TimmClassifier("no_such_model")


@pytest.mark.parametrize("num_classes", [5, 3])
def test_weights_start_from_a_checkpoint_whose_head_may_be_another(
    num_classes: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(1)
    source = timm.create_model("nat_mini", num_classes=5, **SMALL)
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    model = make(num_classes, checkpoint=str(tmp_path / "weights.pth"))
    own = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    with caplog.at_level(logging.WARNING):
        model.init_weights()
    loaded, weights = model.backbone.state_dict(), source.state_dict()
    fresh = {name for name in loaded if name.startswith("head.")} if num_classes != 5 else set()
    assert all(torch.equal(loaded[name], (own if name in fresh else weights)[name]) for name in loaded)
    assert ("starts anew: head.weight, head.bias" in caplog.text) == bool(fresh)


def test_weights_may_be_those_of_a_training_run(tmp_path: Path) -> None:
    trained = make()
    torch.nn.init.ones_(trained.backbone.head.weight)
    torch.save({"state_dict": trained.state_dict(), "meta": {"epoch": 1}}, tmp_path / "epoch_1.pth")
    model = make(checkpoint=str(tmp_path / "epoch_1.pth"))
    model.init_weights()
    for name, value in trained.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_unusable_checkpoints_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"gone\.pth does not exist"):
        make(checkpoint=str(tmp_path / "gone.pth")).init_weights()
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other\.pth cannot be used: unknown checkpoint flavor"):
        make(checkpoint=str(tmp_path / "other.pth")).init_weights()
    wider = timm.create_model("nat_mini", num_classes=5, **{**SMALL, "embed_dim": 16})
    torch.save(wider.state_dict(), tmp_path / "wider.pth")
    with pytest.raises(CheckpointError, match=r"wider\.pth is of another model"):
        make(checkpoint=str(tmp_path / "wider.pth")).init_weights()
