"""Speed and memory of timm models side by side: rounds in which each takes its turn, one process each for memory."""

from __future__ import annotations

import ctypes
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor

from vision.errors import UsageError
from vision.layers import pack_for_inference
from vision.models.timm_names import build_timm_model, check_timm_name

Step = Callable[[], object]
WARM_UP = 2
_MEMORY_STEPS = 2
# Cycles that a GPU waits before a step, some two milliseconds: meanwhile the host hands over all kernels of the step,
# so that their time is the GPU's, not that of Python.
_HEAD_START = 4_000_000


@dataclass(frozen=True)
class Setting:
    """What is run: forward passes, or with `train` forward and backward passes.

    Attributes:
        image_size: height and width in pixels.
        batch_size: images of one pass.
        device: "cpu", "cuda" ...
        dtype: name of the dtype of images and weights.
        autocast: bfloat16 where autocast allows it, weights stay in `dtype`.
        train: gradients of the mean of the squared logits, in train mode; without an optimizer.
        compile: run what `torch.compile` makes of the model.
        pack: forward passes on the CPU have their weights packed (`vision.layers.pack_for_inference`), of all models.
        threads: on the CPU.
    """

    image_size: tuple[int, int]
    batch_size: int = 1
    device: str = "cpu"
    dtype: str = "float32"
    autocast: bool = False
    train: bool = False
    compile: bool = False
    pack: bool = True
    threads: int = 1


@dataclass(frozen=True)
class Result:
    """Median milliseconds of a pass, and MiB by which a fresh process grew (on GPUs: that were allocated)."""

    name: str
    batch_size: int
    ms: float
    mib: float | None

    @property
    def ms_per_image(self) -> float:
        """Milliseconds per image."""
        return self.ms / self.batch_size

    @property
    def images_per_second(self) -> float:
        """Throughput."""
        return 1e3 / self.ms_per_image


def compare(names: Sequence[str], setting: Setting, repeat: int = 10, memory: bool = True) -> list[Result]:
    """Measure models in `repeat` rounds, each once per round, so that a change of the machine's pace hits all alike.

    Without `memory` no process is started to measure it.

    Raises:
        UsageError: there is no such model, or it does not run with this setting.
    """
    torch.set_num_threads(setting.threads)
    mib = [peak_memory(name, setting) if memory else None for name in names]
    steps = [make_step(name, setting) for name in names]
    rows = zip(names, medians(steps, repeat, setting.device), mib, strict=True)
    return [Result(name, setting.batch_size, ms, grown) for name, ms, grown in rows]


def medians(steps: Sequence[Step], repeat: int, device: str = "cpu") -> list[float]:
    """Milliseconds of each step, of `repeat` rounds in which each takes its turn, after some that warm up."""
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(WARM_UP + repeat):
        for taken, step in zip(times, steps, strict=True):
            taken.append(_milliseconds(step, device))
    return [statistics.median(taken[WARM_UP:]) for taken in times]


def make_step(name: str, setting: Setting) -> Step:
    """A function that makes one pass; it has been run once.

    Raises:
        UsageError: there is no such model, or it does not run with this setting.
    """
    dtype = getattr(torch, setting.dtype)
    model = build_timm_model(name, setting.image_size).to(setting.device, dtype).train(setting.train)
    if setting.pack and not setting.train:
        pack_for_inference(model)
    run: Callable[[Tensor], Tensor] = torch.compile(model) if setting.compile else model
    images = torch.randn(setting.batch_size, 3, *setting.image_size).to(setting.device, dtype)

    def autocast() -> torch.autocast:
        return torch.autocast(torch.device(setting.device).type, torch.bfloat16, enabled=setting.autocast)

    def infer() -> object:
        with torch.inference_mode(), autocast():
            return run(images)

    def train() -> object:
        model.zero_grad(set_to_none=True)
        with autocast():
            loss = run(images).float().square().mean()
        loss.backward()
        return None

    step = train if setting.train else infer
    try:
        step()
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        height, width = setting.image_size
        what = f"{setting.batch_size} images of {height} x {width} pixels in {setting.dtype}"
        raise UsageError(f"model {name} does not run with {what}: {reason}") from error
    return step


