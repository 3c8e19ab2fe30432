"""Faults in neighborhood attention's kernels, planted one by one: each of them is found."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from emulation import HERE, ROOT, Compile, Fault, compile_mutant, find_lines, side_by_side
from faults_common import TILES, Table
from neighborhood_cases import PATHS, make_cases, run, what_is_wrong, with_outputs
from neighborhood_faults import GROUPS, Group

pytestmark = pytest.mark.timeout(600)
SOURCE, KERNELS = HERE / "neighborhood.cpp", ROOT / "csrc/cuda/neighborhood"
SYNCS = r"(?:__sync\w+|cp_async_wait<\d>)\(\);"
LINES = {f"{file}: {text}": Fault(file, text, "") for file, text in find_lines(KERNELS, rf"{SYNCS} +// .*")}


def faults_of(table: Table) -> dict[str, Fault]:
    return {f"{name} ({file})": Fault(file, *texts) for file, named in table.items() for name, texts in named.items()}


@pytest.mark.parametrize("name", [name for name, group in GROUPS.items() if group.faults])
def test_planted_faults_are_found(compile_simt: Compile, tmp_path: Path, name: str) -> None:
    assert try_faults(compile_simt, tmp_path, GROUPS[name], faults_of(GROUPS[name].faults), "plain") == []


@pytest.mark.parametrize("name", [name for name, group in GROUPS.items() if group.barriers])
def test_every_barrier_is_needed(compile_simt: Compile, tmp_path: Path, name: str) -> None:
    group = GROUPS[name]
    lines = {line: fault for line, fault in LINES.items() if re.search(group.barriers, line)}
    assert try_faults(compile_simt, tmp_path, group, lines, "hooks") == []


def test_every_barrier_says_why_and_is_tried() -> None:
    assert len(LINES) == len(find_lines(KERNELS, SYNCS))
    assert [line for line in LINES if not any(re.search(group.barriers, line) for group in GROUPS.values())] == []


def try_faults(compile_simt: Compile, folder: Path, group: Group, faults: dict[str, Fault], mode: str) -> list[str]:
    """Faults that no case finds."""
    cases = [with_outputs(case) for case in make_cases(group.cases, group.dtype)]
    flags = [f"-DNBV_PATH={PATHS[group.dtype]}", f"-DNBV_PARTS={group.parts}"]

    def attempt(name: str) -> list[str]:
        (place := folder / str(hash(name))).mkdir()
        planted = (*group.only, *([faults[name]] if name else []))
        library = compile_mutant(compile_simt, place, SOURCE, *planted, mode=mode, flags=flags)
        return what_is_wrong(run(library, cases, place, "reverse"), cases)  # what is written twice is wrong at last

    without = attempt("")
    assert not without, without
    return [name for name, said in zip(faults, side_by_side(attempt, faults), strict=True) if not said]


def test_planted_faults_of_tiles_are_found(compile_simt: Compile, tmp_path: Path) -> None:
    faults = faults_of(TILES)
    compile_simt(HERE / "tiles.cpp")

    def attempt(name: str) -> str:
        (place := tmp_path / str(hash(name))).mkdir()
        program = compile_mutant(compile_simt, place, HERE / "tiles.cpp", faults[name], library=False)
        done = subprocess.run([program], text=True, capture_output=True, timeout=60)
        return done.stdout + ("died" if done.returncode else "")

    missed = [name for name, said in zip(faults, side_by_side(attempt, faults), strict=True) if not said]
    assert not missed
