"""What operators must do on a GPU beside being right: graphs, streams, no waiting, the same bits, errors, autocast."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tools.gpu_check.record import Record
from vision.analysis import attention_speed, match_speed
from vision.ops import match_attention, na2d

# Of a GPU's clock, about 0.1 s.
_LONG = 200_000_000


class Operator(NamedTuple):
    """One of our operators with inputs on the device."""

    name: str
    call: Callable[..., Tensor]
    tensors: list[Tensor]

    def gradients(self, tensors: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Output and gradients of its mean square."""
        inputs = [t.detach().requires_grad_() for t in tensors or self.tensors]
        out = self.call(*inputs)
        return [out.detach(), *torch.autograd.grad(out.float().square().mean(), inputs)]


def run(record: Record) -> None:
    """Every check on every operator that has kernels."""
    operators = make_operators(record)
    record.check("operators with native kernels", len(operators) == 3, f"{[one.name for one in operators]}")
    everywhere = (check_same_bits, check_empty, check_autocast, check_traced)
    for check in (*everywhere, *((check_graph, check_stream, check_no_waiting, check_memory) * record.on_gpu)):
        for operator in operators:
            with record.checking(f"{check.__name__.removeprefix('check_')}: {operator.name}"):
                check(record, operator)
    for check_one in (check_refusals, check_opcheck):
        with record.checking(check_one.__name__):
            check_one(record)
    if record.on_gpu:
        with record.checking("no error is left on the device"):
            torch.cuda.synchronize(record.device)


