"""The repairs, on whichever OpenMMLab stack is installed."""

from __future__ import annotations

import importlib
import importlib.util
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import checkpoint as mmengine_checkpoint

from vision import compat
from vision.checkpoint import CheckpointError

compat.apply()
mmcv_ops = importlib.import_module("mmcv.ops")


def run_python(code: str) -> str:
    """What a fresh interpreter prints; here the repairs are already made."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def iou(a: torch.Tensor, b: torch.Tensor, offset: int) -> float:
    low, high = torch.maximum(a[:2], b[:2]), torch.minimum(a[2:], b[2:])
    inner = (high - low + offset).clamp(min=0).prod()
    return float(inner / ((a[2:] - a[:2] + offset).prod() + (b[2:] - b[:2] + offset).prod() - inner))


def reference_nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float, offset: int) -> list[int]:
    kept: list[int] = []
    for i in scores.argsort(descending=True).tolist():
        if all(iou(boxes[i], boxes[k], offset) <= threshold for k in kept):
            kept.append(i)
    return kept


def test_apply_twice_changes_nothing_more() -> None:
    compat.apply()
    finders, allowed = list(sys.meta_path), set(map(id, torch.serialization.get_safe_globals()))
    compat.apply()
    assert sys.meta_path == finders
    assert {id(x) for x in torch.serialization.get_safe_globals() if not isinstance(x, tuple)} <= allowed


def test_importing_compat_repairs_nothing() -> None:
    code = "import sys; n = len(sys.meta_path); import vision.compat; "
    code += "print(len(sys.meta_path) - n, 'mmcv' in sys.modules)"
    assert run_python(code) == "0 False"


def test_stand_in_looks_like_a_real_module() -> None:
    spec = importlib.util.find_spec("mmcv._ext")
    assert spec is not None and spec.loader is not None
    assert mmcv_ops.nms.__module__ == "mmcv.ops.nms"
    assert sys.modules["mmcv._ext"].__spec__.name == "mmcv._ext"


def test_stand_in_steps_aside_for_real_ops(tmp_path) -> None:
    package = tmp_path / "mmcv"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_ext.py").write_text("real = True\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from vision import compat; compat.apply()"
    assert run_python(code + "; import mmcv._ext; print(mmcv._ext.real)") == "True"


def test_missing_op_is_named_when_called() -> None:
    with pytest.raises(compat.MissingOpError, match="'border_align_forward'"):
        mmcv_ops.border_align(torch.rand(1, 4, 2, 2), torch.rand(1, 4, 4), 2)


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_nms_equals_reference(offset: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(offset)
    corner = torch.randint(0, 20, (60, 2), generator=generator)
    boxes = torch.cat([corner, corner + torch.randint(1, 12, (60, 2), generator=generator)], 1).to(dtype)
    scores = torch.randperm(60, generator=generator).to(dtype)
    dets, kept = mmcv_ops.nms(boxes, scores, 0.4142, offset=offset)
    assert kept.tolist() == reference_nms(boxes.double(), scores, 0.4142, offset)
    assert 1 < len(kept) < 60
    assert dets.shape == (len(kept), 5)


def test_nms_without_boxes() -> None:
    assert mmcv_ops.nms(torch.empty(0, 4), torch.empty(0), 0.5)[1].tolist() == []


def test_roi_align_averages_a_ramp() -> None:
    ramp = torch.arange(16.0).expand(1, 1, 16, 16).contiguous()
    rois = torch.tensor([[0.0, 2, 2, 10, 10]])
    columns = mmcv_ops.roi_align(ramp, rois, (2, 4), 1.0, 2, "avg", True)[0, 0, 0]
    # Bins two pixels wide from x = 2; pixel centers lie at half coordinates.
    assert torch.allclose(columns, torch.tensor([2.5, 4.5, 6.5, 8.5]))


def test_roi_align_gradient() -> None:
    image = torch.rand(2, 2, 8, 8, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 0.5, 1, 6, 7], [1, 2, 0, 7.5, 5]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: mmcv_ops.roi_align(x, rois, (2, 3), 0.5, 2, "avg", True), image)


def test_roi_align_in_bfloat16() -> None:
    image, rois = torch.rand(1, 3, 16, 16), torch.tensor([[0.0, 1, 1, 12, 12]])
    exact = mmcv_ops.roi_align(image, rois, 4, 1.0, 0, "avg", True)
    half = mmcv_ops.roi_align(image.bfloat16(), rois.bfloat16(), 4, 1.0, 0, "avg", True)
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), exact, atol=0.02)


def test_log_histories_load_with_weights_only() -> None:
    history = HistoryBuffer()
    for value in (1, 2.0, np.float64(3.0)):
        history.update(value)
    file = io.BytesIO()
    torch.save({"history": history, "best": np.float64(0.5), "count": np.array([1, 2])}, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    assert loaded["history"].statistics("mean") == 2.0
    assert loaded["best"] == 0.5
    assert loaded["count"].tolist() == [1, 2]


class Escape:
    """Pickles as a call of getattr on the class that a checkpoint may name."""

    def __reduce__(self) -> tuple[object, ...]:
        return getattr, (HistoryBuffer, "__init__")


@pytest.mark.parametrize("owner", [HistoryBuffer, OneCycleParamScheduler, object])
@pytest.mark.parametrize("name", ["__init__", "__class__", "update", "step", "_get_value", "build_iter_from_epoch"])
def test_a_checkpoint_reaches_no_other_function(owner: type, name: str) -> None:
    with pytest.raises(ValueError, match="only HistoryBuffer's min"):
        compat.stored_function(owner, name)


def test_a_checkpoint_reaches_the_functions_of_schedules() -> None:
    for name in ("_annealing_cos", "_annealing_linear"):
        assert compat.stored_function(OneCycleParamScheduler, name) is getattr(OneCycleParamScheduler, name)


def test_getattr_of_a_checkpoint_reaches_statistics_only() -> None:
    file = io.BytesIO()
    torch.save({"x": Escape()}, file)
    file.seek(0)
    with pytest.raises(ValueError, match="only HistoryBuffer's min, max, current and mean"):
        torch.load(file, weights_only=True)


class Touch:
    """Pickles as a call that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_mmengine_never_runs_what_a_checkpoint_brings(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "x": Touch(tmp_path / "ran")}, tmp_path / "bomb.pth")
    with pytest.raises(CheckpointError, match=r"bomb\.pth cannot be read"):
        mmengine_checkpoint._load_checkpoint(str(tmp_path / "bomb.pth"), map_location="cpu")
    assert not (tmp_path / "ran").exists()


