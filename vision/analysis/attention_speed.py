"""Speed of neighborhood attention on a GPU beside its peers: FlexAttention, attention to all tokens, NATTEN."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from vision.analysis.attention_cases import Case, Timing
from vision.analysis.speed import kernel_ms, matrix_rate
from vision.ops import na1d, na2d, na3d
from vision.ops.common.backends import find
from vision.ops.neighborhood.arguments import Axis, make_call, make_window
from vision.ops.neighborhood.backends import BACKENDS
from vision.ops.neighborhood.window import axis_visible

Forward = Callable[[], Tensor]
PEERS = ("ours", "flex", "SDPA flash", "SDPA cuDNN", "SDPA efficient", "NATTEN", "reference")
# The reference gathers a window per query; larger calls would fill the card's memory and take the run's time.
_MOST_GATHERED = 12 * 2**30


class Limits(NamedTuple):
    """How long measuring may take.

    Attributes:
        seconds: of one figure.
        flex: seconds in all that FlexAttention is compiled and timed; the cases after it go without.
        autotune: let FlexAttention's compiler try several kernels per shape.
        total: seconds of everything; what comes later is skipped and said.
        matrix: side of the matrices whose product is the card's rate.
    """

    seconds: float = 0.3
    flex: float = 180.0
    autotune: bool = True
    total: float = math.inf
    matrix: int = 8192


class Unable(Exception):
    """A peer cannot do a case; the message says why."""


def native_missing(device: str, dtype: torch.dtype = torch.float32) -> str | None:
    """Why neighborhood attention has no kernels of ours on a device that is there, or None."""
    tensor = torch.zeros(1, 4, 1, 16, device=device, dtype=dtype)
    call = make_call(1, tensor, tensor, tensor, make_window(1, 3), None, None, None, None, False)
    return find(BACKENDS, "native").why_not(call)


def measure(
    cases: Sequence[Case], device: str, limits: Limits | None = None, peers: Sequence[str] = PEERS
) -> Iterator[Timing]:
    """Times of every case by every peer, forward, and forward with backward, as they are measured."""
    limits = limits or Limits()
    begin, flex_seconds = time.perf_counter(), 0.0
    for case in cases:
        rate = None
        for peer in peers:
            now = time.perf_counter()
            why = ""
            if now - begin > limits.total:
                why = "no time left"
            elif peer == "flex" and flex_seconds > limits.flex:
                why = f"FlexAttention has had its {limits.flex:.0f} s"
            if why:
                yield from (Timing(case, peer, both, None, why) for both in (False, True))
                continue
            if rate is None:
                rate = matrix_rate(device, case.dtype, limits.matrix)
            for both in (False, True):
                yield _time_one(case, peer, both, device, limits, rate)
            if peer == "flex":
                flex_seconds += time.perf_counter() - now


def _time_one(case: Case, peer: str, both: bool, device: str, limits: Limits, rate: float) -> Timing:
    try:
        forward, tensors = _BUILDERS[peer](case, device, both, limits)
        if both:
            upstream = torch.randn_like(forward())
            ms = kernel_ms(lambda: torch.autograd.grad(forward(), tensors, upstream), device, limits.seconds)
        else:
            with torch.no_grad():
                ms = kernel_ms(forward, device, limits.seconds)
    except Unable as error:
        return Timing(case, peer, both, None, str(error), rate)
    except torch.OutOfMemoryError:
        return Timing(case, peer, both, None, "out of memory", rate)
    # Compilers and foreign kernels raise whatever they like; one peer's failure must not end the run.
    except Exception as error:
        return Timing(
            case, peer, both, None, f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"[:160], rate
        )
    finally:
        if torch.device(device).type == "cuda":
            torch.cuda.empty_cache()
    return Timing(case, peer, both, ms, "", rate)


def _inputs(case: Case, device: str, grad: bool, heads_first: bool = False) -> list[Tensor]:
    """Query, key, value `[B, *shape, heads, dim]`, or `[B, heads, tokens, dim]` where heads come first; then bias."""
    generator = torch.Generator(device).manual_seed(0)

    def draw(*sizes: int) -> Tensor:
        return torch.randn(*sizes, generator=generator, device=device, dtype=torch.float32).to(case.dtype)

    grids = [draw(case.batch, *case.shape, case.heads, case.dim) for _ in range(3)]
    if heads_first:
        grids = [grid.flatten(1, -3).transpose(1, 2).contiguous() for grid in grids]
    bias = [draw(case.heads, *(2 * k - 1 for k in case.kernel_size))] if case.bias else []
    return [tensor.requires_grad_(grad) for tensor in (*grids, *bias)]


def _make_ours(
    case: Case, device: str, grad: bool, limits: Limits, backend: str = "native"
) -> tuple[Forward, list[Tensor]]:
    tensors = _inputs(case, device, grad)
    function = (na1d, na2d, na3d)[len(case.shape) - 1]
    query, key, value, *bias = tensors
    window = case.kernel_size, case.stride, case.dilation

    def forward() -> Tensor:
        out = function(query, key, value, *window, bias=bias[0] if bias else None, backend=backend)
        assert isinstance(out, Tensor)
        return out

    return forward, tensors


def _make_reference(case: Case, device: str, grad: bool, limits: Limits) -> tuple[Forward, list[Tensor]]:
    gathered = case.flop / 4 * 4 * 2  # bytes of a key and a value per slot, in float32
    if gathered > _MOST_GATHERED:
        raise Unable(f"would gather {gathered / 2**30:.0f} GiB")
    return _make_ours(case, device, grad, limits, "reference")


def _make_sdpa(backend: SDPBackend) -> Callable[..., tuple[Forward, list[Tensor]]]:
    def make(case: Case, device: str, grad: bool, limits: Limits) -> tuple[Forward, list[Tensor]]:
        if case.dtype == torch.float32 and backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
            raise Unable("half precision only")
        if case.dtype != torch.float32 and backend == SDPBackend.EFFICIENT_ATTENTION:
            raise Unable("for fp32, where the others are not")
        if case.stride != 1:
            raise Unable("as without stride")
        if torch.device(device).type == "cpu" and backend != SDPBackend.FLASH_ATTENTION:
            raise Unable("for GPUs")
        query, key, value = tensors = _inputs(case._replace(bias=False), device, grad, heads_first=True)

        def forward() -> Tensor:
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(query, key, value)

        return forward, tensors

    return make


def _make_natten(case: Case, device: str, grad: bool, limits: Limits) -> tuple[Forward, list[Tensor]]:
    try:
        natten = importlib.import_module("natten")
    except ImportError:
        raise Unable("not installed") from None
    if case.bias:
        raise Unable("no positional bias")
    tensors = _inputs(case, device, grad)
    function = getattr(natten, f"na{len(case.shape)}d")
    window = {"kernel_size": case.kernel_size, "stride": case.stride, "dilation": case.dilation}
    return lambda: function(*tensors, **window), tensors


def _make_flex(case: Case, device: str, grad: bool, limits: Limits) -> tuple[Forward, list[Tensor]]:
    """FlexAttention as users compile it, with the block mask of the windows; tokens in the order of the map."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    on_gpu = torch.device(device).type == "cuda"
    if grad and not on_gpu:
        raise Unable("no backward on the CPU")
    tensors = _inputs(case, device, grad, heads_first=True)
    axes = make_window(len(case.shape), case.kernel_size, case.stride, case.dilation).axes(case.shape)

    def visible(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        near = query >= 0
        for q, k, axis in zip(_unravel(query, axes), _unravel(key, axes), axes, strict=True):
            near = near & axis_visible(q, k, axis)
        return near

    def add_bias(score: Tensor, b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        pairs = zip(_unravel(query, axes), _unravel(key, axes), axes, strict=True)
        # Of keys outside of the window, which are masked, any index will do.
        index = [
            (k // axis.dilation - q // axis.dilation + axis.kernel_size - 1).clamp(0, 2 * axis.kernel_size - 2)
            for q, k, axis in pairs
        ]
        return score + tensors[3][(h, *index)]

    tokens = math.prod(case.shape)
    # Compiled, the mask is never held for all pairs of tokens: 13 GB for the video.
    mask = create_block_mask(visible, None, None, tokens, tokens, device=device, _compile=on_gpu)
    attend: Callable[..., Tensor] = flex_attention
    if on_gpu:
        torch._dynamo.reset()  # else the eighth shape would run uncompiled
        mode = "max-autotune-no-cudagraphs" if limits.autotune else "default"
        attend = torch.compile(flex_attention, dynamic=False, mode=mode)
    score_mod = add_bias if case.bias else None
    return lambda: attend(*tensors[:3], score_mod=score_mod, block_mask=mask), tensors


def _unravel(token: Tensor, axes: Sequence[Axis]) -> list[Tensor]:
    """Index along every axis of a token of the flattened map."""
    index: list[Tensor] = []
    for axis in reversed(axes):
        index.append(token % axis.length)
        token = token // axis.length
    return index[::-1]


_BUILDERS: dict[str, Callable[[Case, str, bool, Limits], tuple[Forward, list[Tensor]]]] = {
    "ours": _make_ours,
    "flex": _make_flex,
    "SDPA flash": _make_sdpa(SDPBackend.FLASH_ATTENTION),
    "SDPA cuDNN": _make_sdpa(SDPBackend.CUDNN_ATTENTION),
    "SDPA efficient": _make_sdpa(SDPBackend.EFFICIENT_ATTENTION),
    "NATTEN": _make_natten,
    "reference": _make_reference,
}
