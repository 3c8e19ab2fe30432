"""bfloat16 training without an accelerator."""

from __future__ import annotations

import torch
from torch import nn

from vision.engine.optim import Bf16OptimWrapper


class Recorder(nn.Linear):
    """A layer that remembers the type of what it computed."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        self.seen = y.dtype
        return y


def test_computes_in_bfloat16_and_keeps_weights_in_float32() -> None:
    layer = Recorder(4, 2)
    wrapper = Bf16OptimWrapper(torch.optim.SGD(layer.parameters(), lr=0.1))
    before = layer.weight.detach().clone()
    with wrapper.optim_context(layer):
        loss = layer(torch.ones(3, 4)).float().square().mean()
    wrapper.update_params(loss)
    assert layer.seen == torch.bfloat16
    assert layer.weight.dtype == torch.float32
    assert not torch.equal(layer.weight, before)
    layer(torch.ones(3, 4))
    assert layer.seen == torch.float32


def test_accumulates_gradients() -> None:
    layer = Recorder(4, 2)
    wrapper = Bf16OptimWrapper(torch.optim.SGD(layer.parameters(), lr=0.1), accumulative_counts=2)
    wrapper.initialize_count_status(layer, 0, 4)
    before = layer.weight.detach().clone()
    for changed in (False, True):
        with wrapper.optim_context(layer):
            loss = layer(torch.ones(3, 4)).float().square().mean()
        wrapper.update_params(loss)
        assert torch.equal(layer.weight, before) != changed
