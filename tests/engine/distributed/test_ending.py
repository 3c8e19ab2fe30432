"""A training that is told to end, or loses a process, leaves a whole checkpoint for any number of processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from vision import engine
from vision.engine.checkpoints import INTERRUPTED, is_whole, newest_checkpoint

Train = Callable[..., dict[str, Any]]
Processes = Callable[..., list[int | None]]

LOOP = {
    "train_cfg": {"type": "IterBasedTrainLoop", "max_iters": 8, "_delete_": True},
    "param_scheduler": {"type": "PolyLR", "by_epoch": False, "end": 20, "_delete_": True},
    "default_hooks.checkpoint.by_epoch": False,
    "default_hooks.checkpoint.interval": 3,
    "train_dataloader.sampler.type": "InfiniteSampler",
}


def at(rank: int, step: int, number: signal.Signals) -> dict[str, Any]:
    """Options of a run in which a process sends itself a signal within a step."""
    return {**LOOP, "model.act": f"os.kill(os.getpid(), {int(number)}) if (rank, steps) == ({rank}, {step}) else None"}


@pytest.fixture
def ended(
    small_config: Path, tmp_path: Path, processes: Processes
) -> Callable[..., tuple[list[int | None], list[str]]]:
    """A function that trains in two processes which are expected to end early: their exit codes and errors."""

    def run(options: dict[str, Any], prepare: Callable[[], object] = lambda: None, **arguments: Any) -> Any:
        def work() -> None:
            prepare()
            engine.train(small_config, work_dir=tmp_path / "run", cfg_options=options, launcher="pytorch", **arguments)

        codes = processes(2, work, timeout=60)
        errors = [tmp_path / f"error-{rank}.txt" for rank in (0, 1)]
        return codes, [path.read_text() if path.exists() else "" for path in errors]

    return run


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "run").iterdir() if path.is_file()}


@pytest.mark.parametrize(("strategy", "number"), [("ddp", signal.SIGTERM), ("fsdp2", signal.SIGUSR1)])
def test_a_signal_to_one_process_ends_all_behind_one_step(
    strategy: str, number: signal.Signals, ended: Any, train: Train, tmp_path: Path
) -> None:
    through = train("through", 2, LOOP, strategy=strategy)
    codes, errors = ended(at(1, 4, number), strategy=strategy)
    assert codes == [1, 1]
    assert all("TrainingStopped: told to end: saved" in error for error in errors)
    assert newest_checkpoint(tmp_path / "run") == str(tmp_path / "run" / INTERRUPTED)
    stopped = torch.load(tmp_path / "run" / INTERRUPTED, weights_only=True)
    assert stopped["meta"]["iter"] in (4, 5)
    assert set(stopped) == set(through)
    resumed = train("run", 2, LOOP, strategy=strategy, resume="auto")
    assert resumed["meta"]["iter"] == 8
    for name, value in through["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], value), name


@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_a_killed_process_ends_the_other_and_the_last_checkpoint_stands(
    strategy: str, ended: Any, train: Train, tmp_path: Path
) -> None:
    codes, errors = ended(at(1, 5, signal.SIGKILL), strategy=strategy)
    assert codes == [1, -signal.SIGKILL]
    assert "Error" in errors[0]
    assert {"iter_3.pth", "last_checkpoint"} <= files(tmp_path)
    assert not any(name.endswith(".tmp") for name in files(tmp_path))
    assert newest_checkpoint(tmp_path / "run") == str(tmp_path / "run/iter_3.pth")
    for count, iterations in ((1, 6), (2, 7)):
        options = {**LOOP, "train_cfg": {**LOOP["train_cfg"], "max_iters": iterations}}
        resumed = train("run", count, options, strategy=strategy, resume="auto")
        assert resumed["meta"]["iter"] == iterations
        assert resumed["meta"]["progress"]["processes"] == count
        assert torch.isfinite(torch.as_tensor(resumed["message_hub"]["log_scalars"]["train/loss"].data[0])).all()


def test_a_process_killed_as_it_writes_leaves_the_checkpoint_before(ended: Any, tmp_path: Path) -> None:
    def kill_at_the_second() -> None:
        import mmengine.runner.runner as module

        save = module.save_checkpoint

        def write(checkpoint: Any, path: str, **options: Any) -> None:
            save(checkpoint, path, **options)
            if checkpoint["meta"]["iter"] == 6:
                os.truncate(path, os.path.getsize(path) // 2)
                os.kill(os.getpid(), signal.SIGKILL)

        module.save_checkpoint = write

    codes, _ = ended(LOOP, prepare=kill_at_the_second)
    assert codes == [-signal.SIGKILL, 1]
    assert "iter_6.pth" not in files(tmp_path)
    assert ".iter_6.pth.tmp" in files(tmp_path)  # half of it, which the next run replaces
    assert is_whole(tmp_path / "run/iter_3.pth")
    assert newest_checkpoint(tmp_path / "run") == str(tmp_path / "run/iter_3.pth")


def test_a_checkpoint_of_which_a_byte_changed_is_not_gone_on_from(tmp_path: Path) -> None:
    for name in ("iter_3.pth", "iter_6.pth"):
        torch.save({"state_dict": {"a": torch.ones(9)}, "meta": {}}, tmp_path / name)
    content = (tmp_path / "iter_6.pth").read_bytes()
    ones = torch.ones(9).numpy().tobytes()
    assert content.count(ones) == 1
    (tmp_path / "iter_6.pth").write_bytes(content.replace(ones, ones[1:] + b"?"))
    assert newest_checkpoint(tmp_path) == str(tmp_path / "iter_3.pth")


def test_the_newest_checkpoint_without_a_pointer_is_the_one_written_last(tmp_path: Path) -> None:
    for age, name in enumerate(("iter_3.pth", INTERRUPTED)):
        torch.save({"state_dict": {}, "meta": {}}, tmp_path / name)
        os.utime(tmp_path / name, (age, age))
    assert newest_checkpoint(tmp_path) == str(tmp_path / INTERRUPTED)
    os.utime(tmp_path / "iter_3.pth", (5, 5))
    assert newest_checkpoint(tmp_path) == str(tmp_path / "iter_3.pth")
