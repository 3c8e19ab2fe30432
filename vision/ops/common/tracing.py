"""What torch.compile and torch.export are told about our functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch

F = TypeVar("F", bound=Callable[..., object])

_IS_KEEPING = ContextVar("is_keeping", default=False)


def constant(function: F) -> F:
    """`torch.compiler.assume_constant_result`: a traced call runs, and the graph keeps what it returned.

    That one imports torch._dynamo, which takes longer than all else that importing an operator does.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


def goes_without_operators() -> bool:
    """Whether a program is being exported that has to run where our operators are not."""
    return not _IS_KEEPING.get() and (torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export())


@contextmanager
def keeping_operators() -> Iterator[None]:
    """Let programs that are exported in the block have our operators, with their kernels."""
    token = _IS_KEEPING.set(True)
    try:
        yield
    finally:
        _IS_KEEPING.reset(token)
