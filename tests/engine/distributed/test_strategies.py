"""One process, DDP and FSDP2 train the same model and write the same checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

Train = Callable[..., dict[str, Any]]


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Leaves of a checkpoint by their place in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return {path: value}
    return {place: leaf for key, inner in items for place, leaf in flat(inner, f"{path}/{key}").items()}


def trained(checkpoint: dict[str, Any]) -> dict[str, Any]:
    parts = ("state_dict", "ema_state_dict", "optimizer", "param_schedulers")
    return flat({part: checkpoint[part] for part in parts})


def assert_same(one: dict[str, Any], other: dict[str, Any], tolerance: float) -> None:
    first, second = trained(one), trained(other)
    assert list(first) == list(second)
    for place, value in first.items():
        if isinstance(value, torch.Tensor):
            assert type(second[place]) is type(value)
            torch.testing.assert_close(second[place], value, rtol=tolerance, atol=tolerance, msg=place)
        elif isinstance(value, float):
            assert second[place] == pytest.approx(value, rel=1e-6), place


def test_two_processes_equal_one_with_twice_the_batch(train: Train) -> None:
    alone = train("alone", 1, {"train_dataloader.batch_size": 8}, alone=True)
    ddp = train("ddp", 2, strategy="ddp")
    fsdp2 = train("fsdp2", 2, strategy="fsdp2")
    assert (alone["meta"]["epoch"], alone["meta"]["iter"]) == (2, 4)
    assert_same(alone, ddp, 1e-5)
    assert_same(ddp, fsdp2, 1e-6)
    assert set(alone) == set(ddp) == set(fsdp2)
    assert list(fsdp2["message_hub"]["log_scalars"]) == list(ddp["message_hub"]["log_scalars"])
    norms = [point["message_hub"]["log_scalars"]["train/grad_norm"].data[0] for point in (alone, ddp, fsdp2)]
    assert norms[1] == pytest.approx(norms[0], rel=1e-4)
    assert norms[2] == pytest.approx(norms[1], rel=1e-5)


def test_mixed_precision_is_the_same_in_both(train: Train) -> None:
    iterations = {
        "train_cfg": {"type": "IterBasedTrainLoop", "max_iters": 3, "_delete_": True},
        "param_scheduler": {"type": "PolyLR", "by_epoch": False, "end": 3, "_delete_": True},
        "default_hooks.checkpoint.by_epoch": False,
    }
    plain = train("plain", 2, iterations)
    ddp = train("ddp", 2, iterations, strategy="ddp", amp=True)
    fsdp2 = train("fsdp2", 2, iterations, strategy="fsdp2", amp=True)
    assert_same(ddp, fsdp2, 1e-6)
    weight = "blocks.0.linear.weight"
    assert not torch.equal(plain["state_dict"][weight], ddp["state_dict"][weight])  # rounded
    assert torch.allclose(plain["state_dict"][weight], ddp["state_dict"][weight], atol=0.02)
    assert ddp["meta"]["iter"] == fsdp2["meta"]["iter"] == 3
    assert {value.dtype for value in fsdp2["state_dict"].values()} == {torch.float32}
