"""Speed of match attention and of whole MatchStereo networks on a GPU, beside the reference in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vision.analysis.speed import Step, kernel_ms, medians
from vision.models import MatchStereo
from vision.ops import match_attention
from vision.ops.common.backends import find
from vision.ops.match.arguments import make_call
from vision.ops.match.backends import BACKENDS

# Height, width, heads, dim and window radius of the operator in MatchStereo-T at 384 x 1248, coarse stages last.
OPERATORS = [(96, 312, 4, 8, 1), (48, 156, 4, 16, 1), (24, 78, 4, 32, 2), (12, 39, 4, 40, 2)]
TINY_OPERATORS = [(12, 16, 2, 8, 1)]


class Network(NamedTuple):
    """One pair of images, and the milliseconds wanted on an H100."""

    variant: str
    height: int
    width: int
    wanted: float | None = None
    published: str = ""


# 15 ms on an H100 is our own aim; the authors' figure is of an RTX 5090, in fp16 (arXiv 2510.14260).
NETWORKS = [
    Network("tiny", 384, 1248, 15.0),
    Network("tiny", 1536, 1536, 38.0, "38 ms on an RTX 5090"),
    Network("nano", 384, 1248),
    Network("base", 1536, 1536, None, "75 ms on an RTX 5090"),
]
_REFERENCE_ROUNDS = 3
TINY_NETWORKS = [Network("nano", 192, 192, 1e6)]
DTYPES = {"fp16, autocast": torch.float16, "bf16, autocast": torch.bfloat16, "fp32": torch.float32}
COLUMNS = ["what", "dtype", "ours, ms", "reference, ms", "ratio", "wanted on an H100", "published"]


class MatchTiming(NamedTuple):
    """A row of the table: milliseconds of ours and of the reference, None where it cannot be told, and why."""

    what: str
    dtype: str
    ours: float | None
    reference: float | None
    wanted: float | None = None
    published: str = ""
    why: str = ""

    @property
    def row(self) -> list[str]:
        """As `COLUMNS`."""
        ms = ["-" if value is None else f"{value:.3f}" for value in (self.ours, self.reference)]
        ratio = f"{self.reference / self.ours:.1f}" if self.ours and self.reference else self.why
        wanted = "" if self.wanted is None else f"under {self.wanted:g} ms: {self.verdict}"
        return [self.what, self.dtype, *ms, ratio, wanted, self.published]

    @property
    def verdict(self) -> str:
        """Whether the milliseconds wanted were met."""
        if self.wanted is None or self.ours is None:
            return "not measured"
        return "met" if self.ours < self.wanted else "missed"


def native_missing(device: str) -> str | None:
    """Why match attention has no kernels of ours on a device that is there, or None."""
    tensor = torch.zeros(1, 4, 4, 1, 8, device=device)
    call = make_call(tensor, tensor, tensor, tensor[..., :2], 1, None, False)
    return find(BACKENDS, "native").why_not(call)


def measure_operator(device: str, sizes: Sequence[tuple[int, ...]] = OPERATORS) -> Iterator[MatchTiming]:
    """Both views, batch 2, in float32: forward, and forward with backward; times of the kernels."""
    for height, width, heads, dim, radius in sizes:
        label = f"{height} x {width}, h{heads}, d{dim}, radius {radius}"
        for both in (False, True):
            found: dict[str, float | None] = {}
            why = ""
            for backend in ("native", "reference"):
                try:
                    step = _operator_step(device, (2, height, width, heads, dim), radius, backend, both)
                    found[backend] = kernel_ms(step, device)
                except RuntimeError as error:  # also when memory is short
                    found[backend], why = None, str(error).splitlines()[0][:120]
            what = f"operator, {'forward + backward' if both else 'forward'}, {label}"
            yield MatchTiming(what, "fp32", found["native"], found["reference"], why=why)


def measure_networks(
    device: str,
    without_kernels: Callable[[], object],
    networks: Sequence[Network] = NETWORKS,
    repeat: int = 10,
    dtypes: Sequence[str] = tuple(DTYPES),
) -> Iterator[MatchTiming]:
    """Whole networks on a pair with random weights: what a caller waits for, in float32 and under autocast.

    Args:
        device: "cuda", "cpu" ...
        without_kernels: a context manager in which the operator takes its reference.
        networks: pairs.
        repeat: how often ours is run; the reference, which is slow, a few times.
        dtypes: of `DTYPES`; what is wanted of a network is wanted in the first.
    """
    for network in networks:
        model = MatchStereo.from_variant(network.variant).eval().to(device)
        views = [torch.randint(256, (1, 3, network.height, network.width), device=device).float() for _ in range(2)]
        for name in dtypes:
            steps = [_network_step(model, views, DTYPES[name], around) for around in (nullcontext, without_kernels)]
            times: list[float | None] = []
            why = ""
            for step, rounds in zip(steps, (repeat, min(repeat, _REFERENCE_ROUNDS)), strict=True):
                try:
                    times += medians([step], rounds, device)
                except RuntimeError as error:
                    times.append(None)
                    why = str(error).splitlines()[0][:120]
            wanted, published = (network.wanted, network.published) if name == dtypes[0] else (None, "")
            what = f"MatchStereo {network.variant}, {network.height} x {network.width}"
            yield MatchTiming(what, name, times[0], times[1], wanted, published, why)


def _operator_step(device: str, shape: tuple[int, ...], radius: int, backend: str, both: bool) -> Step:
    generator = torch.Generator(device).manual_seed(0)
    _, height, width, *_ = shape
    query, key, value = torch.randn(3, *shape, generator=generator, device=device).unbind(0)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([columns, rows], -1)[None, :, :, None].to(device)
    offset = grid + 3 * torch.randn(*shape[:-1], 2, generator=generator, device=device)
    tensors = [t.requires_grad_(both) for t in (query, key, value, offset)]

    def forward() -> tuple[Tensor, Tensor | None]:
        return match_attention(tensors[0], tensors[1], tensors[2], tensors[3], radius, backend=backend)

    if not both:
        return forward
    upstream = [torch.randn_like(result) for result in forward() if result is not None]
    return lambda: torch.autograd.grad([r for r in forward() if r is not None], tensors, upstream)


def _network_step(model: nn.Module, views: list[Tensor], dtype: torch.dtype, around: Callable[[], object]) -> Step:
    def step() -> object:
        autocast = torch.autocast(views[0].device.type, dtype, enabled=dtype != torch.float32)
        with torch.inference_mode(), autocast, around():  # type: ignore[attr-defined]
            return model(*views)

    return step
