"""What torch.compile is told about our functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


def constant(function: F) -> F:
    """`torch.compiler.assume_constant_result`: a traced call runs, and the graph keeps what it returned.

    That one imports torch._dynamo, which takes longer than all else that importing an operator does.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
