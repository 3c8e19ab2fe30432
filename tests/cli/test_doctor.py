"""`vision doctor` and `vision models`."""

from __future__ import annotations

import json
import re
import sys
import types
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest

from backbones.neighborhood.variants import VARIANTS
from vision.cli import doctor
from vision.cli.main import main
from vision.cli.models import list_models
from vision.models.forgery.network import forgery_models
from vision.models.stereo.network import match_stereo_models
from vision.models.video import video_models


def test_doctor_reports_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    by_name = {(finding["section"], finding["name"]): finding for finding in findings}
    for name in ("vision", "python", "torch", "numpy", "opencv", "pywavelets", "timm", "natten", "mmengine", "stack"):
        assert by_name["versions", name]["detail"]
    import torch

    assert by_name["versions", "torch"]["detail"].startswith(torch.__version__.split("+")[0])
    assert torch.backends.cpu.get_cpu_capability() in by_name["hardware", "cpu"]["detail"]
    shown = {name for section, name in by_name if section == "weights"}
    assert shown == {*forgery_models(), *match_stereo_models(), *video_models()}
    assert {finding["state"] for finding in findings} <= {"ok", "missing", "absent"}


def test_doctor_says_what_video_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = {(finding.section, finding.name): finding for finding in doctor.examine()}
    assert [findings["versions", name].state for name in ("av", "supervision", "trackers", "pillow-heif")] == ["ok"] * 4
    assert findings["video", "h264"].state == "ok"
    import av

    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    assert doctor._encoder().state == "absent" and "libx264" in doctor._encoder().detail
    monkeypatch.setitem(sys.modules, "av", None)
    assert doctor._encoder().state == "absent" and "av cannot be imported" in doctor._encoder().detail


def test_doctor_table_and_exit_code(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for state, code in (("ok", 0), ("absent", 0), ("missing", 1)):
        monkeypatch.setattr(doctor, "examine", lambda state=state: [doctor.Finding("versions", "thing", state, "why")])
        assert main(["doctor"]) == code
        assert capsys.readouterr().out.splitlines()[1].split() == ["versions", "thing", state, "why"]


def test_doctor_says_why_a_package_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    findings = {finding.name: finding for finding in doctor.examine()}
    assert findings["torch"].state == "missing" and "pip install torch" in findings["torch"].detail
    assert findings["natten"].state == "absent" and "neighborhood-vision[natten]" in findings["natten"].detail
    assert findings["stack"].state == "absent"


@pytest.mark.parametrize(
    ("installed", "state", "words"),
    [
        ({"mmengine"}, "ok", "OpenMMLab"),
        ({"onedl-mmengine"}, "ok", "OneDL"),
        ({"mmengine", "onedl-mmengine"}, "missing", "overwrite each other"),
    ],
)
def test_doctor_names_the_stack(monkeypatch: pytest.MonkeyPatch, installed: set[str], state: str, words: str) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    (finding,) = [finding for finding in doctor.examine() if finding.name == "stack"]
    assert finding.state == state and words in finding.detail


def test_doctor_looks_at_extensions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_extension.py").write_text("raise ImportError('undefined symbol: f')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "loaded_extension", types.ModuleType("loaded_extension"))
    sys.modules["loaded_extension"].__spec__ = types.SimpleNamespace(name="loaded_extension")  # type: ignore[assignment]
    names = ("missing_extension", "broken_extension", "loaded_extension")
    monkeypatch.setattr(doctor, "EXTENSIONS", tuple((name, "a purpose") for name in names))
    findings = [finding for finding in doctor.examine() if finding.section == "extension" and finding.name in names]
    assert [finding.state for finding in findings] == ["absent", "missing", "ok"]
    assert "not built" in findings[0].detail and "undefined symbol: f" in findings[1].detail


@pytest.mark.parametrize(
    ("reason", "state", "words"),
    [
        ("this torch is built without CUDA", "absent", "attention on CUDA: this torch is built without CUDA"),
        ("vision._C_cuda is built, but cannot be loaded (why)", "missing", "cannot be loaded (why)"),
        (None, "ok", "attention on CUDA: loaded from a file, has code for sm_80, sm_120+PTX"),
    ],
)
def test_doctor_says_why_there_are_no_cuda_kernels(
    monkeypatch: pytest.MonkeyPatch, reason: str | None, state: str, words: str
) -> None:
    from vision.ops.common import cuda_kernels

    monkeypatch.setattr(cuda_kernels, "_MISSING", reason)
    monkeypatch.setitem(sys.modules, "vision._C_cuda", types.ModuleType("vision._C_cuda"))
    sys.modules["vision._C_cuda"].__file__ = "a file"
    sys.modules["vision._C_cuda"].architectures = "80:120+PTX"  # type: ignore[attr-defined]
    (finding,) = [finding for finding in doctor.examine() if finding.name == "vision._C_cuda"]
    assert finding.section == "extension" and finding.state == state and words in finding.detail


