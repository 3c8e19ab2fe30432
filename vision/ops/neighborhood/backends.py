"""The backends of neighborhood attention, in order of preference, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from vision.ops.neighborhood import flex, native, natten, reference
from vision.ops.neighborhood.arguments import Call


class Backend(NamedTuple):
    """One way to compute the operator.

    Args:
        name: what callers write as `backend=`.
        purpose: what it is, in a few words.
        run: output and LSE of a call.
        missing: why this machine does not have it, or None.
        why_not: why it cannot do a call, or None.
        unasked: whether it may be chosen for a call that names no backend.
    """

    name: str
    purpose: str
    run: Callable[[Call], tuple[Tensor, Tensor]]
    missing: Callable[[], str | None]
    why_not: Callable[[Call], str | None]
    unasked: Callable[[Call], bool]


def _run_reference(call: Call) -> tuple[Tensor, Tensor]:
    return reference.neighborhood_attention(*call[:-1])


BACKENDS = (
    Backend(
        "native",
        "C++ kernels for the CPU",
        native.neighborhood_attention,
        native.missing,
        native.why_not,
        lambda call: True,
    ),
    Backend(
        "natten",
        "NATTEN's CUDA kernels",
        natten.neighborhood_attention,
        natten.missing,
        natten.why_not,
        lambda call: True,
    ),
    # Eager, as on the CPU, it holds the logits of all pairs of tokens; compiled it is the fastest portable GPU code.
    Backend(
        "flex",
        "torch FlexAttention, compiled on GPUs",
        flex.neighborhood_attention,
        flex.missing,
        flex.why_not,
        lambda call: call.query.device.type == "cuda",
    ),
    Backend("reference", "PyTorch on any device", _run_reference, lambda: None, lambda call: None, lambda call: True),
)


def select(name: str | None, call: Call) -> Backend:
    """The backend of that name, or the first that can do `call` if None.

    Raises:
        ValueError: no backend has that name.
        RuntimeError: it cannot do this call; the message says why.
    """
    if name is None:
        return next(backend for backend in BACKENDS if backend.unasked(call) and backend.why_not(call) is None)
    for backend in BACKENDS:
        if backend.name == name:
            reason = backend.why_not(call)
            if reason is not None:
                raise RuntimeError(f"backend {name!r} cannot do this call: {reason}")
            return backend
    raise ValueError(f"backend must be None or one of {[backend.name for backend in BACKENDS]}, got {name!r}")


def describe_backends() -> list[tuple[str, str | None, str]]:
    """Name, why it is missing here (or None) and purpose of every backend, in order of preference."""
    return [(backend.name, backend.missing(), backend.purpose) for backend in BACKENDS]
