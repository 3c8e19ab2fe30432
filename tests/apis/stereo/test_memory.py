"""The estimate of what matching takes, by backend; of GPUs from the tensors of a run on the CPU, which are the same."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vision.apis.stereo.memory import BYTES_PER_CHANNEL, BYTES_PER_CHANNEL_REFERENCE, needed_memory
from vision.models import MatchStereo
from vision.ops.common import cuda_kernels, kernels

SIZE = (192, 256)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that exist at a time, made by any operator."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage()._cdata not in self.known:
                storage = tensor.untyped_storage()
                self.known.add(storage._cdata)
                self.now += storage.nbytes()
                weakref.finalize(storage, self.forget, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return out

    def forget(self, number: int, size: int) -> None:
        self.known.remove(number)
        self.now -= size


@pytest.fixture
def model() -> MatchStereo:
    return MatchStereo.from_variant("nano").eval()


def hide_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "why_not", lambda *_, **__: "hidden")


@pytest.mark.parametrize("native", [True, False])
def test_tensors_of_a_match_fit_into_the_estimate_for_gpus(
    native: bool, model: MatchStereo, monkeypatch: pytest.MonkeyPatch
) -> None:
    if native and kernels.missing() is not None:
        pytest.skip(str(kernels.missing()))
    if not native:
        hide_kernels(monkeypatch)
    views = [torch.zeros(1, 3, *SIZE) for _ in range(2)]
    with torch.inference_mode(), LiveBytes() as live:
        model(*views)
    figures = BYTES_PER_CHANNEL if native else BYTES_PER_CHANNEL_REFERENCE
    counted = live.peak / (SIZE[0] * SIZE[1] * model.encoder.embed_dims[0])
    # Above: a GPU's allocator leaves gaps. Not twice as much: what would fit must not be refused.
    assert 1.2 * counted < figures["cuda"] < 1.8 * counted


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_estimate_is_that_of_the_backend(device: str, model: MatchStereo, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = 1000 * 2000 * model.encoder.embed_dims[0]
    monkeypatch.setattr(kernels if device == "cpu" else cuda_kernels, "_MISSING", None)
    assert needed_memory(1000, 2000, model, torch.device(device), False) == pixels * BYTES_PER_CHANNEL[device]
    monkeypatch.setattr(kernels if device == "cpu" else cuda_kernels, "_MISSING", "not built")
    assert needed_memory(1000, 2000, model, torch.device(device), False) == pixels * BYTES_PER_CHANNEL_REFERENCE[device]


def test_beyond_the_largest_tensor_of_cuda_kernels_the_reference_gathers(
    model: MatchStereo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda_kernels, "_MISSING", None)
    monkeypatch.setattr(kernels, "_MISSING", None)
    channels = model.encoder.embed_dims[0]
    side = 16388  # 2 views of a quarter of the pixels each way, 64 weights per pixel: more than 2^31 - 1
    for device, figures in (("cuda", BYTES_PER_CHANNEL_REFERENCE), ("cpu", BYTES_PER_CHANNEL)):
        assert needed_memory(side, side, model, torch.device(device), False) == side**2 * channels * figures[device]
    small = side - 8
    expected = small**2 * channels * BYTES_PER_CHANNEL["cuda"]
    assert needed_memory(small, small, model, torch.device("cuda"), False) == expected


def test_other_devices_have_no_kernels(model: MatchStereo) -> None:
    expected = 192 * 192 * model.encoder.embed_dims[0] * BYTES_PER_CHANNEL_REFERENCE["cpu"]
    assert needed_memory(192, 192, model, torch.device("meta"), False) == expected
