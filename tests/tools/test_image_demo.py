"""tools/image_demo.py: very small detectors and segmentors on images, good and bad."""

from __future__ import annotations

import runpy
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vision.apis.dense import DenseInferencer
from vision.engine.openmmlab import build_model

ROOT = Path(__file__).resolve().parents[2]
TOOL = runpy.run_path(str(ROOT / "tools/image_demo.py"))
BACKBONE = """dict(_delete_=True, type="DiNAT", embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), kernel_size=3,
    dilations=((2,), (1,), (1,), (1,)), out_indices=(0, 1, 2, 3))"""
DETECTOR = f"""
_base_ = ["mmdet::_base_/models/mask-rcnn_r50_fpn.py", {str(ROOT / "configs/_base_/runtime/mmdet.py")!r}]
part = dict(in_channels=16, num_classes=3)
model = dict(
    backbone={BACKBONE},
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=16),
        mask_roi_extractor=dict(out_channels=16),
        bbox_head=dict(fc_out_channels=32, **part),
        mask_head=dict(conv_out_channels=16, num_convs=1, **part),
    ),
    test_cfg=dict(rpn=dict(max_per_img=20, nms_pre=50), rcnn=dict(score_thr=0.0, max_per_img=4)),
)
test_dataloader = dict(
    dataset=dict(
        type="CocoDataset",
        metainfo=dict(classes=("cat", "dog"), palette=[(220, 20, 60), (119, 11, 32)]),
        pipeline=[
            dict(type="LoadImageFromFile"),
            dict(type="Resize", scale=(128, 96), keep_ratio=True),
            dict(type="LoadAnnotations", with_bbox=True),
            dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
        ],
    )
)
"""
SEGMENTOR = f"""
_base_ = ["mmseg::_base_/models/upernet_swin.py", {str(ROOT / "configs/_base_/runtime/mmseg.py")!r}]
model = dict(
    data_preprocessor=dict(size=(64, 64)),
    backbone={BACKBONE},
    decode_head=dict(in_channels=[8, 16, 32, 64], channels=8, num_classes=5, norm_cfg=dict(type="BN")),
    auxiliary_head=None,
)
test_dataloader = dict(
    dataset=dict(
        type="RepeatDataset",
        times=1,
        dataset=dict(
            type="BaseSegDataset",
            metainfo=dict(classes=("sky", "tree", "road"), palette=[[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
            pipeline=[
                dict(type="LoadImageFromFile"),
                dict(type="Resize", scale=(96, 64), keep_ratio=True),
                dict(type="LoadAnnotations"),
                dict(type="PackSegInputs"),
            ],
        ),
    )
)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two configs, an image and a file that is none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "detector.py").write_text(DETECTOR)
    (tmp_path / "segmentor.py").write_text(SEGMENTOR)
    pixels = np.random.default_rng(0).integers(0, 256, (70, 100, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / "bad.png").write_text("not an image")
    return tmp_path


def run(*arguments: str) -> int:
    """The tool, whose filter of warnings ends with it."""
    main: Callable[[list[str]], int] = TOOL["main"]
    with warnings.catch_warnings():
        return main(list(arguments))


def test_detects(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sub").mkdir()
    Image.open("a.png").convert("L").save("sub/a.jpg")
    assert run("a.png", "bad.png", "sub/a.jpg", "detector.py", "--score-threshold", "0") == 1
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert first.startswith("a.png: 4 instances above 0 (") and first.endswith("-> demo-output/a.png")
    assert second.endswith("-> demo-output/a-2.png")
    assert "the weights are random" in err and "image_demo: bad.png: not an image of a known kind" in err
    assert sorted(path.name for path in Path("demo-output").iterdir()) == ["a-2.png", "a.png"]
    drawn = np.asarray(Image.open("demo-output/a.png"))
    assert drawn.shape == (70, 100, 3) and (drawn != np.asarray(Image.open("a.png"))).any()
    assert run("a.png", "detector.py", "--score-threshold", "1", "--out", "one.png") == 0
    assert capsys.readouterr().out == "a.png: 0 instances above 1 -> one.png\n"


def test_segments_with_a_training_checkpoint(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mmengine.logging import HistoryBuffer

    from vision.engine.config import load_config

    torch.manual_seed(0)
    model = build_model(load_config("segmentor.py"))
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    torch.save({"state_dict": model.state_dict(), "message_hub": {"loss": history}, "meta": {"iter": 2}}, "trained.pth")
    assert run("a.png", "segmentor.py", "trained.pth", "--out", "drawn", "--opacity", "1") == 0
    out, err = capsys.readouterr()
    assert err == "" and out.startswith("a.png: ") and out.endswith("% -> drawn/a.png\n")
    inferencer = DenseInferencer("segmentor.py", "trained.pth")
    for name, tensor in model.state_dict().items():
        assert torch.equal(inferencer.model.state_dict()[name], tensor)
    read, missing = inferencer(["a.png", "gone.png"])
    assert read.path == "a.png" and missing.sample is None and missing.error.code == "unreadable-file"
    sample = inferencer.predict(np.asarray(Image.open("a.png")))
    assert torch.equal(read.sample.pred_sem_seg.data, sample.pred_sem_seg.data)
    assert sample.pred_sem_seg.shape == (70, 100)
    shares = inferencer.shares(sample)
    assert sum(shares.values()) == pytest.approx(1) and list(shares.values()) == sorted(shares.values(), reverse=True)
    assert set(shares) <= {"sky", "tree", "road", "class 3", "class 4"}
    drawn = np.asarray(Image.open("drawn/a.png"))
    assert drawn.shape[0] > 70 and drawn.shape[1:] == (100, 3)  # a legend below
    colors = {inferencer.color_of(label) for label in range(5)}
    assert {tuple(color) for color in np.unique(drawn[:70].reshape(-1, 3), axis=0).tolist()} <= colors


def test_mistakes_end_with_a_line_and_code_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"conv.weight": torch.zeros(1)}, "other.pth")
    (folder / "plain.py").write_text(f"_base_ = {str(ROOT / 'configs/_base_/runtime/default.py')!r}\nmodel = dict()")
    (folder / "no_data.py").write_text(DETECTOR.partition("test_dataloader")[0])
    before = sorted(folder.rglob("*"))
    for arguments, message in (
        (["a.png"], "no config among a.png; expected IMAGE ... CONFIG.py [CHECKPOINT]"),
        (["detector.py"], "no image before the config detector.py"),
        (["a.png", "gone.py"], "config not found: gone.py"),
        (["a.png", "detector.py", "x.pth", "y.pth"], "expected one checkpoint after the config, got x.pth, y.pth"),
        (["a.png", "detector.py", "gone.pth"], "checkpoint gone.pth does not exist"),
        (["a.png", "detector.py", "other.pth"], "checkpoint other.pth is of another model"),
        (["a.png", "plain.py"], "default_scope is 'mmengine', not mmdet or mmseg"),
        (["a.png", "no_data.py"], "no_data.py has no test_dataloader whose dataset has a pipeline"),
        (["a.png", "detector.py", "--device", "abacus"], "unknown device 'abacus'"),
        (["a.png", "detector.py", "--opacity", "2"], "--opacity must be from 0 to 1, got 2"),
        (["a.png", "detector.py", "--out", "a.png"], "--out a.png would replace the image itself"),
        (["a.png", "b.png", "detector.py", "--out", "c.png"], "--out c.png is one file for 2 images"),
    ):
        with pytest.raises(SystemExit) as stop:
            run(*arguments)
        last = capsys.readouterr().err.splitlines()[-1]
        assert stop.value.code == 2 and message in last, (arguments, last)
    assert sorted(folder.rglob("*")) == before


def test_a_drawing_never_replaces_its_image(folder: Path) -> None:
    target_paths: Callable[[list[Path], Path | None], list[Path]] = TOOL["target_paths"]
    images = [Path("a.png"), Path("x/a.jpg")]
    assert target_paths(images, Path(".")) == [Path("a-2.png"), Path("a-3.png")]
    assert target_paths(images, None) == [Path("demo-output/a.png"), Path("demo-output/a-2.png")]


def test_a_drawing_of_an_earlier_run_stays(folder: Path) -> None:
    target_paths: Callable[..., list[Path]] = TOOL["target_paths"]
    (folder / "out").mkdir()
    (folder / "out/a.png").touch()
    assert target_paths([Path("a.png"), Path("x/a.jpg")], Path("out")) == [Path("out/a-2.png"), Path("out/a-3.png")]
    with pytest.raises(ValueError, match=r"--out out/a.png is there already; .* --overwrite"):
        target_paths([Path("a.png")], Path("out/a.png"))
    assert target_paths([Path("a.png")], Path("out/a.png"), True) == [Path("out/a.png")]
    with pytest.raises(ValueError, match="would replace the image itself"):
        target_paths([Path("a.png")], Path("a.png"), True)
