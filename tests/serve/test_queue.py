from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

import pytest

from vision.errors import UsageError
from vision.serve.queue import MAX_BATCH, Busy, Closed, WorkQueue

SOON = 20  # seconds, for what is there at once


class Gate:
    """Work that says when it has begun and goes on when it is told to."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.go.wait(SOON)
        return "gate"


@pytest.fixture
def batches() -> list[list[Any]]:
    return []


@pytest.fixture
def queue(batches: list[list[Any]]) -> Iterator[WorkQueue]:
    def judge(images: Sequence[Any]) -> list[Any]:
        batches.append(list(images))
        if "bad" in images:
            raise ValueError("a bad image")
        return [f"judged {image}" for image in images]

    queue = WorkQueue(3, judge)
    yield queue
    queue.close(SOON)


@pytest.fixture
def gate(queue: WorkQueue) -> Iterator[Gate]:
    gate = Gate()
    queue.submit(gate)
    assert gate.begun.wait(SOON)
    yield gate
    gate.go.set()


def test_work_is_done_in_turn_and_knows_its_place(queue: WorkQueue, gate: Gate) -> None:
    order: list[int] = []
    tickets = [queue.submit(lambda k=k: order.append(k)) for k in range(3)]
    assert [ticket.position for ticket in tickets] == [1, 2, 3]
    assert len(queue) == 3
    gate.go.set()
    for ticket in tickets:
        ticket.result(SOON)
    assert order == [0, 1, 2]
    assert [ticket.position for ticket in tickets] == [None] * 3


def test_more_than_the_limit_is_turned_away_but_parts_are_not(queue: WorkQueue, gate: Gate) -> None:
    for _ in range(3):
        queue.submit(lambda: None)
    with pytest.raises(Busy) as caught:
        queue.submit(lambda: None)
    assert 1 <= caught.value.retry_after <= 60
    part = queue.submit(lambda: "part", is_part=True)
    gate.go.set()
    assert part.result(SOON) == "part"


def test_giving_up_frees_the_place_at_once(queue: WorkQueue, gate: Gate) -> None:
    done: list[int] = []
    tickets = [queue.submit(lambda k=k: done.append(k)) for k in range(3)]
    tickets[1].cancel()
    assert [ticket.position for ticket in tickets] == [1, None, 2]
    extra = queue.submit(lambda: done.append(3))
    with pytest.raises(CancelledError):
        tickets[1].result(SOON)
    gate.go.set()
    extra.result(SOON)
    assert done == [0, 2, 3]


def test_who_sets_the_event_before_the_turn_is_passed_over(queue: WorkQueue, gate: Gate) -> None:
    stop = threading.Event()
    ticket = queue.submit(lambda: "done", cancel=stop)
    stop.set()
    gate.go.set()
    with pytest.raises(CancelledError):
        ticket.result(SOON)


def test_a_result_that_is_late_is_a_timeout_and_comes_later(queue: WorkQueue) -> None:
    gate = Gate()
    ticket = queue.submit(gate)
    with pytest.raises(TimeoutError):
        ticket.result(0.01)
    assert gate.begun.wait(SOON)
    assert ticket.position == 0
    gate.go.set()
    assert ticket.result(SOON) == "gate"


def test_images_that_wait_are_judged_in_one_batch(queue: WorkQueue, gate: Gate, batches: list[list[Any]]) -> None:
    first = queue.submit_forgery("a.png")
    other = queue.submit(lambda: len(batches))
    second = queue.submit_forgery("b.png")
    gate.go.set()
    assert [first.result(SOON), second.result(SOON)] == ["judged a.png", "judged b.png"]
    assert batches == [["a.png", "b.png"]]
    assert other.result(SOON) == 1


def test_batches_are_bounded(batches: list[list[Any]]) -> None:
    def judge(images: Sequence[Any]) -> list[Any]:
        batches.append(list(images))
        return list(images)

    queue, gate = WorkQueue(20, judge), Gate()
    queue.submit(gate)
    tickets = [queue.submit_forgery(str(k)) for k in range(MAX_BATCH + 2)]
    gate.go.set()
    assert [ticket.result(SOON) for ticket in tickets] == [str(k) for k in range(MAX_BATCH + 2)]
    assert [len(batch) for batch in batches] == [MAX_BATCH, 2]
    assert queue.close(SOON)


def test_an_image_that_breaks_the_batch_fails_alone(queue: WorkQueue, gate: Gate) -> None:
    good, bad = queue.submit_forgery("good"), queue.submit_forgery("bad")
    gate.go.set()
    assert good.result(SOON) == "judged good"
    with pytest.raises(ValueError, match="a bad image"):
        bad.result(SOON)
    assert queue.submit(lambda: "goes on").result(SOON) == "goes on"


def test_closing_finishes_what_was_accepted_and_takes_nothing_more(queue: WorkQueue, gate: Gate) -> None:
    ticket = queue.submit(lambda: "answered")
    threading.Timer(0.05, gate.go.set).start()
    assert queue.close(SOON)
    assert ticket.result(0) == "answered"
    with pytest.raises(Closed):
        queue.submit(lambda: None)


def test_closing_gives_up_what_takes_too_long(queue: WorkQueue, gate: Gate) -> None:
    ticket = queue.submit(lambda: "late")
    assert not queue.close(0.01)
    assert ticket.stop.is_set()
    with pytest.raises(CancelledError):
        ticket.result(0)


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="limit is 0"):
        WorkQueue(0)
