"""A resumed training goes on with the batches that an uninterrupted one would see, and loads no earlier one."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import BatchSampler, DataLoader, Dataset

from vision.engine.resumption import skip_trained_batches


class Numbers(Dataset[int]):
    """Items that are their own index, and a list of those that were loaded in this process."""

    def __init__(self) -> None:
        self.loaded: list[int] = []

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> int:
        self.loaded.append(index)
        return index


def loop_at(step: int, sampler: str, workers: int) -> Any:
    """mmengine's loop of iterations as it stands after resuming at a step."""
    data = Numbers()
    order = {"default": DefaultSampler, "infinite": InfiniteSampler}[sampler](data, shuffle=True, seed=3)
    loader = DataLoader(
        data,
        batch_sampler=BatchSampler(order, 2, drop_last=False),
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=list,
    )
    loop = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    loop.dataloader, loop._iter = loader, step
    loop.dataloader_iterator = _InfiniteDataloaderIterator(loader)
    return loop


def batches(loop: Any, count: int) -> list[list[int]]:
    return [next(loop.dataloader_iterator) for _ in range(count)]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """mmengine waits two seconds between two passes over the data."""
    monkeypatch.setattr("mmengine.runner.loops.time.sleep", lambda seconds: None)


@pytest.mark.parametrize("sampler", ["default", "infinite"])
@pytest.mark.parametrize("step", [1, 3, 4, 5, 11])
def test_goes_on_with_the_next_batch(sampler: str, step: int) -> None:
    expected = batches(loop_at(0, sampler, 0), 20)
    loop = loop_at(step, sampler, 0)
    skip_trained_batches(loop)
    batches(loop, step)  # as mmengine's loop asks for what it was trained on
    assert loop.dataloader.dataset.loaded == []
    assert batches(loop, 20 - step) == expected[step:]


def test_goes_on_in_workers_that_stay() -> None:
    expected = batches(loop_at(0, "default", 0), 12)
    loop = loop_at(5, "default", 1)
    skip_trained_batches(loop)
    batches(loop, 5)
    assert batches(loop, 7) == expected[5:]


def test_a_new_training_is_left_alone() -> None:
    loop = loop_at(0, "default", 0)
    before = loop.dataloader_iterator
    skip_trained_batches(loop)
    assert loop.dataloader_iterator is before


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_goes_on_with_its_next_batch_and_its_number(workers: int) -> None:
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    loop.dataloader = loop_at(0, "default", workers).dataloader
    epochs = []
    for epoch in (1, 2):
        loop.dataloader.batch_sampler.sampler.set_epoch(epoch)
        epochs.append(list(enumerate(loop.dataloader)))
    ran: list[Any] = []
    order: list[str] = []
    loop._epoch, loop.run_iter = 1, lambda index, batch: ran.append((index, batch))
    skip_trained_batches(loop, 3, lambda: order.append(f"after {len(ran)}"))
    for loop._epoch in (1, 2):
        loop.dataloader.batch_sampler.sampler.set_epoch(loop.epoch)  # as a hook does it
        for index, batch in enumerate(loop.dataloader):
            loop.run_iter(index, batch)
    assert ran == epochs[0][3:] + epochs[1]
    assert order == ["after 0"]
    assert len(loop.dataloader) == 4
