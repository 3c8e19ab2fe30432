"""Whether an image fits into memory, told before the work begins.

Systems promise more memory than they have: a pair that is too large would not raise an error, but make the machine swap
or have the process killed, and with it all pairs that come after.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import psutil
import torch
from torch import nn

from vision.errors import UsageError

# What matching takes, for every pixel of one view and every channel of the network's finest map; the second where match
# attention has no kernels and gathers windows. On the CPU these are peaks of processes, of MatchStereo nano to base in
# float32. On GPUs only tensors count: they take 11 and 40, and the rest is for cuDNN's workspaces and the allocator's
# gaps. No GPU has measured it yet; tools/gpu_check.sh does.
BYTES_PER_CHANNEL = {"cpu": 25, "cuda": 16}
BYTES_PER_CHANNEL_REFERENCE = {"cpu": 65, "cuda": 50}
# Weights of a pixel in the finest map's windows, 4 heads of 16 pixels: where channels are fewer, the largest tensor.
_WEIGHTS = 64
# Both images, both fields and what is told of them, at full size.
RESULT_BYTES = 60
# Of networks that do not say how many channels they have: as many as the largest has.
_CHANNELS = 128
# Flow compares all pairs of pixels of the coarsest maps, which grows with the square of the pixels: bytes per pair.
_FLOW_STRIDE, _FLOW_BYTES = 32, 24
# Of what is free, how much is taken at most: the figures above are about right, no more.
_SHARE = 0.9


class TooLargeError(UsageError):
    """An image does not fit into memory; the message says how much it takes, and what helps."""

    def __init__(self, message: str = "", *, code: str = "match-out-of-memory", value: int | None = None) -> None:
        super().__init__(message, code=code, value=value)


def needed_memory(height: int, width: int, network: nn.Module, device: torch.device, is_flow: bool) -> int:
    """Bytes that matching images of this size takes at once, about."""
    channels = getattr(getattr(network, "encoder", None), "embed_dims", [_CHANNELS])[0]
    figures = BYTES_PER_CHANNEL if _has_kernels(height, width, channels, device) else BYTES_PER_CHANNEL_REFERENCE
    per_pixel = channels * figures.get(device.type, figures["cpu"])
    pairs = (height * width // _FLOW_STRIDE**2) ** 2 if is_flow else 0
    return height * width * per_pixel + pairs * _FLOW_BYTES


def _has_kernels(height: int, width: int, channels: int, device: torch.device) -> bool:
    """Whether match attention runs on its kernels, at the finest map of both views at least."""
    from vision.ops.common import kernels
    from vision.ops.match.native import MAX_CUDA_ELEMENTS

    if device.type != "cuda":
        return device.type == "cpu" and kernels.missing() is None
    from vision.ops.common import cuda_kernels

    largest = 2 * (height // 4) * (width // 4) * max(channels, _WEIGHTS)
    return cuda_kernels.missing() is None and largest <= MAX_CUDA_ELEMENTS


def check_memory(what: str, needed: int, device: torch.device, advice: str, code: str = "match-out-of-memory") -> None:
    """Raise TooLargeError when matching takes more memory than is free on the device."""
    if not fits(needed, device):
        free = (free_memory(device) or 0) / 1e9
        raise TooLargeError(
            f"matching {what} takes about {needed / 1e9:.1f} GB, and {free:.1f} GB are free on {device}; {advice}",
            code=code,
            value=needed,
        )


def fits(needed: int, device: torch.device) -> bool:
    """Whether so many bytes are free on the device, and a little more."""
    free = free_memory(device)
    return free is None or needed <= _SHARE * free


@contextmanager
def allocating(what: str, device: torch.device, advice: str) -> Iterator[None]:
    """Turn a failed allocation, of torch, numpy or OpenCV, into TooLargeError."""
    try:
        yield
    # What is raised depends on who asked for the memory.
    except (MemoryError, RuntimeError, cv2.error) as error:
        if is_allocation_error(error):
            raise TooLargeError(f"{what} do not fit into the memory of {device}; {advice}") from error
        raise


def is_allocation_error(error: BaseException) -> bool:
    """Whether an error of torch, numpy or OpenCV says that memory is exhausted."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = ("not enough memory", "can't allocate memory", "insufficient memory", "failed to allocate", "out of memory")
    return any(word in str(error).lower() for word in words)


def free_memory(device: torch.device) -> int | None:
    """Bytes that can be had on a device: on the CPU what the system has available within the container's limit."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    available = psutil.virtual_memory().available
    container = _container()
    return available if container is None else min(available, container)


def _container() -> int | None:
    """What is left of a control group's limit (version 2, then 1), which psutil does not know of."""
    for folder, limit, used in (
        ("/sys/fs/cgroup", "memory.max", "memory.current"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        most, now = (_read(f"{folder}/{name}").strip() for name in (limit, used))
        if most.isdigit() and now.isdigit():
            return max(0, int(most) - int(now) + _cache(folder))
    return None


def _cache(folder: str) -> int:
    """Files that the group holds in memory and would give back: they count as used, but are not in the way."""
    for line in _read(f"{folder}/memory.stat").splitlines():
        if line.startswith(("inactive_file ", "total_inactive_file ")):
            return int(line.split()[1])
    return 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
