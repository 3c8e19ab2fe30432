"""Where a resumed training stands in its data: found from the sampler alone, no batch is loaded for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader


def skip_trained_batches(
    loop: Any, batches: int | None = None, before_next: Callable[[], object] = lambda: None
) -> None:
    """Let a loop that has been resumed go on behind the batches that it was trained on.

    mmengine's loop of iterations loads and discards them all, which takes as long as their training took to load them;
    its loop of epochs begins the epoch again. Batches are the same as without interruption.

    Args:
        loop: as it was resumed.
        batches: how many, of the epoch in a loop of epochs; None: as many as a loop of iterations has done.
        before_next: called when all is in place, before anything is loaded: by `before_next` random numbers of this
            process may be set.
    """
    loader = getattr(loop, "dataloader", None)
    if not isinstance(loader, DataLoader) or loader.batch_sampler is None:
        before_next()
    elif isinstance(loop, EpochBasedTrainLoop) and batches:
        _begin_within_epoch(loop, batches, before_next)
    # OneDL's loop may be told to begin with the first batch again.
    elif isinstance(loop, IterBasedTrainLoop) and loop.iter and not getattr(loop, "fast_forward_on_resume", False):
        skip = loop.iter if batches is None else batches
        loop.dataloader_iterator = _Resumed(loader, loop.iter, skip, loop.dataloader_iterator, before_next)
    else:
        before_next()


def _begin_within_epoch(loop: Any, batches: int, before_next: Callable[[], object]) -> None:
    loader = loop.dataloader
    _set_epoch(loader, loop.epoch)
    indices = iter(loader.batch_sampler)
    for _ in range(batches):
        next(indices, None)
    _install(loader, indices, before_next)
    run_iter, epoch = loop.run_iter, loop.epoch
    # Hooks are told which batch of the epoch it is.
    loop.run_iter = lambda index, batch: run_iter(index + batches * (loop.epoch == epoch), batch)


class _Resumed:
    """Stands in for mmengine's endless iterator, which the loop asks for its `asks` trained batches first."""

    def __init__(
        self, loader: DataLoader[Any], asks: int, skip: int, endless: Any, before_next: Callable[[], object]
    ) -> None:
        self._loader = loader
        self._asked = 0
        self._asks = asks
        self._skip = skip
        self._endless = endless
        self._before_next = before_next

    def __iter__(self) -> _Resumed:
        return self

    def __next__(self) -> Any:
        self._asked += 1
        if self._asked < self._asks:
            return None
        if self._asked == self._asks:
            self._go_on()
            return None
        return next(self._endless)

    def skip_iter(self, num_iters: int) -> None:
        """What newer loops ask at once, instead of for each batch."""
        self._asked = self._asks
        self._go_on()

    def _go_on(self) -> None:
        """Have the endless iterator begin with the batch behind the trained ones."""
        epoch, indices = _advanced(self._loader, self._skip)
        _install(self._loader, indices, self._before_next)
        self._endless._iterator = None
        self._endless._iterator = iter(self._loader)
        self._endless._epoch = epoch


def _install(loader: DataLoader[Any], indices: Iterator[Any], before_next: Callable[[], object]) -> None:
    # torch lets nobody exchange the sampler of a loader, and its workers keep the one that they began with.
    object.__setattr__(loader, "batch_sampler", _Positioned(loader.batch_sampler, indices, before_next))
    loader._iterator = None


class _Positioned:
    """A batch sampler whose first pass goes on with `indices`; the later ones are whole."""

    def __init__(self, sampler: Any, indices: Iterator[Any], before_next: Callable[[], object]) -> None:
        self._sampler = sampler
        self._indices: Iterator[Any] | None = indices
        self._before_next = before_next

    def __iter__(self) -> Iterator[Any]:
        # A loader with workers asks for two iterators at its start and uses the second: what is left goes to the first
        # that is read.
        indices, self._indices = self._indices, None
        if indices is not None:
            self._before_next()  # the loader has drawn its workers' seed by now, and loads behind this
        yield from self._sampler if indices is None else indices

    def __len__(self) -> int:
        return len(self._sampler)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampler, name)


def _advanced(loader: DataLoader[Any], count: int) -> tuple[int, Iterator[Any]]:
    """The epoch that a sampler is in after `count` batches, and the rest of that epoch."""
    epoch, indices = 0, iter(loader.batch_sampler or ())
    for _ in range(count):
        try:
            next(indices)
        except StopIteration:
            epoch += 1
            _set_epoch(loader, epoch)
            indices = iter(loader.batch_sampler or ())
            next(indices)
    return epoch, indices


def _set_epoch(loader: DataLoader[Any], epoch: int) -> None:
    """As mmengine does it between two passes."""
    candidates: list[Any] = [loader.sampler, getattr(loader.batch_sampler, "sampler", None)]
    for sampler in candidates:
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)
            return
