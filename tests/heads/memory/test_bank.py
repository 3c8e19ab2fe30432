"""What a memory bank holds after any updates: sizes, newest rows, subsets, and what must not change it."""

from __future__ import annotations

import collections
import copy
import io
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from heads.memory import MemoryBank
from vision.errors import UsageError


def numbered(first: int, count: int, channels: int = 2) -> Tensor:
    """Rows that hold their number in each channel."""
    return torch.arange(first, first + count, dtype=torch.float32)[:, None].expand(count, channels)


def contents(bank: MemoryBank) -> list[float]:
    features = bank.state_dict()["features"]
    return features[:, 0].tolist() if len(features) else []


def test_a_trace_of_updates_and_reads() -> None:
    """Sizes as the published implementation has them: an update is taken in whole until the bank is full."""
    bank = MemoryBank(max_length=18, key_length=8)
    assert len(bank.sample()) == 0
    held: list[float] = []
    first = 0
    sizes = []
    for count in (6, 5, 1, 3, 5, 1, 3, 5):
        rows = numbered(first, count)
        bank.update(rows)
        now = contents(bank)
        assert set(rows[:, 0].tolist()) <= set(now) <= {*held, *rows[:, 0].tolist()}
        keys = bank.sample()[:, 0].tolist()
        assert len(keys) == len(set(keys)) == min(8, len(now))
        assert set(keys) <= set(now)
        held, first = now, first + count
        sizes.append(len(bank))
    assert sizes == [6, 11, 12, 15, 20, 20, 20, 20]
    bank.update(numbered(0, 0))
    assert contents(bank) == held
    bank.reset()
    assert len(bank) == 0 and len(bank.sample()) == 0
    bank.update(numbered(51, 4))
    assert contents(bank) == [51, 52, 53, 54]


@settings(deadline=None, max_examples=60)
@given(
    max_length=st.integers(1, 30),
    key_length=st.integers(1, 30),
    counts=st.lists(st.integers(0, 50), max_size=12),
    seed=st.integers(0, 5),
)
def test_bounded_and_never_a_row_twice(max_length: int, key_length: int, counts: list[int], seed: int) -> None:
    bank = MemoryBank(max_length, key_length, seed)
    held: set[float] = set()
    first = 0
    for count in counts:
        before = len(bank)
        rows = numbered(first, count)
        bank.update(rows)
        now, new = contents(bank), set(rows[:, 0].tolist())
        assert len(now) == len(set(now)) == len(bank) < 2 * max_length
        assert set(now) <= held | new
        if before >= max_length:
            assert len(bank) in (before, max_length)  # once full, the size stays
        if count <= max_length:
            assert new <= set(now)
        keys = bank.sample()[:, 0].tolist() if len(bank) else []
        assert len(keys) == len(set(keys)) == min(key_length, len(bank)) and set(keys) <= set(now)
        held, first = set(now), first + count


def test_once_full_every_old_row_is_as_likely_to_go() -> None:
    survivors: collections.Counter[float] = collections.Counter()
    for seed in range(400):
        bank = MemoryBank(10, 5, seed)
        bank.update(numbered(0, 10))
        bank.update(numbered(10, 5))
        survivors.update(row for row in contents(bank) if row < 10)
    assert sum(survivors.values()) == 400 * 5
    # 200 expected of each; 5 standard deviations are 50.
    assert all(abs(survivors[row] - 200) < 50 for row in range(10))


def test_all_rows_are_as_likely_to_be_read() -> None:
    bank = MemoryBank(20, 5)
    bank.update(numbered(0, 20))
    read = collections.Counter(row for _ in range(400) for row in bank.sample()[:, 0].tolist())
    assert all(abs(read[row] - 100) < 45 for row in range(20))


def test_rows_of_the_whole_video_stay() -> None:
    """A queue of 200 rows would hold frames 80 to 99 alone; of frame 70 about 200 * 0.05 * 0.95 ** 29 = 2.3 remain."""
    bank = MemoryBank(200, 20)
    for frame in range(100):
        bank.update(torch.full((10, 1), float(frame)))
    frames = collections.Counter(int(row) for row in contents(bank))
    assert frames[99] == 10
    assert sum(count for frame, count in frames.items() if frame < 80) > 40