def make_operators(record: Record) -> list[Operator]:
    """Those that have kernels on the device; small, but with several tiles."""
    generator = torch.Generator().manual_seed(0)

    def draw(*sizes: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.randn(sizes, generator=generator).to(record.device, dtype)

    def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        out = na2d(query, key, value, 7, dilation=2, bias=bias, backend="native")
        assert isinstance(out, Tensor)
        return out

    def match(query: Tensor, key: Tensor, value: Tensor, centers: Tensor) -> Tensor:
        return match_attention(query, key, value, centers, 1, need_weights=False, backend="native")[0]

    found = []
    side = 14 if record.quick else 28
    for dtype in (torch.float16, torch.float32):
        if attention_speed.native_missing(record.device, dtype) is None:
            grid = (2, side, side, 4, 32)
            tensors = [*(draw(*grid, dtype=dtype) for _ in range(3)), draw(4, 13, 13, dtype=dtype)]
            found.append(Operator(f"neighborhood attention, {str(dtype).removeprefix('torch.')}", attend, tensors))
    if match_speed.native_missing(record.device) is None:
        grid = (2, side, side, 4, 16)
        tensors = [*(draw(*grid) for _ in range(3)), draw(*grid[:-1], 2) * 4 + side / 2]
        found.append(Operator("match attention", match, tensors))
    return found


def same(found: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """Bit by bit."""
    return all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def check_same_bits(record: Record, operator: Operator) -> None:
    """Five runs, one result: nothing is added up in the order in which blocks happen to end."""
    first = operator.gradients()
    again = [operator.gradients() for _ in range(4)]
    record.check(f"the same bits again: {operator.name}", all(same(one, first) for one in again))


def check_empty(record: Record, operator: Operator) -> None:
    """A batch of none."""
    tensors = [t[:0] if t.dim() == 5 else t for t in operator.tensors]
    out, *grads = operator.gradients(tensors)
    shapes = out.shape[0] == 0 and all(g.shape == t.shape for g, t in zip(grads, tensors, strict=True))
    record.check(f"an empty batch: {operator.name}", shapes)


def check_autocast(record: Record, operator: Operator) -> None:
    """float32 inputs under autocast run, and give gradients in float32."""
    inputs = [t.float().requires_grad_() for t in operator.tensors]
    with torch.autocast(torch.device(record.device).type, torch.bfloat16):
        out = operator.call(*inputs)
    grads = torch.autograd.grad(out.float().square().mean(), inputs)
    fine = all(g.dtype == torch.float32 and bool(g.isfinite().all()) for g in grads)
    record.check(f"autocast: {operator.name}", fine, f"output {out.dtype}")


def check_traced(record: Record, operator: Operator) -> None:
    """torch.compile traces it whole, backward too."""
    compiled = torch.compile(operator.call, fullgraph=True, backend="aot_eager")
    traced = operator._replace(call=compiled).gradients()
    record.check(f"torch.compile, no graph break: {operator.name}", same(traced, operator.gradients()))


def check_graph(record: Record, operator: Operator) -> None:
    """A CUDA graph of forward and backward gives the same bits on other inputs."""
    static = [t.clone() for t in operator.tensors]
    side = torch.cuda.Stream(record.device)
    side.wait_stream(torch.cuda.current_stream(record.device))
    with torch.cuda.stream(side):
        operator.gradients(static)
    torch.cuda.current_stream(record.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = operator.gradients(static)
    others = [t * 0.5 for t in operator.tensors]
    for target, other in zip(static, others, strict=True):
        target.copy_(other)
    graph.replay()
    torch.cuda.synchronize(record.device)
    record.check(f"CUDA graph: {operator.name}", same(captured, operator.gradients(others)))


def check_stream(record: Record, operator: Operator) -> None:
    """Kernels wait for what comes before them on the current stream, which is not the default one."""
    expected = operator.gradients()
    late = [torch.zeros_like(t) for t in operator.tensors]
    torch.cuda.synchronize(record.device)
    side = torch.cuda.Stream(record.device)
    with torch.cuda.stream(side):
        torch.cuda._sleep(_LONG)
        for target, source in zip(late, operator.tensors, strict=True):
            target.copy_(source)
        found = operator.gradients(late)
    side.synchronize()
    record.check(f"current stream: {operator.name}", same(found, expected))


def check_no_waiting(record: Record, operator: Operator) -> None:
    """A call returns while the GPU is still busy with what came before."""
    operator.gradients()
    torch.cuda.synchronize(record.device)
    torch.cuda._sleep(_LONG)
    busy = torch.cuda.Event()
    busy.record()
    begin = time.perf_counter()
    operator.gradients()
    ms = (time.perf_counter() - begin) * 1e3
    record.check(f"the host does not wait: {operator.name}", not busy.query(), f"{ms:.1f} ms for the host")
    torch.cuda.synchronize(record.device)


def check_memory(record: Record, operator: Operator) -> None:
    """Forward keeps no logits: what it takes is about its output."""
    with torch.no_grad():
        torch.cuda.synchronize(record.device)
        before = torch.cuda.memory_allocated(record.device)
        torch.cuda.reset_peak_memory_stats(record.device)
        out = operator.call(*operator.tensors)
        peak = torch.cuda.max_memory_allocated(record.device) - before
    size = out.numel() * out.element_size()
    record.check(f"memory of forward: {operator.name}", peak <= 2 * size + 2**20, f"{peak} bytes, output {size}")


def check_refusals(record: Record) -> None:
    """What cannot be right is refused in words, before a kernel is started."""
    grid = torch.zeros(1, 8, 8, 2, 16, device=record.device)
    large = torch.zeros(1, 8, 8, 1, 300, device=record.device)
    refused: list[tuple[str, Callable[[], object]]] = [
        ("a window larger than the map", lambda: na2d(grid, grid, grid, 9)),
        ("key of another shape", lambda: na2d(grid, grid[:, :7], grid, 3)),
        ("an unknown backend", lambda: na2d(grid, grid, grid, 3, backend="abacus")),
        ("half a dtype", lambda: na2d(grid, grid.double(), grid, 3)),
        ("a map smaller than a window of matches", lambda: match_attention(grid, grid, grid, grid[..., :2], 4)),
    ]
    if record.on_gpu:
        refused.append(("tensors on two devices", lambda: na2d(grid, grid.cpu(), grid, 3)))
        refused.append(("head dim 300, natively", lambda: na2d(large, large, large, 3, backend="native")))
    for name, call in refused:
        try:
            call()
        except (ValueError, TypeError, RuntimeError) as error:
            said = str(error).splitlines()[0]
            record.check(f"refused: {name}", "CUDA error" not in said, said[:140])
        else:
            record.check(f"refused: {name}", False, "it was accepted")


def check_opcheck(record: Record) -> None:
    """What torch.library promises of an operator: schema, fake tensors, autograd."""
    draw = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 6, 6, 2, 8, generator=draw).to(record.device) for _ in range(3))
    tensors = [t.requires_grad_() for t in (query, key, value)]
    if attention_speed.native_missing(record.device) is None:
        arguments = (*tensors, None, None, None, [3, 3], [1, 1], [1, 1], [0, 0], 0.3)
        torch.library.opcheck(torch.ops.nbv.neighborhood_attention.default, arguments)
        record.check("opcheck: neighborhood attention", True)
    if match_speed.native_missing(record.device) is None:
        centers = (torch.rand(1, 6, 6, 2, 2, generator=draw) * 6).to(record.device).requires_grad_()
        torch.library.opcheck(torch.ops.nbv.match_attention.default, (*tensors, centers, 1, 1, 0.3, True))
        record.check("opcheck: match attention", True)