@pytest.mark.parametrize(
    ("missing", "capability", "words"),
    [
        (None, (9, 0), "a card, compute capability 9.0; neighborhood attention is native in all dtypes"),
        (
            None,
            (7, 5),
            "a card, compute capability 7.5; neighborhood attention is native in float32 and float64; half precision "
            "needs compute capability 8.0, this card has 7.5",
        ),
        (
            None,
            (8, 0),
            "a card, compute capability 8.0; neighborhood attention is not native: vision._C_cuda has code for sm_75, "
            "sm_90, this card has compute capability 8.0",
        ),
        ("the reason", (9, 0), "a card, compute capability 9.0; neighborhood attention is not native: the reason"),
    ],
)
def test_doctor_says_what_is_native_on_each_card(
    monkeypatch: pytest.MonkeyPatch, missing: str | None, capability: tuple[int, int], words: str
) -> None:
    import torch

    from vision.ops.common import cuda_kernels

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "a card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
    monkeypatch.setattr(cuda_kernels, "capability", torch.cuda.get_device_capability)
    monkeypatch.setattr(cuda_kernels, "_MISSING", missing)
    monkeypatch.setattr(cuda_kernels, "architectures", lambda: ["75", "90"])
    findings = {finding.name: finding for finding in doctor._hardware()}
    assert findings["cuda:0"] == findings["cuda:1"]._replace(name="cuda:0")
    assert findings["cuda:0"].state == "ok" and findings["cuda:0"].detail == words


def test_doctor_lists_backends_in_order_of_preference(monkeypatch: pytest.MonkeyPatch) -> None:
    from vision.ops.common import kernels

    monkeypatch.setattr(kernels, "_MISSING", "the reason")
    tables = {"backends": ["native", "natten", "flex", "reference"], "match backends": ["native", "reference"]}
    findings = doctor.examine()
    for section, names in tables.items():
        by_name = {finding.name: finding for finding in findings if finding.section == section}
        assert list(by_name) == names
        assert by_name["native"].state == "absent" and by_name["native"].detail == "the reason"
        assert by_name["reference"].state == "ok" and by_name["reference"].detail


def test_models_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    models = {model["name"]: model for model in json.loads(capsys.readouterr().out)}
    by_task = {
        task: {n for n, model in models.items() if model["task"] == task}
        for task in ("forgery", "classification", "video")
    }
    assert by_task == {
        "forgery": set(forgery_models()),
        "classification": set(VARIANTS),
        "video": {"mamba_people_nano"},
    }
    assert models["dual_frequency_paper"]["parameters"] == 1_442_442
    assert models["dual_frequency_paper"]["weights"] is None
    assert models["dinat_tiny"]["gmacs"] == 4.3 and models["dinat_tiny"]["published_top1"] == 82.7
    assert models["dinat_large_21k"]["published_top1"] is None
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "1,442,442" in out and "as published by the authors, not measured here" in out
    row = next(line.split() for line in out.splitlines() if line.startswith("dinat_large_384 "))
    assert row == ["dinat_large_384", "200.94", "89.5", "384", "87.4", VARIANTS["dinat_large_384"].url]


def test_models_reads_the_weights_that_are_there(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vision.models.forgery.network import forgery_detector

    (tmp_path / "dual_frequency_demo.safetensors").write_bytes(checkpoint.read_bytes())
    (tmp_path / "dual_frequency_demo.md").write_text("a card")
    monkeypatch.setattr("vision.models.table.WEIGHTS_DIR", tmp_path)
    (model,) = [model for model in list_models() if model["name"] == "dual_frequency_demo"]
    network = forgery_detector("dual_frequency_demo", checkpoint)
    assert model["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert model["bytes"] == checkpoint.stat().st_size
    assert model["card"] == str(tmp_path / "dual_frequency_demo.md")
    (tmp_path / "dual_frequency_demo.safetensors").write_bytes(b"damaged")
    (model,) = [model for model in list_models() if model["name"] == "dual_frequency_demo"]
    assert model["parameters"] is None


def test_all_that_is_required_for_files_of_others_is_listed() -> None:
    config = ConfigParser()
    config.read(Path(__file__).parents[2] / "setup.cfg")
    required = {re.split(r"[<>=]", line)[0] for line in config["options"]["install_requires"].split()}
    listed = {name for package in doctor._PACKAGES for name in package.distributions}
    # Helpers that read nothing of a stranger's.
    helpers = {"psutil", "lazy_loader", "wrapt", "jinja2", "markupsafe", "huggingface_hub", "argcomplete"}
    assert required - listed == helpers