def peak_memory(name: str, setting: Setting) -> float | None:
    """MiB that model and passes take at their most, in a process of its own; None when that was killed.

    Raises:
        UsageError: as `make_step`.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(_grown_mib, name, setting).result()
    except BrokenProcessPool:
        return None


def keep_freed_memory() -> bool:
    """Keep glibc from giving memory back: else the kernel's zeroing of fresh pages is timed, too. Whether it agreed."""
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(trim_threshold, 1 << 30) and mallopt(mmap_threshold, 32 << 20))


def gemm_rate(repeat: int = 15, dtype: torch.dtype = torch.float32) -> float:
    """FLOP per second of a 1024^3 `torch.matmul` on the CPU, what others are measured by."""
    a, b = (torch.randn(1024, 1024).to(dtype) for _ in range(2))
    return 2 * 1024**3 / medians([lambda: a @ b], repeat)[0] * 1e3


def kernel_ms(step: Step, device: str, seconds: float = 0.3, most: int = 50) -> float:
    """Median milliseconds that a device takes for a step, after warming up, within about so many seconds.

    On a GPU each step begins with a cold L2 cache, and after a pause in which the host gets ahead: the time is that of
    the kernels. `medians` times what a caller waits for.
    """
    for _ in range(WARM_UP):
        step()
    once = _milliseconds(step, device)
    repeat = max(3, min(most, int(1e3 * seconds / max(once, 1e-3))))
    if torch.device(device).type != "cuda":
        return statistics.median(_milliseconds(step, device) for _ in range(repeat))
    cache = torch.cuda.get_device_properties(device).L2_cache_size
    flushed = torch.empty(max(4 * cache, 2**25), dtype=torch.uint8, device=device)
    with torch.cuda.device(device):
        events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(repeat)]
        for start, end in events:
            flushed.zero_()
            torch.cuda._sleep(_HEAD_START)
            start.record()
            step()
            end.record()
        torch.cuda.synchronize(device)
    return statistics.median(start.elapsed_time(end) for start, end in events)


def matrix_rate(device: str, dtype: torch.dtype, size: int = 8192) -> float:
    """FLOP per second of a product of two random `size` x `size` matrices: what a card gives, not what it should."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    return 2 * size**3 / kernel_ms(lambda: torch.mm(a, b, out=out), device, seconds=0.1, most=20) * 1e3


def device_name(device: str) -> str:
    """A card's name, multiprocessors and memory, or the kind of the CPU."""
    if torch.device(device).type != "cuda":
        return f"CPU {platform.machine()} ({torch.backends.cpu.get_cpu_capability()})"
    card = torch.cuda.get_device_properties(device)
    capability = f"compute capability {card.major}.{card.minor}"
    return (
        f"{card.name}, {capability}, {card.multi_processor_count} multiprocessors, {card.total_memory / 2**30:.0f} GiB"
    )


def _grown_mib(name: str, setting: Setting) -> float:
    torch.set_num_threads(setting.threads)
    check_timm_name(name)  # imports timm, which is not the model's memory
    before = peak_resident_mib()
    step = make_step(name, setting)
    for _ in range(_MEMORY_STEPS):
        step()
    if torch.device(setting.device).type == "cuda":
        return torch.cuda.max_memory_allocated(setting.device) / 2**20
    return peak_resident_mib() - before


def peak_resident_mib() -> float:
    """Most memory that this process has had; `getrusage` on Linux also remembers that of the one it was forked from."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _milliseconds(step: Step, device: str) -> float:
    if torch.device(device).type == "cuda":
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize(device)
        start.record()
        step()
        end.record()
        torch.cuda.synchronize(device)
        return start.elapsed_time(end)
    begin = time.perf_counter()
    step()
    return (time.perf_counter() - begin) * 1e3
