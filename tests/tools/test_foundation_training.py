"""A detector with a foundation model from training to a verdict, by the tools that the other detectors have."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file

from vision import engine
from vision.checkpoint import CheckpointError, read_checkpoint
from vision.cli.main import main
from vision.datasets import ForgeryDataset
from vision.errors import UsageError
from vision.metrics import predict
from vision.models.forgery.network import build_network

BACKBONE = {
    "type": "DualFrequencyFoundationNet",
    "foundation": "test_vit.r160_in1k",
    "foundation_channels": 5,
    "width": 4,
    "depths": (1, 1),
}


@pytest.fixture
def config(tiny_config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny config with a foundation model, whose weights lie in vit.safetensors beside it, and a held-out set."""
    folder = tiny_config.parent
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "hub"))
    for seed, name in enumerate(("vit", "other")):
        torch.manual_seed(seed)
        save_file(timm.create_model("test_vit").state_dict(), str(folder / f"{name}.safetensors"))
    tiny_config.write_text(
        tiny_config.read_text()
        + f"model['backbone'] = {BACKBONE!r}\n"
        + f"model['backbone']['weights'] = {str(folder / 'vit.safetensors')!r}\n"
        + "model['head']['in_channels'] = 37\n"
        + "custom_hooks = [dict(type='EMAHook', ema_type='ExponentialMovingAverage', update_buffers=True)]\n"
        + "test_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),\n"
        + f"    dataset=dict(type='ForgeryDataset', data_root={str(folder / 'images')!r}, crop_size=32,\n"
        + "    test_mode=True, include_sources=['alpha']))\n"
        + "test_cfg = dict(type='TestLoop')\ntest_evaluator = dict(type='ForgeryMetric')\n"
    )
    return tiny_config


def with_rising_logits(checkpoint: Path, config: Path) -> None:
    """Two steps teach nothing: turn the head, if need be, so that it can be calibrated."""
    content = torch.load(checkpoint, weights_only=False)
    state = content["state_dict"]
    described = {**BACKBONE, "type": f"backbones:{BACKBONE['type']}"}
    network = build_network({"backbone": described, "head": {"type": "heads:ForgeryHead", "in_channels": 37}}).eval()
    network.load_state_dict(state)
    network.attach_foundation(config.parent / "vit.safetensors")
    dataset = ForgeryDataset(config.parent / "images", include_sources=["alpha"], crop_size=32, test_mode=True)
    said = predict(network, dataset)
    if said.logits[said.labels == 1].mean() < said.logits[said.labels == 0].mean():
        state["head.fc.weight"], state["head.fc.bias"] = -state["head.fc.weight"], -state["head.fc.bias"]
    torch.save(content, checkpoint)


def test_trained_published_and_judged_by_the_same_tools(
    config: Path, run_tool: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = config.parent
    run_tool("train.py", config, "--work-dir", "run")
    checkpoint = folder / "run/iter_2.pth"
    assert checkpoint.stat().st_size < 300_000 < 1_000_000 < (folder / "vit.safetensors").stat().st_size
    with_rising_logits(checkpoint, config)
    # The config that the run wrote: what --cfg-options said is in it.
    run_tool("publish_forgery.py", "run/tiny.py", checkpoint, "mine.safetensors", "--holdout", config, checkpoint)
    metadata = read_checkpoint(folder / "mine.safetensors")[1]
    assert metadata["model"]["backbone"]["foundation"] == "test_vit.r160_in1k"
    assert len(metadata["model"]["backbone"]["foundation_sha256"]) == 64
    assert str(folder) not in json.dumps(metadata) and "weights" not in metadata["model"]["backbone"]

    judge = ["forgery", str(folder / "images"), "--checkpoint", str(folder / "mine.safetensors")]
    assert main([*judge, "--json", "--foundation", str(folder / "vit.safetensors")]) == 0
    records = json.loads(capsys.readouterr().out)
    assert len(records) == 12 and all(record["probability"] is not None for record in records)
    shutil.copy(folder / "vit.safetensors", folder / "moved.safetensors")
    rows = ["--csv", str(folder / "rows.csv"), "--foundation"]
    assert main([*judge, *rows, str(folder / "vit.safetensors")]) == 0
    # Where the same weights lie changes no row.
    assert main([*judge, *rows, str(folder / "moved.safetensors"), "--resume"]) == 0
    capsys.readouterr()
    assert main(judge) == 2
    said = capsys.readouterr().err
    assert "needs the weights of timm's test_vit.r160_in1k" in said and "name a file with --foundation" in said
    assert main([*judge, "--foundation", str(folder / "other.safetensors")]) == 2
    assert "other.safetensors has other weights than those" in capsys.readouterr().err
    assert main(["forgery", str(folder / "images"), "--foundation", str(folder / "vit.safetensors")]) == 2
    assert "this detector has no foundation model" in capsys.readouterr().err


def test_a_training_keeps_to_its_weights(config: Path) -> None:
    folder = config.parent
    engine.train(config, work_dir=str(folder / "run"))
    other = {"model.backbone.weights": str(folder / "other.safetensors"), "train_cfg.max_iters": 3}
    with pytest.raises(CheckpointError, match="learned with other weights"):
        engine.train(config, work_dir=str(folder / "run"), resume="auto", cfg_options=other)


def test_a_training_without_weights_says_so(config: Path) -> None:
    with pytest.raises(UsageError, match=r"foundation is None, but this detector needs the weights"):
        engine.train(config, work_dir=str(config.parent / "run"), cfg_options={"model.backbone.weights": None})
