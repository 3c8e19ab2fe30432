"""`make install` brings what all tests need, and a commit runs what `make check` runs."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# One of two stacks that exclude each other, a backend for GPUs alone, and `dev` itself.
APART = {"openmmlab", "onedl", "natten", "dev"}


def test_dev_takes_in_every_extra() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    taken_in = re.search(r"neighborhood-vision\[(.*)\]", extras["dev"])
    assert taken_in is not None
    assert set(taken_in[1].split(",")) == set(extras) - APART


def test_a_commit_runs_every_check() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    checks = re.search(r"^CHECKS := (.*)$", makefile, re.MULTILINE)
    assert checks is not None
    hooks = re.findall(r"entry: make (\S+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert sorted(hooks) == sorted(checks[1].split())
    assert all(re.search(rf"^{check}:", makefile, re.MULTILINE) for check in hooks)


def test_check_is_all_of_them() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    # What each part runs; a part that is in no list, or that runs nothing, would go unseen.
    parts = {
        "check-format": "ruff format --check .",
        "check-lint": "ruff check .",
        "check-types": "mypy",
        "check-imports": "lint-imports",
        "check-words": "codespell",
        "check-dependencies": "deptry vision backbones heads tools benchmarks",
        "check-docs": "tests/test_doc_links.py",
        "check-cpp": "clang-format --dry-run --Werror",
        "check-docker": "bin/hadolint $(wildcard tools/docker/*/Dockerfile)",
    }
    checks = re.search(r"^CHECKS := (.*)$", makefile, re.MULTILINE)
    assert checks is not None and set(checks[1].split()) == set(parts)
    assert re.search(r"^check: \$\(CHECKS\) ", makefile, re.MULTILINE)
    for part, command in parts.items():
        recipe = re.search(rf"^{part}: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
        assert recipe is not None and command in recipe[1], part
    assert "make check test\nmake docs\nmake test-onedl\n" in (ROOT / ".ci/run").read_text(encoding="utf-8")
