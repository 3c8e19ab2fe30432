"""Where a resumed training stands in its data: found from the sampler alone, no batch is loaded for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader


def skip_trained_batches(loop: Any) -> None:
    """Let a loop of iterations that has been resumed go on behind the batches that it was trained on.

    mmengine loads and discards them all, which takes as long as their training took to load them. Batches are the
    same as without interruption; only random augmentation differs, as it does for mmengine.
    """
    loader = getattr(loop, "dataloader", None)
    if not isinstance(loop, IterBasedTrainLoop) or loop.iter == 0 or not isinstance(loader, DataLoader):
        return
    # OneDL's loop may be told to begin with the first batch again.
    if loader.batch_sampler is not None and not getattr(loop, "fast_forward_on_resume", False):
        loop.dataloader_iterator = _Resumed(loader, loop.iter, loop.dataloader_iterator)


class _Resumed:
    """Stands in for mmengine's endless iterator, of which the loop asks the trained batches first."""

    def __init__(self, loader: DataLoader[Any], skip: int, endless: Any) -> None:
        self._loader = loader
        self._asked = 0
        self._skip = skip
        self._endless = endless

    def __iter__(self) -> _Resumed:
        return self

    def __next__(self) -> Any:
        self._asked += 1
        if self._asked < self._skip:
            return None
        if self._asked == self._skip:
            self._go_on()
            return None
        return next(self._endless)

    def skip_iter(self, num_iters: int) -> None:
        """What newer loops ask at once, instead of for each batch."""
        self._asked = self._skip
        self._go_on()

    def _go_on(self) -> None:
        """Have the endless iterator begin with the batch behind the trained ones."""
        epoch, indices = _advanced(self._loader, self._skip)
        # torch lets nobody exchange the sampler of a loader, and its workers keep the one that they began with.
        object.__setattr__(self._loader, "batch_sampler", _Positioned(self._loader.batch_sampler, indices))
        self._endless._iterator = None
        self._loader._iterator = None
        self._endless._iterator = iter(self._loader)
        self._endless._epoch = epoch


class _Positioned:
    """A batch sampler whose first pass goes on with `indices`; the later ones are whole."""

    def __init__(self, sampler: Any, indices: Iterator[Any]) -> None:
        self._sampler = sampler
        self._indices: Iterator[Any] | None = indices

    def __iter__(self) -> Iterator[Any]:
        # A loader with workers asks for two iterators at its start and uses the second: what is left goes to the first
        # that is read.
        indices, self._indices = self._indices, None
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
