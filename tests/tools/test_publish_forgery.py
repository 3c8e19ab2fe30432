"""tools/publish_forgery.py: from training checkpoints to calibrated weights that inference loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vision.datasets import ForgeryDataset
from vision.metrics import predict
from vision.models import forgery_detector
from vision.models.forgery.network import build_network

MODEL = {
    "backbone": {"type": "backbones:DualFrequencyNet", "width": 4, "depths": (1, 1)},
    "head": {"type": "heads:ForgeryHead", "in_channels": 32},
}


@pytest.fixture
def held_out(tiny_config: Path) -> tuple[Path, Path, np.ndarray]:
    """A config with a held-out set, a checkpoint whose logits rise with its labels, and these logits."""
    data_root = tiny_config.parent / "images"
    text = (
        "test_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),\n"
        f"    dataset=dict(type='ForgeryDataset', data_root={str(data_root)!r}, crop_size=32, test_mode=True,\n"
        "    include_sources=['alpha']))\n"
        "test_cfg = dict(type='TestLoop')\ntest_evaluator = dict(type='ForgeryMetric')\n"
    )
    tiny_config.write_text(tiny_config.read_text() + text)
    torch.manual_seed(0)
    network = build_network(MODEL).eval()
    dataset = ForgeryDataset(data_root, include_sources=["alpha"], crop_size=32, test_mode=True)
    said = predict(network, dataset)
    if said.logits[said.labels == 1].mean() < said.logits[said.labels == 0].mean():
        for parameter in network.head.parameters():
            parameter.data.neg_()
    checkpoint = tiny_config.parent / "trained.pth"
    torch.save({"state_dict": network.state_dict(), "meta": {}}, checkpoint)
    return tiny_config, checkpoint, predict(network, dataset).logits


def test_publishes_weights_that_inference_loads(held_out, run_tool) -> None:
    config, checkpoint, logits = held_out
    done = run_tool("publish_forgery.py", config, checkpoint, "out.safetensors", "--holdout", config, checkpoint)
    assert "clean, held out" in done.stdout and "JPEG 70, held out" in done.stdout and "alpha" in done.stdout
    network = forgery_detector("dual_frequency_demo", checkpoint=config.parent / "out.safetensors")
    assert set(network.calibration.fpr_thresholds) >= {"0.01", "0.05"}
    assert 0 <= network.calibration.low <= network.calibration.high <= 1
    dataset = ForgeryDataset(config.parent / "images", include_sources=["alpha"], crop_size=32, test_mode=True)
    np.testing.assert_allclose(predict(network, dataset).logits, logits, atol=1e-5)


def test_wrong_checkpoint_leaves_no_file(held_out, run_tool, tmp_path: Path) -> None:
    config, checkpoint, _ = held_out
    torch.save({"other.weight": torch.zeros(1)}, tmp_path / "other.pth")
    done = run_tool(
        "publish_forgery.py",
        config,
        tmp_path / "other.pth",
        "out.safetensors",
        "--holdout",
        config,
        checkpoint,
        check=False,
    )
    assert done.returncode == 2 and "other.pth is of another model" in done.stderr
    assert not (tmp_path / "out.safetensors").exists()


def test_publishes_by_tables_of_folds(held_out, run_tool, tmp_path: Path) -> None:
    config, checkpoint, _ = held_out
    rows = [f"{c},s,{k % 2},{k % 2 * 2 + k / 50:g},x" for c in ("clean", "jpeg 70", "half size") for k in range(40)]
    (tmp_path / "fold.csv").write_text("\n".join(["condition,source,label,logit,file", *rows]))
    done = run_tool("publish_forgery.py", config, checkpoint, "out.safetensors", "--held-out", tmp_path / "fold.csv")
    assert "clean, held out" in done.stdout and "half size, held out" in done.stdout
    calibration = forgery_detector("dual_frequency_demo", checkpoint=config.parent / "out.safetensors").calibration
    assert [entry["max_quality"] for entry in calibration.by_quality] == [70]
    assert calibration.by_scale[0]["min_scale"] == 0.3
