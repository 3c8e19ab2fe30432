"""Small models of the three families, and weights that follow from names alone."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import backbones

SMALL: dict[str, Any] = {
    "embed_dim": 8,
    "depths": (2, 2, 1, 1),
    "num_heads": (1, 2, 2, 4),
    "kernel_size": 3,
    "mlp_ratio": 2.0,
    "num_classes": 5,
}
DILATED = [[1, 4], [1, 2], [2], [1]]


def _seeded(name: str, shape: tuple[int, ...]) -> Tensor:
    numbers = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    return torch.from_numpy(numbers.astype(np.float32))


def _scale_and_center(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Of a parameter's random numbers: large enough that every parameter shows in the output."""
    if name.endswith("rpb"):
        return 0.5, 0.0
    if "norm" in name and name.endswith("weight"):
        return 0.1, 1.0
    if "gamma" in name:
        return 0.1, 0.5
    if name.endswith("bias"):
        return 0.1, 0.0
    return float(np.prod(shape[1:])) ** -0.5, 0.0


@pytest.fixture(scope="session")
def seeded() -> Callable[[str, tuple[int, ...]], Tensor]:
    """A function: name and shape -> standard normal float32 numbers that follow from the name."""
    return _seeded


@pytest.fixture(scope="session")
def fill() -> Callable[[nn.Module], nn.Module]:
    """A function that gives every parameter the numbers of its name, and returns the model in eval mode."""

    def run(model: nn.Module) -> nn.Module:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                scale, center = _scale_and_center(name, tuple(parameter.shape))
                parameter.copy_(center + scale * _seeded(name, tuple(parameter.shape)))
        return model.eval()

    return run


@pytest.fixture(params=["NAT", "DiNAT", "DiNATS"])
def family(request: pytest.FixtureRequest) -> str:
    """Each of the three classes by name."""
    return request.param


@pytest.fixture(scope="session")
def small_arguments() -> Callable[..., dict[str, Any]]:
    """A function: family and what is unlike the ordinary -> keyword arguments of a small model."""

    def make(family: str, **changes: Any) -> dict[str, Any]:
        return {**SMALL, "dilations": None if family == "NAT" else DILATED, **changes}

    return make


@pytest.fixture(scope="session")
def small(fill: Callable[[nn.Module], nn.Module], small_arguments: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """A function that makes a small model of a family, in eval mode; what is not given is ordinary."""

    def make(family: str, **changes: Any) -> Any:
        return fill(getattr(backbones, family)(**small_arguments(family, **changes)))

    return make