def test_the_config_within_a_checkpoint_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"meta": {"epoch": 1, "config": "open('ran', 'w')"}, "state_dict": {}}, path)
    assert mmengine_checkpoint._load_checkpoint(str(path)) == {"meta": {"epoch": 1}, "state_dict": {}}


def test_nothing_reads_again_without_restriction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As OneDL's mmengine has it: this function reads a file a second time, as a pickle, where the first was refused.
    monkeypatch.setattr(mmengine_checkpoint, "_safe_torch_load", torch.load, raising=False)
    compat.apply()
    torch.save({"x": Touch(tmp_path / "ran")}, tmp_path / "bomb.pth")
    for asked in (None, True, False):
        with pytest.raises(pickle.UnpicklingError):
            mmengine_checkpoint._safe_torch_load(tmp_path / "bomb.pth", weights_only=asked)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"noise"])
def test_mmengine_names_a_damaged_checkpoint(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    torch.save({"state_dict": {"weight": torch.zeros(100)}}, tmp_path / "epoch_1.pth")
    (tmp_path / "epoch_1.pth").write_bytes(damage((tmp_path / "epoch_1.pth").read_bytes()))
    with pytest.raises(CheckpointError, match=r"epoch_1\.pth cannot be read .*is it complete\?"):
        mmengine_checkpoint._load_checkpoint(str(tmp_path / "epoch_1.pth"))


def test_inherits_configs_of_mmdet_and_mmseg(tmp_path) -> None:
    for scope, base in {
        "mmseg": "mmseg::fcn/fcn_r50-d8_4xb2-40k_cityscapes-512x1024.py",
        "mmdet": "mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py",
    }.items():
        path = tmp_path / f"{scope}.py"
        path.write_text(f"_base_ = {base!r}\n")
        assert Config.fromfile(str(path)).default_scope == scope


def tiny_mask_rcnn(tmp_path):
    """mmdet's Mask R-CNN from its own config, with the smallest of everything."""
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    path = tmp_path / "mask_rcnn.py"
    path.write_text(
        '_base_ = "mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py"\n'
        "model = dict(\n"
        "    backbone=dict(_delete_=True, type='ResNet', depth=18, base_channels=8, num_stages=4,\n"
        "                  out_indices=(0, 1, 2, 3), norm_cfg=dict(type='BN'), frozen_stages=-1),\n"
        "    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),\n"
        "    rpn_head=dict(in_channels=16, feat_channels=16),\n"
        "    roi_head=dict(\n"
        "        bbox_roi_extractor=dict(out_channels=16),\n"
        "        mask_roi_extractor=dict(out_channels=16),\n"
        "        bbox_head=dict(in_channels=16, fc_out_channels=16, num_classes=2),\n"
        "        mask_head=dict(in_channels=16, conv_out_channels=16, num_classes=2),\n"
        "    ),\n"
        ")\n"
    )
    register_all_modules()
    return MODELS.build(Config.fromfile(str(path)).model)


def test_mask_rcnn_trains_a_step_and_predicts(tmp_path) -> None:
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks
    from mmengine.structures import InstanceData

    torch.manual_seed(0)
    model = tiny_mask_rcnn(tmp_path)
    boxes = torch.tensor([[8.0, 8, 40, 48], [30, 20, 60, 60]])
    masks = np.zeros((2, 64, 64), np.uint8)
    masks[0, 8:48, 8:40] = masks[1, 20:60, 30:60] = 1
    sample = DetDataSample(metainfo={"img_shape": (64, 64), "ori_shape": (64, 64), "scale_factor": (1.0, 1.0)})
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([0, 1]), masks=BitmapMasks(masks, 64, 64))
    batch = {"inputs": [torch.randint(0, 255, (3, 64, 64), dtype=torch.uint8)], "data_samples": [sample]}

    total, losses = model.parse_losses(model(**model.data_preprocessor(batch, training=True), mode="loss"))
    total.backward()
    assert torch.isfinite(total)
    assert {"loss_rpn_bbox", "loss_bbox", "loss_mask"} <= set(losses)
    # Only RoIAlign's backward leads from the mask head to the backbone.
    model.zero_grad()
    features = model.extract_feat(batch["inputs"][0][None].float())
    rois = torch.cat([torch.zeros(2, 1), boxes], 1)
    model.roi_head.mask_roi_extractor(features[:4], rois).sum().backward()
    assert model.backbone.conv1.weight.grad.abs().sum() > 0

    model.eval()
    with torch.no_grad():
        (found,) = model.test_step(batch)
    assert found.pred_instances.bboxes.shape[1] == 4
