"""What the trainers share: parts that configs describe, and batches that data loaders leave as lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

Batch: TypeAlias = "Tensor | Sequence[Tensor]"


def built(part: nn.Module | dict[str, Any]) -> nn.Module:
    """A module as it is, or the one that a config describes, of mmengine's registry."""
    from mmengine.registry import MODELS

    return part if isinstance(part, nn.Module) else MODELS.build(part)


def stacked(batch: Batch) -> Tensor:
    """A batch as one tensor; of a list, all elements have one shape."""
    return batch if isinstance(batch, Tensor) else torch.stack(tuple(batch))
