from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vision.datasets import ForgeryDataset
from vision.metrics.forgery.evaluation import predict
from vision.metrics.forgery.robustness import format_sweep, robustness_sweep, sweep_lines
from vision.models.forgery.calibration import Calibration
from vision.models.forgery.network import ForgeryNetwork
from vision.normalize import normalize_imagenet


class Roughness(nn.Module):
    """Mean difference between neighbors: high for the checkerboards of the generated images."""

    def forward(self, images: Tensor) -> Tensor:
        return images.diff(dim=-1).abs().mean(dim=(1, 2, 3))


class Threshold(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return 20 * (features - 0.4)


@pytest.fixture
def network() -> ForgeryNetwork:
    return ForgeryNetwork(Roughness(), Threshold(), Calibration(temperature=2.0, offset=0.5)).eval()


def test_predictions_match_the_network_image_by_image(forgery_tree, network):
    dataset = ForgeryDataset(forgery_tree(count=3), crop_size=32, test_mode=True)
    found = predict(network, dataset, batch_size=5)
    assert found.paths == [sample.path for sample in dataset.samples]
    assert found.sources == dataset.sources and found.labels.tolist() == dataset.labels.tolist()
    for index, item in enumerate(dataset):
        with torch.no_grad():
            logit = network.logits(normalize_imagenet(item["inputs"][None])).item()
        assert found.logits[index] == pytest.approx(logit, abs=1e-5)
        assert found.probabilities[index] == pytest.approx(network.calibration.probability(logit), abs=1e-6)
    assert found.rows()["alpha"]["auc"] == 1.0
    again = predict(network, dataset, batch_size=4, workers=2)
    np.testing.assert_allclose(again.logits, found.logits, atol=1e-5)


def test_an_unreadable_image_is_left_out_and_said(forgery_tree, network, caplog):
    dataset = ForgeryDataset(forgery_tree(("alpha",), count=3), crop_size=32, test_mode=True)
    Path(dataset.samples[0].path).write_bytes(b"gone")
    found = predict(network, dataset)
    assert len(found.paths) == 5 and dataset.samples[0].path not in found.paths
    assert "1 of 6 images could not be read" in caplog.text


def test_progress_sees_every_batch(forgery_tree, network):
    dataset = ForgeryDataset(forgery_tree(count=3), crop_size=32, test_mode=True)
    seen = []
    predict(network, dataset, batch_size=4, track=lambda batches: [seen.append(1) or batch for batch in batches])
    assert len(seen) == 3


@pytest.mark.parametrize("cache", [False, True])
def test_the_sweep_covers_every_cell_and_blur_hides_the_checkerboard(forgery_tree, network, cache):
    dataset = ForgeryDataset(forgery_tree(count=3), crop_size=32, test_mode=True, cache=cache)
    sweep = robustness_sweep(network, dataset, qualities=(None, 70), sigmas=(0, 2))
    assert list(sweep) == [(None, 0), (None, 2), (70, 0), (70, 2)]
    assert sweep[None, 0] == predict(network, dataset).rows()
    assert sweep[None, 0]["beta"]["fake_acc"] == 1.0 and sweep[None, 2]["beta"]["fake_acc"] == 0.0
    text = format_sweep(sweep, "fake_acc").splitlines()
    assert text[0].split() == ["mean", "fake_acc", "blur", "0", "blur", "2"]
    assert text[1].split() == ["no", "JPEG", "100.0", "0.0"] and text[2].split()[:2] == ["JPEG", "70"]
    header, lines = sweep_lines(sweep)
    assert header[:3] == ["jpeg", "blur", "source"] and len(lines) == 4 * 3
    assert lines[0][:3] == ["none", 0, "alpha"] and lines[-1][:3] == [70, 2, "mean"]


def test_the_default_sweep_is_the_published_one():
    from vision.metrics.forgery.robustness import BLUR_SIGMAS, JPEG_QUALITIES

    assert JPEG_QUALITIES == (None, 95, 85, 70, 50, 30) and BLUR_SIGMAS == (0, 1, 2)


def test_the_tool_prints_the_table_and_writes_the_sweep(forgery_tree, run_tool, tmp_path):
    root = forgery_tree(("alpha", "beta", "gamma"), count=2, size=32)
    arguments = [root, "--model", "dual_frequency_paper", "--crop-size", 32, "--exclude-sources", "beta"]
    done = run_tool(
        "evaluate_forgery.py", *arguments, "--max-images", 1, "--sweep", "--cache", "--csv", tmp_path / "out.csv"
    )
    assert "alpha" in done.stdout and "gamma" in done.stdout and "beta" not in done.stdout
    assert "JPEG 30" in done.stdout and "mean acc" in done.stdout
    with (tmp_path / "out.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 18 * 3 and {line["fake"] for line in lines if line["source"] != "mean"} == {"1"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "missing' is not a folder"),
        (["images", "--include-sources", "delta"], "no source named 'delta'; there are: alpha"),
        (["images", "--checkpoint", "none.pth"], "none.pth"),
    ],
)
def test_the_tool_answers_mistakes_in_one_line(forgery_tree, run_tool, arguments, message):
    forgery_tree(("alpha",), count=1, size=32)
    done = run_tool("evaluate_forgery.py", *arguments, "--model", "dual_frequency_paper", check=False)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr


def test_evaluation_needs_no_training_framework():
    code = (
        "import sys; from vision.metrics import predict, robustness_sweep, binary_report, format_table\n"
        "print(sorted({'mmengine', 'mmcv', 'torchvision', 'timm', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
