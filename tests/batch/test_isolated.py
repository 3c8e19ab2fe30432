"""Inputs that something died of: only they have an error, not what comes after them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("ray")

from vision.batch.isolated import isolated


def test_a_model_that_cannot_be_loaded_again_is_no_error_of_the_next_input(
    jobs: ModuleType, numbers: Path, tmp_path: Path
) -> None:
    (numbers / "00").write_text("dies")
    job = jobs.Squares(numbers, loads_once=str(tmp_path / "loaded"))
    rows = isolated(job)(job.items())
    assert next(rows)["error_code"] == "worker-died"
    with pytest.raises(FileExistsError, match="loaded"):
        next(rows)
