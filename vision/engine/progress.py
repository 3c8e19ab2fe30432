"""How far a training was, kept such that another number of processes, or of images per step, goes on from there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from mmengine.runner import EpochBasedTrainLoop


@dataclass(frozen=True)
class Progress:
    """Where a train loop stands in its data.

    Attributes:
        processes: how many train.
        images_per_step: of all processes together; 0 where the batch sampler does not say.
        batches_per_epoch: on one process.
        batches: that a process was trained on since its data began: an epoch's, or an endless sampler's.
        is_endless: whether the sampler never ends, so that `batches_per_epoch` says nothing.
    """

    processes: int
    images_per_step: int
    batches_per_epoch: int
    batches: int
    is_endless: bool

    @classmethod
    def of(cls, loop: Any, epoch: int, iteration: int) -> Progress:
        """As a loop stands that has done so many epochs and iterations."""
        loader, processes = loop.dataloader, get_world_size()
        size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", None) or 0
        samplers = (loader.sampler, getattr(loader.batch_sampler, "sampler", None))
        # A loop that was resumed on other processes stands elsewhere in its data than its iterations say.
        batches = iteration + getattr(loop, "batches_ahead", 0)
        if isinstance(loop, EpochBasedTrainLoop):
            batches = iteration - epoch * len(loader)
        is_endless = any(isinstance(sampler, InfiniteSampler) for sampler in samplers)
        return cls(processes, processes * size, len(loader), batches, is_endless)

    @classmethod
    def from_meta(cls, meta: dict[str, Any], loop: Any) -> Progress:
        """As a checkpoint tells it; as `loop` would be, where mmengine's own hook has written the checkpoint."""
        if isinstance(meta.get("progress"), dict):
            return cls(**meta["progress"])
        epoch, iteration = meta["epoch"], meta["iter"]
        here = cls.of(loop, epoch, iteration)
        is_epoch_end = isinstance(loop, EpochBasedTrainLoop) and epoch > 0 and iteration % epoch == 0
        if is_epoch_end and not 0 <= here.batches < here.batches_per_epoch:
            return replace(here, batches_per_epoch=iteration // epoch, batches=0)
        return here

    def to_meta(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return asdict(self)

    def batches_on(self, here: Progress) -> int:
        """How many batches as those of `here` are the images of this progress, rounded down: none is left out."""
        if self.is_endless or here.is_endless:
            if not self.images_per_step or not here.images_per_step:
                return self.batches
            return self.batches * self.images_per_step // here.images_per_step
        return self.batches * here.batches_per_epoch // max(1, self.batches_per_epoch)


def move_loop(loop: Any, was: Progress, epoch: int, iteration: int) -> int:
    """Set a loop to where a checkpoint's training was.

    Epochs and their share that is done stay, so a loop of epochs counts its iterations anew; a loop of iterations keeps
    their number.

    Args:
        loop: one of mmengine's train loops.
        was: how far the training was.
        epoch: epochs that it had done.
        iteration: iterations that it had done.

    Returns:
        Batches to skip, of the epoch in a loop of epochs.
    """
    batches = max(0, was.batches_on(Progress.of(loop, epoch, iteration)))
    loop._epoch, loop._iter = epoch, iteration
    if isinstance(loop, EpochBasedTrainLoop):
        loop._iter = epoch * len(loop.dataloader) + batches
    else:
        loop.batches_ahead = batches - iteration
    return batches
