"""The plain training loop, the archives that it takes, and the comparison of what it writes."""

from __future__ import annotations

import csv
import runpy
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from backbones.efficientnet_lite import EfficientNetLite
from backbones.feature_statistics import PREFIX
from vision.checkpoint import write_safetensors
from vision.models.forgery.network import forgery_detector

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(0)
    for source, label in (("camera", "0_real"), ("phone", "0_real"), ("made", "1_fake"), ("other", "1_fake")):
        (root / source / label).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / source / label / f"{number}.png")
    return root


def run(tool: str, *arguments: object) -> int:
    return runpy.run_path(str(ROOT / "tools" / f"{tool}.py"))["main"]([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def frozen(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("frozen") / "trunk.safetensors"
    write_safetensors(path, {PREFIX + key: value for key, value in EfficientNetLite().state_dict().items()}, {})
    return path


@pytest.fixture(scope="module")
def trained(tree, frozen, tmp_path_factory) -> Path:
    """Two steps, then the third by the same command again, on what was packed."""
    folder = tmp_path_factory.mktemp("run")
    assert run("pack_crops", tree, folder / "packed", "--megabytes", 0.1) == 0
    archives = sorted((folder / "packed").glob("*.tar"))
    command = [*archives, "--work-dir", folder, "--hold-out", "phone,other", "--batch-size", 2, "--workers", 0]
    command += ["--copies", 2, "--statistics-steps", 3, "--frozen", frozen]
    for steps in (2, 3):
        assert run("train_crops", *command, "--steps", steps, "--device", "cpu") == 0
    return folder


def test_archives_hold_every_image_once_and_are_small(trained, tree):
    archives = sorted((trained / "packed").glob("*.tar"))
    assert len(archives) > 1 and max(path.stat().st_size for path in archives) <= 100_000
    names = []
    for path in archives:
        with tarfile.open(path) as archive:
            names += archive.getnames()
    assert sorted(names) == sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.png"))


def test_packing_replaces_nothing(trained, tree, capsys):
    with pytest.raises(SystemExit) as error:
        run("pack_crops", tree, trained / "packed")
    assert error.value.code == 2 and "has archives already" in capsys.readouterr().err


def test_an_image_that_no_archive_holds_is_named(tree, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        run("pack_crops", tree, tmp_path / "packed", "--megabytes", 0.02)
    assert error.value.code == 2 and "alone is larger than 0.02 MB" in capsys.readouterr().err


def test_a_run_goes_on_where_it_was(trained):
    import torch

    assert torch.load(trained / "last.pt", weights_only=True)["step"] == 3


def test_the_weights_are_a_detector(trained):
    network = forgery_detector("dual_frequency_demo", trained / "weights.safetensors")
    assert not network.training and type(network.backbone).__name__ == "DualFrequencyStatisticsNet"


def test_statistics_of_all_sources_are_kept_for_other_folds(trained, frozen, tree, tmp_path, capsys):
    kept = load_file(trained / "statistics.safetensors")
    assert (
        kept["residuals"].shape[0] == kept["features"].shape[0] == 2 * 12
        and kept["labels"].sum() == 2 * 6
        and len(kept["sources"].unique()) == 4
    )
    command = [tree, "--work-dir", tmp_path, "--steps", 1, "--batch-size", 2, "--workers", 0, "--device", "cpu"]
    command += ["--statistics", trained / "statistics.safetensors", "--statistics-steps", 3]
    command += ["--frozen", frozen]
    assert run("train_crops", *command, "--copies", 2) == 0
    assert not (tmp_path / "statistics.safetensors").exists()
    with pytest.raises(SystemExit) as error:
        run("train_crops", *command, "--copies", 3)
    assert error.value.code == 2 and "holds statistics of other images" in capsys.readouterr().err


def test_what_was_held_out_is_judged_under_each_condition(trained):
    with (trained / "held_out.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["source"] for row in rows} == {"phone", "other"}
    assert {row["condition"] for row in rows} == {"clean", "jpeg 70", "jpeg 50", "half size"}
    assert len(rows) == 4 * 6
    assert {row["label"] for row in rows if row["source"] == "other"} == {"1"}
    float(rows[0]["logit"])


def test_the_time_that_was_given_ends_the_run(tree, frozen, tmp_path):
    arguments = [tree, "--work-dir", tmp_path, "--minutes", 1e-4, "--batch-size", 2, "--workers", 0, "--device", "cpu"]
    arguments += ["--copies", 1, "--statistics-steps", 3, "--frozen", frozen]
    assert run("train_crops", *arguments) == 0
    assert (tmp_path / "weights.safetensors").is_file() and not (tmp_path / "held_out.csv").exists()


def test_folds_are_compared_by_generator_and_by_camera(tmp_path, capsys):
    good = [("made", 1, 3.0), ("made", 1, 2.0), ("phone", 0, -1.0), ("phone", 0, -2.0)]
    bad = [("made", 1, 3.0), ("made", 1, -3.0), ("phone", 0, -1.0), ("phone", 0, -2.0)]
    for name, rows in (("good", good), ("bad", bad)):
        lines = [f"clean,{source},{label},{logit},x" for source, label, logit in rows]
        (tmp_path / f"{name}.csv").write_text("\n".join(["condition,source,label,logit,file", *lines]))
    assert run("compare_folds", f"a={tmp_path / 'good.csv'}", f"b={tmp_path / 'bad.csv'}") == 0
    printed = capsys.readouterr().out
    assert "| AUC: made | 100.0 | 50.0 |" in printed and "| mean AUC | 100.0 | 50.0 |" in printed
    assert "| mean found at 5 % false alarms | 100.0 | 50.0 |" in printed
    assert "| false alarms: phone | 50.0 | 50.0 |" in printed  # one of two lies above their 95 % quantile


def test_one_cycle_rises_and_falls():
    one_cycle = runpy.run_path(str(ROOT / "tools/train_crops.py"))["one_cycle"]
    values = [one_cycle(progress) for progress in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert values == pytest.approx([0.04, 0.52, 1.0, 0.5, 0.0], abs=1e-9)
