"""What a release says of itself agrees, and its sdist holds all that builds and tests it."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import vision

ROOT = Path(__file__).resolve().parent.parent
CUDA = ROOT / "tools/dist/cuda"
# Of a checkout alone: what continuous integration runs there, and what git leaves out.
NOT_IN_SDIST = {".ci", ".git", ".gitignore", ".venv", ".venv-onedl", "build", "dist"}
# Without torch no extension names its sources: the manifest alone has to.
LIST = """
import sys
sys.modules["torch"] = None
sys.argv = ["setup.py", "-q", "egg_info", "--egg-base", sys.argv[1]]
exec(compile(open("setup.py").read(), "setup.py", "exec"))
"""


@pytest.fixture(scope="module")
def released() -> tuple[str, str]:
    """Version and day of the newest section of the changelog."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", text, re.MULTILINE)
    days = [datetime.date.fromisoformat(day) for _, day in sections]
    assert days == sorted(days, reverse=True) and len(sections) == len(set(sections)) > 1
    return sections[0]


def test_versions_agree(released: tuple[str, str]) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["date-released"]) == released
    assert released[0] == vision.__version__
    assert f'__version__ = "{vision.__version__}"' in (CUDA / "neighborhood_vision_cuda/__init__.py").read_text()
    assert f"neighborhood-vision=={vision.__version__}\n" in (CUDA / "setup.cfg").read_text()
    assert citation["license"] == "Apache-2.0" and citation["cff-version"] == "1.2.0"


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        inside = re.findall(r"^### (.*)$", section, re.MULTILINE)
        assert inside and len(inside) == len(set(inside))


def test_the_sdist_is_whole(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LIST, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (listed,) = tmp_path.glob("*.egg-info/SOURCES.txt")
    sources = {name.removeprefix("./") for name in listed.read_text(encoding="utf-8").splitlines()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True)
    if tracked.returncode:
        pytest.skip("no checkout: nothing says what it holds")
    wanted = {name for name in tracked.stdout.splitlines() if name.partition("/")[0] not in NOT_IN_SDIST}
    wanted = {name for name in wanted if (ROOT / name).exists()}
    assert not wanted - sources, f"MANIFEST.in leaves out {sorted(wanted - sources)[:9]}"
    junk = [name for name in sources if name.endswith((".so", ".pyc")) or "__pycache__" in name]
    assert not junk, f"MANIFEST.in takes in {junk[:9]}"
