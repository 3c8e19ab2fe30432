"""Backends of an operator: ways to compute it, and the choice among them. Each mechanism has a table of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

C = TypeVar("C")  # the arguments of a call


def _always(call: Any) -> bool:
    return True


@dataclass(frozen=True)
class Backend(Generic[C]):
    """One way to compute an operator.

    Args:
        name: what callers write as `backend=`.
        purpose: what it is, in a few words.
        run: results of a call.
        missing: why this machine does not have it, or None.
        why_not: why it cannot do a call, or None.
        unasked: whether it may be chosen for a call that names no backend.
    """

    name: str
    purpose: str
    run: Callable[[C], Any]
    missing: Callable[[], str | None]
    why_not: Callable[[C], str | None]
    unasked: Callable[[C], bool] = _always


def select(table: Sequence[Backend[C]], name: str | None, call: C) -> Backend[C]:
    """The backend of that name, or the first that can do `call` if None.

    Args:
        table: in order of preference; the last one can do every call.

    Raises:
        ValueError: no backend has that name.
        RuntimeError: it cannot do this call; the message says why.
    """
    if name is not None:
        backend = find(table, name)
        reason = backend.why_not(call)
        if reason is not None:
            raise RuntimeError(f"backend {name!r} cannot do this call: {reason}")
        return backend
    for backend in table:
        if backend.unasked(call) and backend.why_not(call) is None:
            return backend
    raise AssertionError("the last backend of a table can do every call")


def find(table: Sequence[Backend[C]], name: str) -> Backend[C]:
    """The backend of that name.

    Raises:
        ValueError: there is none.
    """
    for backend in table:
        if backend.name == name:
            return backend
    names = [backend.name for backend in table]
    known = f"None, {names[0]!r} or {names[1]!r}" if len(names) == 2 else f"None or one of {names}"
    raise ValueError(f"backend must be {known}, got {name!r}")


def describe(table: Sequence[Backend[C]]) -> list[tuple[str, str | None, str]]:
    """Name, why it is missing here (or None) and purpose of every backend, in order of preference."""
    return [(backend.name, backend.missing(), backend.purpose) for backend in table]