def test_results_repeat_and_leave_the_global_generator_alone() -> None:
    def run(seed: int) -> list[float]:
        bank = MemoryBank(18, 8, seed)
        read: list[float] = []
        for frame in range(8):
            read += bank.sample()[:, :1].flatten().tolist()
            bank.update(numbered(5 * frame, 5))
        return read + contents(bank)

    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = run(3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert run(3) == first != run(4)


def test_reset_begins_the_random_choices_anew() -> None:
    bank = MemoryBank(18, 8)
    runs = []
    for _ in range(2):
        bank.reset()
        for frame in range(8):
            bank.update(numbered(5 * frame, 5))
        runs.append(bank.sample().tolist())
    assert runs[0] == runs[1]


def test_nothing_read_changes_later_and_nothing_learns_through_the_bank() -> None:
    bank = MemoryBank(10, 4)
    features = torch.randn(10, 3, requires_grad=True)
    bank.update(features * 2)
    keys = bank.sample()
    weight = torch.randn(3, requires_grad=True)
    loss = (keys * weight).sum()
    before = keys.clone()
    bank.update(torch.zeros(10, 3))
    loss.backward()  # raises if the keys that autograd saved were written over
    assert torch.equal(keys, before) and torch.equal(weight.grad, before.sum(0))
    assert features.grad is None and not keys.requires_grad

    small = MemoryBank(10, 4)
    source = torch.ones(3, 2)
    small.update(source)
    read = small.sample()
    source.zero_()
    read.zero_()
    assert torch.equal(small.sample(), torch.ones(3, 2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_precision_is_kept(dtype: torch.dtype) -> None:
    bank = MemoryBank(6, 4)
    for _ in range(3):
        bank.update(torch.randn(5, 2, dtype=dtype))
        assert bank.sample().dtype == dtype


def test_written_under_inference_mode_it_is_of_use_outside() -> None:
    bank = MemoryBank(6, 4)
    with torch.inference_mode():
        bank.update(torch.randn(6, 2))
        keys = bank.sample()
    bank.update(torch.randn(3, 2))
    weight = torch.randn(2, requires_grad=True)
    (keys * weight).sum().backward()
    (bank.sample() * weight).sum().backward()


class Recorder(TorchDispatchMode):
    """Every operator that torch runs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, list[int]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        created = [result.numel()] if isinstance(result, Tensor) else []
        self.calls.append((func.name().partition("::")[2].partition(".")[0], created))
        return result


# Operators for which the host waits on a GPU: they give it a value, or tensors whose size depends on values.
WAITING = {"_local_scalar_dense", "item", "nonzero", "masked_select", "unique", "_unique2", "is_nonzero", "equal"}


def test_no_operator_makes_the_host_wait_for_a_device() -> None:
    bank = MemoryBank(18, 8)
    with Recorder() as recorder:
        for frame in range(8):
            bank.update(numbered(5 * frame, 5))
            bank.sample()
            len(bank)
    names = {name for name, _ in recorder.calls}
    assert {"randperm", "index_select"} <= names
    assert not names & WAITING and not {name for name in names if name.startswith("_to_copy")}


def test_a_full_bank_allocates_nothing_of_its_own_size() -> None:
    bank = MemoryBank(1000, 10)
    bank.update(torch.randn(1000, 16))
    features = torch.randn(7, 16)
    with Recorder() as recorder:
        bank.update(features)
    copies = [numbers for name, numbers in recorder.calls if name not in ("randperm", "slice", "index_copy_", "detach")]
    assert all(numel < 1000 for numbers in copies for numel in numbers), recorder.calls


def test_a_stream_goes_on_where_it_was_saved() -> None:
    first = MemoryBank(18, 8, seed=5)
    for frame in range(6):
        first.update(numbered(5 * frame, 5))
        first.sample()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    second = MemoryBank(18, 8)
    second.update(torch.zeros(3, 7))  # of another stream
    second.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    for frame in range(6, 12):
        assert torch.equal(first.sample(), second.sample())
        for bank in (first, second):
            bank.update(numbered(5 * frame, 5))
    assert contents(first) == contents(second)


def test_saved_states_do_not_change_and_copies_are_apart() -> None:
    bank = MemoryBank(4, 2)
    bank.update(numbered(0, 4))
    state, twin = bank.state_dict(), copy.deepcopy(bank)
    bank.update(numbered(10, 4))
    assert state["features"][:, 0].tolist() == contents(twin) == [0, 1, 2, 3]
    bank.load_state_dict(state)
    bank.update(numbered(20, 4))
    assert state["features"][:, 0].tolist() == [0, 1, 2, 3]


def test_an_empty_bank_is_saved_and_loaded() -> None:
    bank = MemoryBank(4, 2)
    bank.update(numbered(0, 4))
    bank.load_state_dict(MemoryBank(4, 2, seed=9).state_dict())
    assert len(bank) == 0 and bank.seed == 9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max_length": 5}, "max_length is 5, this bank has 4"),
        ({"key_length": 3}, "key_length is 3, this bank has 2"),
        ({"seed": -1}, "seed must be an integer from 0 on, got -1"),
        ({"draws": 1.5}, "draws must be an integer from 0 on, got 1.5"),
        ({"draws": True}, "draws must be an integer"),
        ({"features": torch.zeros(3)}, "features must be a floating-point tensor"),
        ({"features": torch.zeros(3, 2, dtype=torch.int64)}, "features must be a floating-point tensor"),
        ({"features": [[1.0]]}, "features must be a floating-point tensor"),
        ({"features": torch.zeros(8, 2)}, "features has 8 rows, expected fewer than 8"),
        ({"features": torch.full((1, 2), float("nan"))}, "not finite"),
        ({"more": 1}, "it must have max_length, key_length, seed, draws, features, got"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: dict[str, Any], said: str) -> None:
    bank = MemoryBank(4, 2)
    bank.update(numbered(0, 4))
    with pytest.raises(UsageError, match=said) as raised:
        bank.load_state_dict({**bank.state_dict(), **change})
    assert raised.value.code == "bad-state"
    assert contents(bank) == [0, 1, 2, 3]


def test_what_is_no_state_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="got list"):
        MemoryBank(4, 2).load_state_dict([])  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [torch.zeros(3), torch.zeros(2, 3, dtype=torch.int64), torch.zeros(1, 2, 3), [[1.0]]])
def test_what_is_no_row_of_features_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match=r"floating-point rows \[n, channels\], got"):
        MemoryBank().update(wrong)


@pytest.mark.parametrize(
    ("first", "then", "common"),
    [
        (torch.float16, torch.float32, torch.float32),
        (torch.float32, torch.bfloat16, torch.float32),
        (torch.float16, torch.bfloat16, torch.float32),
    ],
)
def test_where_the_precision_changes_nothing_is_lost(
    first: torch.dtype, then: torch.dtype, common: torch.dtype
) -> None:
    bank = MemoryBank(max_length=4, key_length=4)
    for dtype, value in ((first, 0.125), (then, 60000.0), (then, 60000.0)):  # the bank is full at the third
        bank.update(torch.full((2, 3), value).to(dtype))
    rows = bank.state_dict()["features"]
    assert rows.dtype == common and len(rows) == 4
    assert set(rows.flatten().tolist()) <= {0.125, float(torch.tensor(60000.0).to(then))}


@pytest.mark.parametrize("other", [torch.zeros(1, 3), torch.zeros(1, 2, device="meta")])
def test_rows_of_another_kind_are_refused_until_a_reset(other: Tensor) -> None:
    bank = MemoryBank()
    bank.update(torch.zeros(1, 2))
    with pytest.raises(UsageError, match="do not fit"):
        bank.update(other)
    bank.reset()
    bank.update(other)
    assert len(bank) == 1


@pytest.mark.parametrize(
    "wrong", [{"max_length": 0}, {"key_length": 0}, {"seed": -1}, {"max_length": 2.5}, {"key_length": True}]
)
def test_wrong_lengths_are_named(wrong: dict[str, Any]) -> None:
    name, value = next(iter(wrong.items()))
    with pytest.raises(UsageError, match=f"{name} of a memory bank must be an integer from [01] on, got {value}"):
        MemoryBank(**wrong)
