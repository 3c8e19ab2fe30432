"""A folder of Parquet files that is one table at any time."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("pyarrow")
import pyarrow as pa
import pyarrow.parquet as pq

from vision.batch.job import Record
from vision.batch.state import STATE, held
from vision.batch.table import Table, rows_table
from vision.batch.writer import Writer
from vision.errors import UsageError


@pytest.fixture
def table(jobs: ModuleType, tmp_path: Path) -> Table:
    """A table without rows."""
    table = Table(tmp_path, jobs.Squares(tmp_path))
    table.begin()
    return table


def _rows(table: Table, *names: str, error: str | None = None) -> pa.Table:
    rows: list[Record] = [{"path": name, "square": 1, "error": error, "error_code": error} for name in names]
    return rows_table(rows, table.schema)


def test_without_rows_it_is_a_table_with_typed_columns(table: Table) -> None:
    found = pq.read_table(table.folder)
    assert found.num_rows == 0
    assert [str(field.type) for field in found.schema] == ["string", "int64", "string", "string"]
    assert pq.read_schema(table.parts()[0]).metadata[b"neighborhood-vision"] == b'{"task": "squares", "schema": 1}'


def test_columns_that_are_all_null_keep_their_types(table: Table) -> None:
    table.write(rows_table([{"path": "a", "square": None}], table.schema), 1, 0)
    assert str(pq.read_table(table.folder).schema.field("square").type) == "int64"
    assert table.counts() == (1, 0)


def test_keys_and_counts_are_of_all_parts_and_of_those_before_a_pass(table: Table) -> None:
    table.write(_rows(table, "a", "b"), 1, 0)
    table.write(_rows(table, "c", error="bad"), 2, 0)
    assert list(table.keys()) == [("a",), ("b",), ("c",)]
    assert list(table.keys(before=2)) == [("a",), ("b",)]
    assert (table.counts(), table.next_pass()) == ((3, 1), 3)


def test_rows_with_errors_are_taken_out_to_be_done_again(table: Table) -> None:
    table.write(pa.concat_tables([_rows(table, "a"), _rows(table, "b", "c", error="bad")]), 1, 0)
    table.drop_failed([("a",), ("b",), ("d",)])
    assert list(table.keys()) == [("a",), ("c",)]  # nobody would do "c" again: it is no input now
    assert table.counts() == (2, 1)


def test_what_a_killed_run_left_is_removed_and_what_others_made_is_not(table: Table) -> None:
    left, other = table.folder / ".123-0123456789ab.tmp.parquet", table.folder / ".mine.tmp.parquet"
    left.write_bytes(b"half")
    other.write_bytes(b"half")
    assert pq.read_table(table.folder).num_rows == 0
    table.begin()
    assert (left.exists(), other.exists()) == (False, True)


@pytest.mark.parametrize("is_parquet", [True, False])
def test_files_of_something_else_are_refused_by_name(table: Table, is_parquet: bool) -> None:
    part = table.folder / "part-00001-000000.parquet"
    pq.write_table(pa.table({"path": ["a"]}), part) if is_parquet else part.write_bytes(b"no parquet")
    with pytest.raises(UsageError, match=r"part-00001-000000\.parquet.*choose another folder") as error:
        table.begin()
    assert error.value.code == "bad-table"


def test_a_full_disk_leaves_what_was_written_and_no_half_of_a_file(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.write(_rows(table, "a"), 1, 0)
    before = sorted(os.listdir(table.folder))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as error:
        table.write(_rows(table, "b"), 1, 1)
    assert error.value.filename.endswith("part-00001-000001.parquet")
    assert sorted(os.listdir(table.folder)) == before
    assert pq.read_table(table.folder)["path"].to_pylist() == ["a"]


def test_a_column_that_the_schema_has_not_is_an_error_of_ours(table: Table) -> None:
    with pytest.raises(ValueError, match=r"\['new'\]"):
        rows_table([{"path": "a", "new": 1}], table.schema)


def test_names_that_are_no_utf8_become_readable(table: Table) -> None:
    table.write(_rows(table, os.fsdecode(b"caf\xe9.png")), 1, 0)
    assert list(table.keys()) == [("caf\\xe9.png",)]


def test_a_row_that_comes_twice_is_written_once(jobs: ModuleType, table: Table) -> None:
    table.write(_rows(table, "earlier"), 1, 0)
    writer = Writer(table, jobs.Squares(table.folder))
    assert writer.begin_pass() == 2
    assert [writer.add(_rows(table, "earlier", "a", "a")), writer.add(_rows(table, "a", "b", error="bad"))] == [1, 1]
    writer.flush()
    assert sorted(table.keys()) == [("a",), ("b",), ("earlier",)]
    assert (writer.rows, writer.failed, writer.twice) == (2, 1, 3)


def test_two_runs_do_not_write_into_one_folder(jobs: ModuleType, tmp_path: Path) -> None:
    job = jobs.Squares(tmp_path)
    with held(tmp_path / "out", job):
        told = rf"process {os.getpid()} on .* is writing to"
        with pytest.raises(UsageError, match=told) as error, held(tmp_path / "out", job):
            pass
        assert error.value.code == "folder-in-use"
    with held(tmp_path / "out", job) as state:
        assert state == tmp_path / "out" / STATE


def test_a_disk_that_is_full_for_the_lock_is_told_with_the_name(
    jobs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("socket.gethostname", full)  # of what is written, the last part
    with pytest.raises(OSError, match="No space left") as error:
        held(tmp_path, jobs.Squares(tmp_path)).__enter__()
    assert error.value.filename == str(tmp_path / STATE / "lock")


def test_a_run_with_other_options_is_refused(jobs: ModuleType, tmp_path: Path) -> None:
    with held(tmp_path / "out", jobs.Squares(tmp_path, fpr=None)):
        pass
    with (
        pytest.raises(UsageError, match=r"fpr was None and is 0\.05") as error,
        held(tmp_path / "out", jobs.Squares(tmp_path, fpr=0.05)),
    ):
        pass
    assert (error.value.code, error.value.value) == ("other-options", "fpr")
    other = jobs.Squares(tmp_path, fpr=0.05)
    other.name = "cubes"
    with pytest.raises(UsageError, match="other options: task was 'squares' and is 'cubes'; expected"):
        held(tmp_path / "out", other).__enter__()


def test_a_folder_with_other_things_is_left_alone(jobs: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(UsageError, match=r"such as 'letter\.txt'") as error, held(tmp_path, jobs.Squares(tmp_path)):
        pass
    assert error.value.code == "unwritable-folder"
    assert sorted(os.listdir(tmp_path)) == ["letter.txt"]
