"""A cluster of one's own: nothing of it is left, whenever the run is ended."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("ray")

from vision.batch import cluster


def test_what_began_ends_with_a_run_that_is_told_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    class Ray:
        @staticmethod
        def init(**_: Any) -> None:
            begun.append(subprocess.Popen(["sleep", "60"]))
            raise SystemExit(0)

    monkeypatch.setattr(cluster, "_ray", Ray)
    with pytest.raises(SystemExit), cluster.connected(None, tmp_path):
        pass
    assert not psutil.pid_exists(begun[0].pid)
    assert not list(tmp_path.iterdir())
