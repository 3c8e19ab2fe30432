"""Optimizer wrappers for mmengine."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn


class Bf16OptimWrapper(OptimWrapper):
    """Runs the forward pass in bfloat16 autocast, on CPU as well as on GPU.

    mmengine's AmpOptimWrapper refuses a machine without an accelerator. bfloat16 has the range of float32, so no loss
    scaling is needed and the weights and the optimizer's state stay in float32.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, inside mmengine's own context for gradient accumulation."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
