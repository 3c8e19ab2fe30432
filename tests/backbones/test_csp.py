"""The convolutional backbone of the video networks."""

from __future__ import annotations

import pytest
import torch

from backbones.csp import CSPNet


def test_maps_have_their_strides_and_widths() -> None:
    model = CSPNet(widths=(8, 16, 24, 32), depths=(1, 1, 2, 1))
    maps = model(torch.randn(2, 3, 64, 96))
    assert [tuple(level.shape) for level in maps] == [(2, 32, 8, 12), (2, 48, 4, 6), (2, 64, 2, 3)]
    assert model.out_channels == (32, 48, 64)
    assert [len(stage.pairs) for stage in model.stages] == [1, 1, 2, 1]
    assert [tuple(level.shape[1:]) for level in CSPNet(out_indices=(0, 2))(torch.randn(1, 3, 32, 32))] == [
        (64, 8, 8),
        (256, 2, 2),
    ]


def test_a_stage_joins_what_came_before() -> None:
    """By hand: enter, two halves, leave; the last joined with the first."""
    torch.manual_seed(0)
    stage = CSPNet(widths=(8, 16, 24, 32), depths=(1, 1, 1, 1)).stages[0]
    x = torch.randn(1, 8, 6, 6)

    def conv(layer: torch.nn.Module, value: torch.Tensor) -> torch.Tensor:
        out = torch.nn.functional.conv2d(value, layer.weight, layer.bias, padding=1)
        return torch.where(out > 0, out, 0.1 * out)

    entered = conv(stage.enter, x)
    half = conv(stage.pairs[0][0], entered)
    left = conv(stage.leave, torch.cat((conv(stage.pairs[0][1], half), half), 1))
    torch.testing.assert_close(stage(x), torch.cat((left, entered), 1))


def test_gradients_reach_every_parameter() -> None:
    model = CSPNet(widths=(8, 8, 8, 8), depths=(1, 1, 1, 1))
    sum(level.square().mean() for level in model(torch.randn(1, 3, 64, 64))).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widths": (8, 8), "depths": (1,)}, "widths has 2 stages and depths 1"),
        ({"out_indices": ()}, r"out_indices is \(\)"),
        ({"out_indices": (4,)}, "expected some of 0 to 3"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CSPNet(**arguments)
