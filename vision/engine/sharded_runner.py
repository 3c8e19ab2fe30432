"""mmengine's Runner on a model that is sharded over the processes (FSDP2), with the checkpoints of any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmengine.model import BaseAveragedModel, convert_sync_batchnorm, revert_sync_batchnorm
from mmengine.runner import BaseLoop
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh

from vision.engine.config import class_name
from vision.engine.sharding import gathered, shard_model, shard_optimizer
from vision.engine.suite_runner import SuiteRunner
from vision.errors import UsageError

WRAPPER = "FSDP2"
_OPTIONS = {"blocks"}


def is_sharded(cfg: Mapping[str, Any]) -> bool:
    """Whether a config asks for FSDP2, by `model_wrapper_cfg = dict(type="FSDP2")`."""
    return class_name((cfg.get("model_wrapper_cfg") or {}).get("type")) == WRAPPER


class ShardedRunner(SuiteRunner):
    """Trains with FSDP2. The option `blocks` of `model_wrapper_cfg` is `shard_model`'s.

    The model stays whole, on the CPU, until its weights are initialized and a checkpoint is loaded; then model,
    optimizer and averaged model are sharded. A checkpoint is gathered and written by the first process, with the keys
    and shapes that a training without sharding gives it.
    """

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        """The model itself, whole.

        Raises:
            UsageError: the config has an option that is not ours.
        """
        self._sharding = {key: value for key, value in (model_wrapper_cfg or {}).items() if key != "type"}
        unknown = sorted(set(self._sharding) - _OPTIONS)
        if unknown:
            raise UsageError(
                f"model_wrapper_cfg of type {WRAPPER} has no option {unknown[0]!r}; "
                f"it has {', '.join(sorted(_OPTIONS))}",
                code="bad-config",
                value=unknown[0],
            )
        if not torch.cuda.is_available():
            return revert_sync_batchnorm(model)
        sync_bn = self.cfg.get("sync_bn")
        return model if sync_bn is None else convert_sync_batchnorm(model, sync_bn)

    def resume(self, filename: str, *args: Any, **options: Any) -> None:
        """As mmengine's, to the CPU, where the whole model is."""
        super().resume(filename, *args, **{**options, "map_location": "cpu"})

    def load_or_resume(self) -> None:
        """As `SuiteRunner`'s; then the model is sharded, if it is to be trained."""
        super().load_or_resume()
        if not isinstance(self._train_loop, BaseLoop):
            return
        kind = "cuda" if torch.cuda.is_available() else "cpu"
        mesh = init_device_mesh(kind, (distributed.get_world_size(),))
        parameters = shard_model(self.model, mesh, **self._sharding)
        for wrapper in self.optim_wrappers():
            shard_optimizer(wrapper.optimizer, parameters)
        for averaged in self._averaged_models():
            shard_model(averaged.module, mesh, **self._sharding)
            averaged.to(kind)
            averaged.avg_parameters = (
                averaged.module.state_dict() if averaged.update_buffers else dict(averaged.module.named_parameters())
            )

    def save_checkpoint(self, *args: Any, **options: Any) -> None:
        """As `SuiteRunner`'s, gathered from all processes, each of which must call this."""
        with ExitStack() as stack:
            for holder in (self.model, self.optim_wrapper, *self._averaged_models()):
                stack.enter_context(_gathered_once(holder))
            super().save_checkpoint(*args, **options)

    def _averaged_models(self) -> list[BaseAveragedModel]:
        found = [getattr(hook, "ema_model", None) for hook in self.hooks]
        return [model for model in found if isinstance(model, BaseAveragedModel)]


@contextmanager
def _gathered_once(holder: Any) -> Iterator[None]:
    """Within the block `holder.state_dict()` is whole and asks no other process: mmengine calls it on one alone."""
    state = gathered(holder.state_dict())
    holder.state_dict = lambda *args, **options: state
    try:
        yield
    finally:
        del holder.state_dict
