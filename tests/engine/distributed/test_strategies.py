"""One process, DDP and FSDP2 train the same model and write the same checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from vision import engine
from vision.engine.runner import _use_strategy
from vision.errors import UsageError

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


def test_validation_averages_and_the_best_checkpoint_are_the_same_in_both(train: Train, tmp_path: Path) -> None:
    """With gradients of two steps in one update; the averaged weights are swapped in for each validation."""
    data = {"batch_size": 4, "dataset": {"type": "SmallData"}, "collate_fn": {"type": "default_collate"}}
    options = {
        "val_dataloader": {**data, "sampler": {"type": "DefaultSampler", "shuffle": False}},
        "val_cfg": {"type": "ValLoop"},
        "val_evaluator": {"type": "SmallError"},
        "default_hooks.checkpoint.save_best": "error",
        "default_hooks.checkpoint.rule": "less",
        "default_hooks.checkpoint.max_keep_ckpts": 1,
        "optim_wrapper.accumulative_counts": 2,
        "train_cfg.max_epochs": 3,
        "param_scheduler.total_steps": 3,
    }
    ddp, fsdp2 = (train(strategy, 2, options, strategy=strategy) for strategy in ("ddp", "fsdp2"))
    assert_same(ddp, fsdp2, 1e-6)
    errors = [point["message_hub"]["log_scalars"]["val/error"].data[0] for point in (ddp, fsdp2)]
    assert len(errors[0]) == 3
    assert errors[1] == pytest.approx(errors[0], rel=1e-5)
    for strategy in ("ddp", "fsdp2"):
        (best,) = (tmp_path / strategy).glob("best_error_*.pth")
        assert len(list((tmp_path / strategy).glob("*.pth"))) == 2
        weights = torch.load(best, weights_only=False)["state_dict"]
        assert weights.keys() == ddp["state_dict"].keys()
        assert all(weight.shape == ddp["state_dict"][name].shape for name, weight in weights.items())
        # The log of one process alone.
        assert len(list((tmp_path / strategy).glob("*/*.log"))) == 1


def test_blocks_are_named_by_the_config(train: Train, processes: Any, small_config: Path, tmp_path: Path) -> None:
    named = {"model_wrapper_cfg": {"type": "FSDP2", "blocks": ["Linear"]}}
    assert_same(train("plain", 1, alone=True), train("blocks", 1, named), 1e-6)
    # One process alone has the whole model.
    assert_same(train("plain", 1, alone=True), train("alone", 1, named, alone=True), 0)
    for wrong, said in (
        ({"blocks": ["Tower"]}, "the model has no Tower to shard; blocks are names of its modules' classes, such as "),
        ({"shards": 2}, "model_wrapper_cfg of type FSDP2 has no option 'shards'; it has blocks"),
    ):
        options = {"cfg_options": {"model_wrapper_cfg": {"type": "FSDP2", **wrong}}, "launcher": "pytorch"}
        assert processes(1, partial(engine.train, small_config, work_dir=tmp_path / "x", **options)) == [1]
        assert f"UsageError: {said}" in (tmp_path / "error-0.txt").read_text()


def test_a_strategy_that_is_none_is_refused(small_config: Path) -> None:
    with pytest.raises(UsageError, match="strategy is 'fsdp'; expected ddp or fsdp2"):
        engine.train(small_config, strategy="fsdp", launcher="pytorch")


def test_ddp_takes_the_place_of_a_configs_fsdp2(small_config: Path) -> None:
    cfg = engine.load_config(small_config, cfg_options={"model_wrapper_cfg": {"type": "FSDP2"}})
    _use_strategy(cfg, "ddp", "pytorch")
    assert cfg.model_wrapper_cfg is None
    _use_strategy(cfg, "fsdp2", "pytorch")
    assert cfg.model_wrapper_cfg == {"type": "FSDP2"}
