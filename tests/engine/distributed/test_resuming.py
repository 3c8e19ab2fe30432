"""A training goes on with the images, rates and random numbers that it would have had, on any number of processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from vision import engine

Train = Callable[..., dict[str, Any]]
RESUMED_LINE = "goes on with 4 images per step of 1 processes, after 8 of 2"


def iterations(count: int, **options: Any) -> dict[str, Any]:
    """Options of a loop of iterations over endless data."""
    return {
        "train_cfg": {"type": "IterBasedTrainLoop", "max_iters": count, "_delete_": True},
        "param_scheduler": {"type": "PolyLR", "by_epoch": False, "end": 20, "_delete_": True},
        "default_hooks.checkpoint.by_epoch": False,
        "default_hooks.checkpoint.interval": 3,
        "train_dataloader.sampler.type": "InfiniteSampler",
        **options,
    }


@pytest.fixture
def seen(tmp_path: Path) -> Callable[[str, int], tuple[list[int], list[str]]]:
    """A function of the `seen` that a model had and of a rank: numbers of its images, and its random numbers."""

    def read(name: str, rank: int) -> tuple[list[int], list[str]]:
        lines = [line.split(";") for line in (tmp_path / f"{name}-{rank}.txt").read_text().splitlines()]
        return [int(index) for images, _ in lines for index in images.split()], [numbers for _, numbers in lines]

    return read


def log(tmp_path: Path, work_dir: str) -> str:
    return "".join(path.read_text() for path in (tmp_path / work_dir).glob("*/*.log"))


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_the_same_processes_go_on_as_if_nothing_had_been(
    strategy: str, train: Train, seen: Any, tmp_path: Path
) -> None:
    ran = {name: str(tmp_path / name) for name in ("through", "first", "second")}
    through = train("through", 2, iterations(6, **{"model.seen": ran["through"]}), strategy=strategy)
    train("run", 2, iterations(3, **{"model.seen": ran["first"]}), strategy=strategy)
    resumed = train("run", 2, iterations(6, **{"model.seen": ran["second"]}), strategy=strategy, resume="auto")
    for rank in (0, 1):
        images, numbers = seen("through", rank)
        assert seen("first", rank) == (images[:12], numbers[:3])
        assert seen("second", rank) == (images[12:], numbers[3:])
    for part in ("state_dict", "ema_state_dict", "optimizer", "param_schedulers"):
        assert equal(through[part], resumed[part]), part
    assert "goes on with" not in log(tmp_path, "run")


@pytest.mark.parametrize(
    ("first", "second"),
    [(("fsdp2", 2), ("alone", 1)), (("ddp", 2), ("fsdp2", 1)), (("alone", 1), ("fsdp2", 2))],
    ids=["two to one", "two to a group of one", "one to two"],
)
def test_other_processes_go_on_with_the_next_images(
    first: tuple[str, int], second: tuple[str, int], train: Train, seen: Any, tmp_path: Path
) -> None:
    """Endless data: the number of iterations stays, and no image is left out or comes twice."""

    def run(how: tuple[str, int], count: int, name: str, **options: Any) -> list[int]:
        strategy = {"alone": True} if how[0] == "alone" else {"strategy": how[0]}
        options_of_run = iterations(count, **{"model.seen": str(tmp_path / name)})
        checkpoint = train(options.pop("work_dir", "run"), how[1], options_of_run, **strategy, **options)
        assert checkpoint["meta"]["iter"] == count
        assert all(value.isfinite().all() for value in checkpoint["state_dict"].values())
        return [image for rank in range(how[1]) for image in seen(name, rank)[0]]

    order = run(("alone", 1), 12, "order", work_dir="order")
    images = run(first, 4, "before") + run(second, 6, "after", resume="auto")
    assert sorted(images) == sorted(order[: len(images)])
    assert "goes on with" in log(tmp_path, "run")


def test_one_process_goes_on_with_the_epochs_of_two(train: Train, tmp_path: Path) -> None:
    """The share of the training stays; iterations and one cycle of the rate are those of one process from its start."""
    alone = train("alone", 1, {"train_cfg.max_epochs": 3, "param_scheduler.total_steps": 3}, alone=True)
    longer = {"train_cfg.max_epochs": 3, "param_scheduler.total_steps": 3}
    train("run", 2, {**longer, "default_hooks.checkpoint.max_keep_ckpts": -1})
    (tmp_path / "run/last_checkpoint").write_text(str(tmp_path / "run/epoch_2.pth"))
    resumed = train("run", 1, longer, alone=True, resume="auto")
    assert (resumed["meta"]["epoch"], resumed["meta"]["iter"]) == (3, 12)
    assert equal(resumed["param_schedulers"], alone["param_schedulers"])
    rates = [[group["lr"] for group in point["optimizer"]["param_groups"]] for point in (resumed, alone)]
    assert rates[0] == pytest.approx(rates[1], rel=1e-9)
    assert f"{RESUMED_LINE}; the learning rate is not scaled" in log(tmp_path, "run")


def test_an_epoch_goes_on_where_other_processes_were_in_it(train: Train, seen: Any, tmp_path: Path) -> None:
    options = {"train_dataloader.batch_size": 2, "default_hooks.checkpoint.by_epoch": False}
    train("run", 2, {**options, "default_hooks.checkpoint.interval": 6, "model.seen": str(tmp_path / "before")})
    (tmp_path / "run/last_checkpoint").write_text(str(tmp_path / "run/iter_6.pth"))
    resumed = train("run", 1, {**options, "model.seen": str(tmp_path / "after")}, alone=True, resume="auto")
    assert (resumed["meta"]["epoch"], resumed["meta"]["iter"]) == (1, 16)
    # The first epoch has 8 images of each, and the first half of the second 4.
    halves = [seen("before", rank)[0][8:12] for rank in (0, 1)]
    assert sorted(halves[0] + halves[1] + seen("after", 0)[0]) == list(range(16))


def test_the_rate_is_scaled_to_the_images_of_the_new_processes(train: Train, tmp_path: Path) -> None:
    train("run", 2, iterations(3), auto_scale_lr=True)
    resumed = train("run", 1, iterations(6), alone=True, resume="auto", auto_scale_lr=True)
    # 4 images per step where the rate is meant for 8, on the sixth of 20 steps of a line to zero.
    assert resumed["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.01 * 4 / 8 * (1 - 6 / 19), rel=1e-6)
    assert f"{RESUMED_LINE}; the learning rate is scaled" in log(tmp_path, "run")


def test_a_file_that_one_machine_lacks_is_named_on_all(
    train: Train, processes: Any, small_config: Path, tmp_path: Path
) -> None:
    train("run", 1, alone=True)

    def resume() -> None:
        if os.environ["RANK"] == "1":
            (tmp_path / "elsewhere").mkdir()
            os.chdir(tmp_path / "elsewhere")
        else:
            os.chdir(tmp_path)
        (Path("run") / "last_checkpoint").unlink(missing_ok=True)
        engine.train(small_config, work_dir="run", launcher="pytorch", resume="auto")

    assert processes(2, resume) == [1, 1]
    for rank in (0, 1):
        error = (tmp_path / f"error-{rank}.txt").read_text()
        assert "UsageError: process 1 of 2 does not find the file run/epoch_2.pth that process 0 has" in error


def test_checkpoints_of_mmengine_resume(train: Train, tmp_path: Path) -> None:
    """They do not say where the training was in its data: after whole epochs, of any length, it is at their end."""
    train("run", 2, {"train_cfg.max_epochs": 1, "param_scheduler.total_steps": 2})
    path = tmp_path / "run/epoch_1.pth"
    checkpoint = torch.load(path, weights_only=False)
    del checkpoint["meta"]["progress"], checkpoint["meta"]["random_states"]
    torch.save(checkpoint, path)
    resumed = train("run", 1, alone=True, resume="auto")
    assert (resumed["meta"]["epoch"], resumed["meta"]["iter"]) == (2, 8)
