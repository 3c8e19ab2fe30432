"""tools/dist: archives that repeat exactly, bills of materials, what is refused before anyone gets it."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.dist import smoke
from tools.dist.build import _pack_tar
from tools.dist.check import find_wheels, version_of
from tools.dist.checks import check_one
from tools.dist.sbom import write_sbom
from tools.dist.source import clean_copy, environment, last_commit, stage_cuda, uncommitted
from vision.cli.main import build_parser
from vision.errors import UsageError

ROOT = Path(__file__).parents[2]
METADATA = """\
Metadata-Version: 2.4
Name: Neighborhood_Vision
Version: 9.8.7
Summary: Words.
License-Expression: Apache-2.0 AND O-UDA-1.0
Requires-Dist: torch>=2.10
Requires-Dist: Pillow>=12.3
Requires-Dist: onnx; extra == "onnx"
Requires-Dist: ruff==0.17.*; extra == "dev"
Requires-Dist: neighborhood-vision[onnx]; extra == "all"
"""
GOOD = "neighborhood_vision-9.8.7-cp310-abi3-manylinux_2_34_x86_64.whl"


def make_folder(folder: Path) -> Path:
    for name, content in (
        ("neighborhood_vision-9.8.7.dist-info/METADATA", METADATA),
        ("vision/_C.abi3.so", "machine code"),
        ("vision/weights/a.safetensors", "weights"),
        ("vision/trust/a.pem", "certificates"),
        ("vision/a.py", "source"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_a_bill_names_what_is_inside_and_what_is_asked_for(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "wheel")
    for name in ("a.json", "b.json"):
        write_sbom(folder, tmp_path / name, 1_800_000_000)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    bill = json.loads((tmp_path / "a.json").read_text())
    assert bill["bomFormat"] == "CycloneDX" and bill["metadata"]["timestamp"] == "2027-01-15T08:00:00+00:00"
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/neighborhood-vision@9.8.7"
    parts = {part["name"]: part for part in bill["components"]}
    files = {"vision/_C.abi3.so", "vision/weights/a.safetensors", "vision/trust/a.pem"}
    assert set(parts) == files | {"torch", "pillow", "onnx"}
    weights = parts["vision/weights/a.safetensors"]
    assert weights["type"] == "machine-learning-model"
    assert weights["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"weights").hexdigest()}]
    assert parts["vision/trust/a.pem"]["licenses"] == [{"expression": "O-UDA-1.0"}]
    assert parts["torch"]["scope"] == "required" and parts["onnx"]["scope"] == "optional"
    assert parts["torch"]["properties"] == [{"name": "python:requires-dist", "value": "torch>=2.10"}]


def make_wheel(path: Path, changed: dict[str, str | None] | None = None) -> Path:
    inside: dict[str, str | None] = {
        "vision/_C.abi3.so": "machine code",
        "neighborhood_vision-9.8.7.dist-info/sboms/neighborhood_vision.cdx.json": "{}",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**inside, **(changed or {})}.items():
            if content is not None:
                archive.writestr(zipfile.ZipInfo(name), content)
    return path


def test_a_good_wheel_passes(tmp_path: Path) -> None:
    assert list(check_one(make_wheel(tmp_path / GOOD))) == []


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        ("neighborhood_vision-9.8.7-cp311-cp311-linux_x86_64.whl", {}, "another tag"),
        (GOOD, {"vision/_C_cuda.abi3.so": "more"}, "expected vision/_C.abi3.so alone"),
        (GOOD, {"neighborhood_vision.libs/libc10-1.so.2": "more"}, "expected vision/_C.abi3.so alone"),
        (GOOD, {"vision/_C.abi3.so": None}, "has the libraries []"),
        (GOOD, {"vision/_C.abi3.so": "/home/me/lib/site-packages/torch"}, "names folders"),
        (GOOD, {"neighborhood_vision-9.8.7.dist-info/sboms/neighborhood_vision.cdx.json": None}, "no bill"),
        (GOOD, {"vision/weights/a.safetensors": "0" * 30_000_001}, "at most 30,000,000 are allowed"),
    ],
)
def test_what_is_wrong_with_a_wheel_is_told(
    tmp_path: Path, name: str, changed: dict[str, str | None], words: str
) -> None:
    (problem,) = check_one(make_wheel(tmp_path / name, changed))
    assert problem.startswith(name) and words in problem


def test_a_source_archive_repeats_exactly(tmp_path: Path) -> None:
    made = []
    for turn, names in enumerate((["p/b.txt", "p/a.sh"], ["p/a.sh", "p/b.txt"])):
        with tarfile.open(tmp_path / f"{turn}.tar.gz", "w:gz") as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.uname, member.mode = 3, 1000 + turn, f"user{turn}", 0o775
                tar.addfile(member, io.BytesIO(b"abc"))
        made.append(tmp_path / f"out{turn}.tar.gz")
        _pack_tar(tmp_path / f"{turn}.tar.gz", made[-1], 1_800_000_000)
    assert made[0].read_bytes() == made[1].read_bytes()
    with tarfile.open(made[0]) as tar:
        assert tar.getnames() == ["p", "p/a.sh", "p/b.txt"]
        assert {(member.mtime, member.uname, member.mode) for member in tar} == {(1_800_000_000, "", 0o755)}


def test_the_last_commit_is_packed_and_nothing_else(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "kept.txt").write_text("committed")
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    environ = {"GIT_COMMITTER_DATE": "1800000000 +0000", "PATH": "/usr/bin:/bin:/usr/local/bin"}
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", *settings, *words], cwd=checkout, check=True, env=environ)
    commit = last_commit(checkout)
    (checkout / "kept.txt").write_text("changed")
    environ["GIT_COMMITTER_DATE"] = "1900000000 +0000"
    subprocess.run(["git", *settings, "commit", "-qam", "while it is built"], cwd=checkout, check=True, env=environ)
    (checkout / "kept.txt").write_text("changed again")
    (checkout / "new.txt").touch()
    assert clean_copy(checkout, commit, tmp_path / "tree") == 1_800_000_000
    assert [(path.name, path.read_text()) for path in (tmp_path / "tree").iterdir()] == [("kept.txt", "committed")]
    assert uncommitted(checkout) == ["kept.txt", "new.txt"]


def test_builds_take_no_flags_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CFLAGS", "-march=native")
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    found = environment(5, tmp_path)
    assert found["NVCC_APPEND_FLAGS"].split()[:2] == ["-frandom-seed=0", "-Xcompiler=-g0"]
    assert "native" not in found["CFLAGS"] and "PYTHONPATH" not in found and found["SOURCE_DATE_EPOCH"] == "5"
    assert f"-ffile-prefix-map={tmp_path}=." in found["CXXFLAGS"].split()


def test_the_source_of_the_cuda_wheel_is_laid_out(tmp_path: Path) -> None:
    stage_cuda(ROOT, tmp_path / "stage")
    for name in ("setup.py", "suite_setup.py", "setup.cfg", "LICENSE", "csrc/cuda/module.cpp"):
        assert (tmp_path / "stage" / name).is_file()
    assert (tmp_path / "stage/suite_setup.py").read_bytes() == (ROOT / "setup.py").read_bytes()


def test_wheels_to_check_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 0 wheels of the suite; expected one: make dist"):
        find_wheels(tmp_path)
    for name in (GOOD, GOOD.replace("vision", "vision_cuda")):
        (tmp_path / name).touch()
    assert [path.name for path in find_wheels(tmp_path)] == [GOOD, GOOD.replace("vision", "vision_cuda")]


def test_environments_to_check_have_a_torch() -> None:
    assert version_of("pytest", Path(sys.prefix)) == pytest.__version__
    with pytest.raises(UsageError, match="has no no-such-thing; expected an environment with one"):
        version_of("no-such-thing", Path(sys.prefix))


def test_every_command_is_tried() -> None:
    (commands,) = (action.choices for action in build_parser()._actions if action.dest == "name")
    assert commands is not None and set(commands) <= set(smoke.STEPS)
