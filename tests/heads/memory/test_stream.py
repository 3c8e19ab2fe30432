"""All banks of a stream: saved, loaded strictly, forgotten."""

from __future__ import annotations

import io

import pytest
import torch

from heads.memory import MemoryBank, StreamMemory
from vision.errors import UsageError


def memory(pixel: bool = True, layers: int = 2, key_length: int = 4) -> StreamMemory:
    banks = tuple(MemoryBank(12, key_length, seed=i + 1) for i in range(layers))
    return StreamMemory(MemoryBank(20, key_length) if pixel else None, banks)


def filled() -> StreamMemory:
    stream = memory()
    assert stream.pixel is not None
    stream.pixel.update(torch.randn(9, 3))
    for bank in stream.instance:
        bank.update(torch.randn(15, 5).half())
        bank.update(torch.randn(7, 5).half())
    return stream


def test_saved_and_loaded_it_reads_the_same() -> None:
    stream, other = filled(), memory()
    file = io.BytesIO()
    torch.save(stream.state_dict(), file)
    other.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True), device="cpu")
    for bank, its in zip((stream.pixel, *stream.instance), (other.pixel, *other.instance), strict=True):
        assert bank is not None and its is not None
        assert torch.equal(bank.sample(), its.sample())


def test_a_reset_forgets_all_levels() -> None:
    stream = filled()
    stream.reset()
    assert [len(bank) for bank in (stream.pixel, *stream.instance) if bank is not None] == [0, 0, 0]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (memory(pixel=False), "has the banks instance.0, instance.1, expected pixel, instance.0, instance.1"),
        (memory(layers=1), "has the banks instance.0, pixel, expected"),
        (StreamMemory(), "has the banks none, expected pixel"),
        (memory(key_length=3), "pixel: .* key_length is 3, this bank has 4"),
    ],
)
def test_a_state_of_another_memory_is_refused_and_changes_nothing(other: StreamMemory, said: str) -> None:
    stream = filled()
    before = [len(bank) for bank in stream.instance]
    with pytest.raises(UsageError, match=said) as raised:
        stream.load_state_dict(other.state_dict())
    assert raised.value.code == "bad-state"
    assert [len(bank) for bank in stream.instance] == before


def test_a_bank_that_does_not_fit_leaves_those_before_it() -> None:
    stream, state = filled(), filled().state_dict()
    assert stream.pixel is not None
    before = stream.pixel.state_dict()["features"]
    state["instance.1"]["features"] = torch.zeros(3)
    with pytest.raises(UsageError, match=r"instance\.1: .*features must be"):
        stream.load_state_dict(state)
    assert torch.equal(stream.pixel.state_dict()["features"], before)
    with pytest.raises(UsageError, match="the banks list"):
        stream.load_state_dict([])  # type: ignore[arg-type]
