"""Chunks of inputs that have no row yet, and a set of keys that needs no memory."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("ray")

from vision.batch.chunks import chunks
from vision.batch.keys import KeySet
from vision.batch.table import Table, rows_table


def _listed(job: Any, out: Path, number: int, size: int) -> list[tuple[str, int, Any]]:
    rows = [row for chunk in chunks(job, out, number, size) for row in chunk.to_pylist()]
    assert len({row["listing"] for row in rows}) == 1
    return [(row["kind"], row["number"], pickle.loads(row["content"])) for row in rows]


def test_chunks_grow_up_to_their_size_and_end_with_their_number(
    jobs: ModuleType, numbers: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    found = _listed(jobs.Squares(numbers), tmp_path / "out", 1, 3)
    assert [len(content) for kind, _, content in found if kind == "chunk"] == [1] * 8 + [2] * 8 + [3] * 5 + [1]
    items = [item.key[0] for kind, _, content in found if kind == "chunk" for item in content]
    assert items == [str(path) for path in sorted(numbers.iterdir())]
    assert found[-1] == ("end", 22, [])


def test_what_earlier_passes_did_is_left_out_and_what_this_one_did_is_not(
    jobs: ModuleType, numbers: Path, tmp_path: Path
) -> None:
    job, out = jobs.Squares(numbers), tmp_path / "out"
    out.mkdir()
    table = Table(out, job)
    for number in (1, 2):
        table.write(rows_table([{"path": str(numbers / f"{number:02}")}], table.schema), number, 0)
    found = [item.key[0][-2:] for kind, _, content in _listed(job, out, 2, 50) if kind == "chunk" for item in content]
    assert "01" not in found
    assert "02" in found
    assert len(found) == 39


def test_an_input_that_is_named_twice_is_worked_on_once(jobs: ModuleType, numbers: Path, tmp_path: Path) -> None:
    job = jobs.Squares(numbers)
    twice = list(job.items()) * 2
    job.items = lambda: iter(twice)
    (tmp_path / "out").mkdir()
    contents = [content for kind, _, content in _listed(job, tmp_path / "out", 1, 50) if kind == "chunk"]
    assert sum(map(len, contents)) == 40


def test_an_error_of_listing_comes_with_its_code(jobs: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    [(kind, number, (text, code, value))] = _listed(jobs.Squares(tmp_path / "gone"), tmp_path / "out", 1, 3)
    assert (kind, number, code, value) == ("failed", 0, "unreadable-address", str(tmp_path / "gone"))
    assert text.startswith("no folder")


def test_an_error_of_listing_that_nobody_expected_is_told_as_well(jobs: ModuleType, tmp_path: Path) -> None:
    def items() -> Iterator[Any]:
        raise RuntimeError("a store's own")
        yield

    job = jobs.Squares(tmp_path)
    job.items = items
    [(kind, _, (text, code, _))] = _listed(job, tmp_path, 1, 3)
    assert (kind, text, code) == ("failed", "RuntimeError: a store's own", "usage")


def test_keys_are_told_apart_by_all_their_parts() -> None:
    keys = KeySet()
    assert [keys.add(key) for key in (("a", "b"), ("a", "b"), ("ab", ""), ("a", "c"))] == [True, False, True, True]
    keys.update([("a", "c"), ("d",)])
    assert len(keys) == 4
    assert (("d",) in keys, ("e",) in keys) == (True, False)
    assert not keys.add(("d",))


def test_a_key_is_known_again_as_the_table_has_it_and_a_file_by_its_address() -> None:
    keys = KeySet()
    assert keys.add(("/a/\udce9.png",))
    assert ("/a/\\xe9.png",) in keys
    assert ("file:///a/\udce9.png",) in keys
