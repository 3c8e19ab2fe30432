"""Files for containers: what they start from, who runs in them, which wheels they take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCKER = Path(__file__).parents[2] / "tools/docker"
KINDS = ("cpu", "cuda")


@pytest.mark.parametrize("kind", KINDS)
def test_images_are_pinned_and_nobody_is_root(kind: str) -> None:
    text = (DOCKER / kind / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(bases) == 2 and all(re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", base) for base in bases)
    last = text.rpartition("\nFROM ")[2]
    steps = re.findall(r"^([A-Z]+) (.*)$", last, re.MULTILINE)
    assert ("USER", "10001") in steps and "useradd --create-home --uid 10001" in last
    assert [step for step in steps if step[0] == "CMD"] == [("CMD", '["vision", "serve", "--host", "0.0.0.0"]')]
    assert "HEALTHCHECK" in {name for name, _ in steps} and "/healthz" in last
    assert text.count("pip install") == text.count("--no-cache-dir")


@pytest.mark.parametrize("kind", KINDS)
def test_builds_see_the_wheels_alone(kind: str) -> None:
    lines = (DOCKER / kind / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["*", "!dist/*.whl"]
    copied = re.search(r"^COPY (dist/.*) /wheels/$", (DOCKER / kind / "Dockerfile").read_text(), re.MULTILINE)
    assert copied is not None
    wheels = ["dist/neighborhood_vision-*.whl"] + ["dist/neighborhood_vision_cuda-*.whl"] * (kind == "cuda")
    assert copied[1].split() == wheels
