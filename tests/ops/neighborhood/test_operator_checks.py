"""The operators of `torch.ops.nbv` called past Python: they refuse what would be read outside of its memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vision.ops.common import kernels

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(kernels.missing() is not None, reason="the operator has no kernels here")

NUMBERS = ([3, 3], [1, 1], [1, 1], [0, 0], 0.3)
INPUTS = ("query", "key", "value", "bias", "additional_keys", "additional_values")


def make_inputs(dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    torch.manual_seed(0)
    made = {"query": torch.randn(1, 6, 7, 4, 8), "key": torch.randn(1, 6, 7, 2, 8), "value": torch.randn(1, 6, 7, 2, 5)}
    made["bias"] = torch.randn(4, 5, 5)
    made |= {"additional_keys": torch.randn(1, 3, 2, 8), "additional_values": torch.randn(1, 3, 2, 5)}
    return {name: tensor.to(dtype) for name, tensor in made.items()}


def run(**changes: Tensor) -> Any:
    tensors = {**make_inputs(), **changes}
    return torch.ops.nbv.neighborhood_attention.default(*[tensors[name] for name in INPUTS], *NUMBERS)


def run_backward(**changes: Tensor) -> Any:
    tensors = make_inputs()
    out, lse = run()
    made = {"grad_out": torch.ones_like(out), "grad_lse": torch.zeros_like(lse), **tensors, "out": out, "lse": lse}
    made |= changes
    names = ("grad_out", "grad_lse", *INPUTS, "out", "lse")
    return torch.ops.nbv.neighborhood_attention_backward.default(*[made[name] for name in names], *NUMBERS)


WRONG_INPUTS: list[tuple[str, Tensor, str]] = [
    ("key", torch.zeros(1, 6, 7, 2, 7), "key must have size 8 along axis 4, got 7"),
    ("key", torch.zeros(1, 6, 7, 3, 8), "the heads of key must divide the 4 of query, got 3"),
    ("key", torch.zeros(1, 6, 7, 2, 8).double(), "key must be Float, got Double"),
    ("value", torch.zeros(2, 6, 7, 2, 5), "value must have size 1 along axis 0, got 2"),
    ("value", torch.zeros(1, 6, 7, 4, 5), "value must have size 2 along axis 3, got 4"),
    ("value", torch.zeros(1, 6, 7, 2, 0), "at least one channel, got 8 and 0"),
    ("value", torch.zeros(1, 6, 7, 2, 5).half(), "value must be Float, got Half"),
    ("bias", torch.zeros(4, 5, 5).double(), "bias must be Float, got Double"),
    ("bias", torch.zeros(4, 5, 5).bfloat16(), "bias must be Float, got BFloat16"),
    ("bias", torch.zeros(4, 5, 4), "bias must have size 5 along axis 2, got 4"),
    ("bias", torch.zeros(2, 5, 10), "bias must have size 4 along axis 0, got 2"),
    ("bias", torch.zeros(100), "bias must have 3 axes, got 1"),
    ("additional_keys", torch.zeros(1, 3, 2, 7), "additional_keys must have size 8 along axis 3, got 7"),
    ("additional_keys", torch.zeros(3, 2, 8), "additional_keys must have 4 axes, got 3"),
    ("additional_values", torch.zeros(1, 2, 2, 5), "additional_values must have size 3 along axis 1, got 2"),
    ("additional_values", torch.zeros(1, 3, 2, 5).half(), "additional_values must be Float, got Half"),
]
WRONG_GRADIENTS: list[tuple[str, Tensor, str]] = [
    ("grad_out", torch.zeros(1, 2, 2, 4, 5), "the gradient of the output must have size 6 along axis 1, got 2"),
    ("grad_out", torch.zeros(1, 6, 7, 4, 4), "the gradient of the output must have size 5 along axis 4, got 4"),
    ("grad_out", torch.zeros(6, 7, 4, 5), "the gradient of the output must have 5 axes, got 4"),
    ("grad_out", torch.zeros(1, 6, 7, 4, 5).half(), "the gradient of the output must be Float, got Half"),
    ("grad_out", torch.zeros(1, 6, 7, 5, 4).transpose(3, 4), "the last axis of every tensor must be dense"),
    ("out", torch.zeros(1, 6, 7, 2, 5), "the output must have size 4 along axis 3, got 2"),
    ("out", torch.zeros(1, 6, 7, 4, 5).double(), "the output must be Float, got Double"),
    ("lse", torch.zeros(1, 1, 7, 4), "lse must have size 6 along axis 1, got 1"),
    ("lse", torch.zeros(0), "lse must have 4 axes, got 1"),
    ("lse", torch.zeros(1, 6, 7, 4).double(), "lse must be Float, got Double"),
    ("grad_lse", torch.zeros(1, 6, 7, 2), "the gradient of lse must have size 4 along axis 3, got 2"),
    ("grad_lse", torch.zeros(1, 6, 7, 4).half(), "the gradient of lse must be Float, got Half"),
]


@pytest.mark.parametrize(("name", "tensor", "message"), WRONG_INPUTS)
def test_inputs_that_do_not_fit_are_refused(name: str, tensor: Tensor, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        run(**{name: tensor})
    with pytest.raises(RuntimeError, match=message):
        run_backward(**{name: tensor})


@pytest.mark.parametrize(("name", "tensor", "message"), WRONG_GRADIENTS)
def test_gradients_that_do_not_fit_are_refused(name: str, tensor: Tensor, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        run_backward(**{name: tensor})


def test_what_fits_is_computed() -> None:
    out, lse = run()
    assert out.shape == (1, 6, 7, 4, 5) and lse.shape == (1, 6, 7, 4)
    assert [grad.shape for grad in run_backward()] == [tensor.shape for tensor in make_inputs().values()]


@pytest.mark.skipif(platform.system() != "Linux", reason="limits of memory are Linux's")
def test_a_process_goes_on_after_memory_was_short() -> None:
    """The scratch that a thread keeps must not be trusted after an allocation in its place failed."""
    code = """
import resource, torch
from vision.ops import na1d
torch.set_num_threads(1)
def inputs(tokens):
    return [torch.ones(1, tokens, 1, 32, requires_grad=True) for _ in range(3)]
def small():
    return torch.autograd.grad(na1d(*(few := inputs(4096)), 63).sum(), few)
wanted = small()
many = inputs(300_000)
out = na1d(*many, 3)
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (150 << 20),) * 2)
try:
    torch.autograd.grad(out.sum(), many)
except (MemoryError, RuntimeError):
    torch.testing.assert_close(small(), wanted)
    print("refused, and went on")
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "refused, and went on\n", f"{done.returncode}: {done.stderr}"


@pytest.mark.skipif(platform.system() != "Linux", reason="/proc is Linux's")
def test_large_scratch_is_given_back() -> None:
    """After two large backward passes the process is as large as before, and the second one is right."""
    code = """
import torch
from vision.ops import na1d
torch.set_num_threads(1)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
def backward(tokens):
    few = [torch.ones(1, tokens, 1, 32, requires_grad=True) for _ in range(3)]
    return [grad.sum().item() for grad in torch.autograd.grad(na1d(*few, 63).sum(), few)]
backward(64)
before = resident()
first = backward(200_000)
assert resident() - before < 32 << 20, (resident() - before) >> 20
assert backward(200_000) == first
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MALLOC_MMAP_THRESHOLD_": "1000000"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
