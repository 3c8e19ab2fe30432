"""The tutorials do what they say: their Python and their commands run in order, in a folder of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs/tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# The commands that a tutorial calls, of this very tree, whatever is installed.
COMMANDS = {"vision": "-m vision", "python": ""}


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=[path.stem for path in TUTORIALS])
def test_runs_as_it_is_printed(tutorial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, commands = tmp_path / "work", tmp_path / "bin"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NBV", str(ROOT))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PATH", f"{make_commands(commands)}{os.pathsep}{os.environ['PATH']}")
    text = tutorial.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert {block[1] for block in blocks} >= {"python"}
    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "__tutorial__"}
    for block in blocks:
        line = text.count("\n", 0, block.start(2))
        if block[1] == "python":
            # Blank lines in front, so that a traceback names the line of the page.
            exec(compile("\n" * line + block[2], str(tutorial), "exec"), names)
        else:
            run_commands(block[2], f"{tutorial.name}, line {line + 1}")


def make_commands(folder: Path) -> Path:
    """A folder for PATH with the commands of this tree."""
    folder.mkdir()
    for name, arguments in COMMANDS.items():
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        path.chmod(0o755)
    return folder


def run_commands(script: str, place: str) -> None:
    start = time.monotonic()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    print(f"{place}: {time.monotonic() - start:.1f} s\n{done.stdout}")
    assert done.returncode == 0, f"{place}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
