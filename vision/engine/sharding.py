"""Fully sharded data parallelism, torch's FSDP2: each process keeps a part of the weights and the optimizer's state.

A model is built, initialized and loaded whole, and sharded before its first step, so that all that comes before is the
same as without. Sharded tensors are torch's DTensors; modules have them as parameters outside of their `forward`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from vision.errors import UsageError


def shard_model(
    model: nn.Module, mesh: DeviceMesh, blocks: Sequence[str] | None = None
) -> dict[nn.Parameter, nn.Parameter]:
    """Shard a model in place, over the processes of a mesh and onto their device.

    Args:
        model: whole, and the same on all processes.
        mesh: of one dimension.
        blocks: names of classes whose modules are gathered one by one, so that no process ever holds the whole model.
            Such a module is used by its `forward` alone and shares no parameter. None: those that end in "Block".

    Returns:
        Parameters as they were -> as they are now.

    Raises:
        UsageError: the model has no modules of a class that `blocks` names.
    """
    before = dict(model.named_parameters())
    for block in reversed(_blocks(model, blocks)):
        fully_shard(block, mesh=mesh, reshard_after_forward=True)
    # The rest, too, gives its weights back: what averages or saves parameters after a forward finds sharded ones.
    fully_shard(model, mesh=mesh, reshard_after_forward=True)
    for module in model.modules():
        if isinstance(module, BaseDataPreprocessor):
            module.to(mesh.device_type)
    after = dict(model.named_parameters())
    return {old: after[name] for name, old in before.items()}


def shard_optimizer(optimizer: torch.optim.Optimizer, parameters: dict[nn.Parameter, nn.Parameter]) -> None:
    """Let an optimizer of a whole model go on with the sharded one: groups stay, the state is cut like the weights.

    Args:
        optimizer: as it was built, or as it was loaded.
        parameters: what `shard_model` has returned.
    """
    for group in optimizer.param_groups:
        group["params"] = [parameters[old] for old in group["params"]]
    whole_states: dict[Any, Any] = dict(optimizer.state)
    optimizer.state.clear()
    for old, state in whole_states.items():
        new: Any = parameters[old]
        optimizer.state[new] = {
            name: _cut_like(value, new) if isinstance(value, Tensor) and value.shape == old.shape else value
            for name, value in state.items()
        }


def gathered(state: Any) -> Any:
    """A state dict with its sharded tensors whole and on the CPU; every process of the group must call this.

    The first process alone keeps them; the others get empty tensors in their place.
    """
    if isinstance(state, dict):
        whole = type(state)()
        whole.update((key, gathered(value)) for key, value in state.items())
        return whole
    if isinstance(state, list | tuple):
        return type(state)(gathered(value) for value in state)
    if isinstance(state, DTensor):
        full = state.full_tensor().detach()
        return full.cpu() if distributed.get_rank() == 0 else full.new_empty(0, device="cpu")
    return state


def _blocks(model: nn.Module, names: Sequence[str] | None) -> list[nn.Module]:
    """Those modules of the model, outer ones before inner ones."""
    kinds = {type(module).__name__ for module in model.modules()}
    missing = sorted(set(names or ()) - kinds)
    if missing:
        raise UsageError(
            f"the model has no {missing[0]} to shard; blocks are names of its modules' classes, such as "
            f"{', '.join(sorted(kinds)[:6])}",
            code="bad-config",
            value=missing[0],
        )
    wanted = {kind for kind in kinds if kind.endswith("Block")} if names is None else set(names)
    return [module for module in model.modules() if module is not model and type(module).__name__ in wanted]


def _cut_like(value: Tensor, parameter: DTensor) -> Tensor:
    """This process's part, on the parameter's device; all have the whole value, so nothing is sent."""
    on_device = value.to(parameter.device)
    return distribute_tensor(on_device, parameter.device_mesh, parameter.placements, src_data_rank=None)
