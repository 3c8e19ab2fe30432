"""Match attention networks under mmengine's interface."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch

from vision.engine import compat
from vision.models import MatchStereo, StereoTrainer

PARTS: dict[str, Any] = {
    "encoder": {"type": "ConvFormer", "embed_dims": (8, 8, 8, 8), "depths": (1, 1, 1, 1)},
    "decoder": {
        "type": "MatchDecoder",
        "in_channels": (8, 8, 8, 8),
        "depths": (1, 1, 1, 1),
        "window_radius": (2, 1, 1, 1),
        "num_heads": 2,
    },
}
SIZE = (192, 224)


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    compat.apply()
    for package in ("vision", "backbones", "heads"):
        importlib.import_module(f"{package}.registry")


def batch(count: int = 1) -> dict[str, Any]:
    """Noise, and a wall at a distance of 8 pixels."""
    generator = torch.Generator().manual_seed(0)
    return {
        "inputs": torch.randint(256, (count, 2, 3, *SIZE), generator=generator, dtype=torch.uint8),
        "disparity": torch.full((count, 2, *SIZE), 8.0),
        "visible": torch.ones(count, 2, *SIZE),
        "path": [f"pair {i}" for i in range(count)],
        "scene": ["wall"] * count,
    }


def test_one_step_reaches_every_parameter() -> None:
    torch.manual_seed(0)
    model = StereoTrainer(**PARTS)
    losses = model(**batch(), mode="loss")
    total, log = model.parse_losses(losses)
    total.backward()
    assert {"loss_final", "loss_cross", "loss_self", "loss_consistency", "loss_initial", "epe", "loss"} <= set(log)
    unreached = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()}
    assert not unreached


def test_half_precision_is_near_the_loss_of_full_precision_and_trains() -> None:
    torch.manual_seed(0)
    full = StereoTrainer(**PARTS)
    half = StereoTrainer(**PARTS)
    half.load_state_dict(full.state_dict())
    inner: list[torch.dtype] = []
    half.decoder.stages[0][0].mlp.fc1.register_forward_hook(lambda _, __, out: inner.append(out.dtype))
    with torch.autocast("cpu", torch.bfloat16):  # as `tools/train.py --amp`
        losses = half(**batch(), mode="loss")
    expected = full(**batch(), mode="loss")
    assert inner == [torch.bfloat16] and {value.dtype for value in losses.values()} == {torch.float32}
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=0.05, atol=0.05)
    half.parse_losses(losses)[0].backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in half.parameters())


def test_weights_fit_the_network_of_inference() -> None:
    model = StereoTrainer(**PARTS).eval()
    other = StereoTrainer(**PARTS)
    network = MatchStereo(other.encoder, other.decoder).eval()
    network.load_state_dict(model.state_dict(), strict=True)
    views = batch()["inputs"].float()
    with torch.no_grad():
        expected = network(views[:, 0], views[:, 1])["field_up"]
        assert model(batch()["inputs"])["field_up"].equal(expected)


def test_predictions_are_of_the_left_view() -> None:
    model = StereoTrainer(**PARTS).eval()
    with torch.no_grad():
        first, second = model(**batch(2), mode="predict")
        field = model(batch(2)["inputs"])["field_up"]
    assert first["path"] == "pair 0" and second["scene"] == "wall"
    np.testing.assert_array_equal(second["disparity"], -field[1, ..., 0].numpy())
    assert (first["truth"] == 8).all() and first["visible"].all()


def test_flow_is_trained_on_fields() -> None:
    torch.manual_seed(0)
    model = StereoTrainer(**PARTS, stereo=False)
    packed = batch()
    del packed["disparity"]
    field = torch.zeros(1, 2, *SIZE, 2)
    field[:, 1] = torch.nan  # data sets know the first view's alone
    losses = model(**packed, field=field, mode="loss")
    assert "loss_initial" not in losses and losses["loss_final"].isfinite()
    with torch.no_grad():
        (prediction,) = model.eval()(**packed, field=field, mode="predict")
    assert prediction["flow"].shape == (*SIZE, 2) and np.abs(prediction["flow"][..., 1]).max() > 0


def test_errors_say_what_to_do() -> None:
    model = StereoTrainer(**PARTS)
    small = {key: value[..., :200] if torch.is_tensor(value) else value for key, value in batch().items()}
    with pytest.raises(ValueError, match=r"multiples of 32 and at least 192 pixels, got 192 x 200; set the size"):
        model(**small, mode="loss")
    with pytest.raises(ValueError, match="does the data set have ground truth"):
        model(batch()["inputs"], mode="loss")
    with pytest.raises(ValueError, match="mode must be 'loss', 'predict' or 'tensor', got 'train'"):
        model(batch()["inputs"], mode="train")
