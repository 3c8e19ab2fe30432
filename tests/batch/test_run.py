"""Runs of a batch in a cluster: each input has one row, whatever dies, and however often the run is begun."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from vision.batch.driver import Outcome, Settings, _workers, run_batch
from vision.batch.job import failed_row
from vision.batch.state import held
from vision.batch.table import Table, rows_table
from vision.errors import Notice, UsageError


def test_what_kills_its_worker_is_a_row_and_so_is_what_raises(
    jobs: ModuleType, numbers: Path, tmp_path: Path, head: str
) -> None:
    out = tmp_path / "out"
    (numbers / "13").write_text("dies")
    (numbers / "27").write_text("raises")
    (numbers / "31").write_text("none")
    outcome = run_batch(jobs.Squares(numbers), out, Settings(head, chunk=4))
    rows = {Path(row["path"]).name: row for row in pq.read_table(out).to_pylist()}
    assert len(rows) == pq.read_table(out).num_rows == 40
    codes = {name: row["error_code"] for name, row in rows.items() if row["error"] is not None}
    assert codes == {"13": "worker-died", "27": "work-failed", "31": "bad-values"}
    assert "met a bug" in rows["27"]["error"]
    assert [row["square"] for name, row in sorted(rows.items()) if name not in codes] == [
        number**2 for number in range(40) if f"{number:02}" not in codes
    ]
    assert (outcome.done, outcome.earlier, outcome.failed) == (40, 0, 3)
    assert outcome.again


def test_a_run_that_is_interrupted_goes_on_and_nothing_is_done_twice(
    jobs: ModuleType, numbers: Path, tmp_path: Path, head: str
) -> None:
    out = tmp_path / "out"

    def interrupt(outcome: Outcome) -> None:
        if outcome.done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(jobs.Squares(numbers), out, Settings(head, chunk=1), interrupt)
    before = pq.read_table(out)["path"].to_pylist()
    assert 5 <= len(before) < 40
    # Were one of these read again, there would be an error.
    for path in before:
        Path(path).write_text("dies")
    outcome = run_batch(jobs.Squares(numbers), out, Settings(head))
    assert (outcome.earlier, outcome.done, outcome.failed, outcome.again) == (len(before), 40 - len(before), 0, 0)
    assert Counter(pq.read_table(out)["path"].to_pylist()) == Counter(str(path) for path in numbers.iterdir())
    # Where nothing is missing, no cluster is needed.
    outcome = run_batch(jobs.Squares(numbers), out, Settings("no:1"))
    assert (outcome.earlier, outcome.done) == (40, 0)


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_worker_uses_as_many_threads_as_it_holds_cpus(
    jobs: ModuleType, numbers: Path, tmp_path: Path, head: str, cpus: int
) -> None:
    run_batch(jobs.Squares(numbers, threads=True), tmp_path / "out", Settings(head, cpus=cpus))
    assert set(pq.read_table(tmp_path / "out")["square"].to_pylist()) == {cpus}


def test_what_cannot_begin_is_told_once(jobs: ModuleType, numbers: Path, tmp_path: Path, head: str) -> None:
    with pytest.raises(UsageError, match="a worker cannot load the model: no weights") as error:
        run_batch(jobs.Squares(numbers, no_model=True), tmp_path / "out", Settings(head))
    assert error.value.code == "no-weights"
    assert pq.read_table(tmp_path / "out").num_rows == 0


def test_inputs_that_cannot_be_listed_are_told_before_anything_is_made(jobs: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder") as error:
        run_batch(jobs.Squares(tmp_path / "gone"), tmp_path / "out", Settings())
    assert error.value.code == "unreadable-address"
    assert not (tmp_path / "out").exists()


def test_inputs_with_an_error_are_done_again_if_that_is_asked_for(
    jobs: ModuleType, numbers: Path, tmp_path: Path, head: str
) -> None:
    for path in numbers.iterdir():
        if int(path.name) > 2:
            path.unlink()
    job, out = jobs.Squares(numbers), tmp_path / "out"
    out.mkdir()
    keys = [item.key for item in job.items()]
    rows = [job.blank(key) | {"square": 7} for key in keys[:2]] + [failed_row(job, keys[2], Notice("gone", "usage"))]
    with held(out, job):
        Table(out, job).write(rows_table(rows, job.schema), 1, 0)
    outcome = run_batch(job, out, Settings(head, retry_errors=True))
    assert (outcome.earlier, outcome.done, outcome.failed) == (2, 1, 0)
    assert sorted(pq.read_table(tmp_path / "out")["square"].to_pylist()) == [4, 7, 7]


def test_more_workers_than_there_is_room_for_are_refused(
    jobs: ModuleType, numbers: Path, tmp_path: Path, head: str
) -> None:
    with pytest.raises(UsageError, match="3 workers need 3 CPUs and 0 GPUs, and the cluster has 2"):
        run_batch(jobs.Squares(numbers), tmp_path / "out", Settings(head, workers=3))


@pytest.mark.parametrize(("left", "count"), [(3, 3), (float("inf"), 8)])
def test_there_are_no_more_workers_than_inputs(left: float, count: int) -> None:
    cluster: Any = SimpleNamespace(cpus=8.0, gpus=0.0)
    assert _workers(Settings(), cluster, left).count == count


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("ray://127.0.0.1:1", "expected 'auto' or HOST:PORT"),
        ("127.0.0.1:1", r"no cluster can be joined at '127\.0\.0\.1:1'; .*ConnectionRefusedError"),
        ("nowhere", "no cluster can be joined at 'nowhere'"),
    ],
)
def test_addresses_that_are_none(address: str, reason: str, jobs: ModuleType, numbers: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=reason) as error:
        run_batch(jobs.Squares(numbers), tmp_path / "out", Settings(address))
    assert error.value.code == "no-cluster"
