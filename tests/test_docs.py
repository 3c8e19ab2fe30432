"""The Python of the documents runs as it is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

DOCS = Path(__file__).resolve().parent.parent / "docs"
NAMES = [
    "index.md",
    "neighborhood-attention.md",
    "how-the-kernels-work.md",
    "migration.md",
    "dinat.md",
    "stereo.md",
    "video.md",
    "weights.md",
]


@pytest.mark.parametrize("name", NAMES)
def test_blocks_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    assert blocks
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "__docs__"}
    for block in blocks:
        # Blank lines in front, so that a traceback names the line of the document.
        before = text.count("\n", 0, block.start(1))
        exec(compile("\n" * before + block[1], str(DOCS / name), "exec"), names)
