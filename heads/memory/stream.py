"""All that one stream of frames remembers: the memory banks of a detector (MAMBA, arXiv 2401.09923)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from heads.memory.bank import MemoryBank
from vision.errors import UsageError


class StreamMemory:
    """The banks of one stream; networks have none of their own, so that one network serves many streams at once.

    Args:
        pixel: bank of pixels of the feature map, None for a network without that level.
        instance: banks of features of proposals, one per enhanced layer of the box head; none without that level.
    """

    def __init__(self, pixel: MemoryBank | None = None, instance: tuple[MemoryBank, ...] = ()) -> None:
        self.pixel = pixel
        self.instance = tuple(instance)

    def reset(self) -> None:
        """Forget everything, as before the first frame."""
        for bank in self._banks().values():
            bank.reset()

    def state_dict(self) -> dict[str, Any]:
        """Contents and random state of all banks: dicts of tensors and integers, which `torch.save` takes.

        `torch.load(..., weights_only=True)` reads them back.
        """
        return {name: bank.state_dict() for name, bank in self._banks().items()}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device | str | None = None) -> None:
        """Go on where `state_dict` was taken.

        Args:
            state: of a memory with the same banks.
            device: where the network runs; None leaves the tensors where they are.

        Raises:
            UsageError: the state is of another kind of memory; the message names what does not fit, and nothing
                was changed.
        """
        banks = self._banks()
        if not isinstance(state, Mapping) or set(state) != set(banks):
            found = ", ".join(sorted(map(str, state))) if isinstance(state, Mapping) else type(state).__name__
            raise UsageError(
                f"the state is of another kind of memory: it has the banks {found or 'none'}, "
                f"expected {', '.join(banks) or 'none'}",
                code="bad-state",
                value=found,
            )
        for name, bank in banks.items():
            try:
                bank.check_state_dict(state[name])
            except UsageError as error:
                raise UsageError(f"{name}: {error}", code=error.code, value=error.value) from error
        for name, bank in banks.items():
            bank.load_state_dict({key: _moved(value, device) for key, value in state[name].items()})

    def _banks(self) -> dict[str, MemoryBank]:
        banks = {} if self.pixel is None else {"pixel": self.pixel}
        return {**banks, **{f"instance.{i}": bank for i, bank in enumerate(self.instance)}}


def _moved(value: Any, device: torch.device | str | None) -> Any:
    return value.to(device) if isinstance(value, Tensor) and device is not None else value
