"""What a test may do beside measuring: draw predictions, keep them, average over flipped images."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from vision.errors import UsageError

DRAWING = {"mmdet": "DetVisualizationHook", "mmseg": "SegVisualizationHook"}
AVERAGING: dict[str, dict[str, Any]] = {
    "mmdet": {
        "type": "DetTTAModel",
        "tta_cfg": {"nms": {"type": "nms", "iou_threshold": 0.5}, "max_per_img": 100},
    },
    "mmseg": {"type": "SegTTAModel"},
}
_META_KEYS = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "flip", "flip_direction")


def draw_predictions(cfg: Config, folder: str | Path) -> None:
    """Let a test of mmdet or mmseg draw its predictions on the images of the test set, into a new folder.

    Raises:
        UsageError: the folder has files, or the config is of a task whose predictions nothing here draws.
    """
    scope = _scope(cfg, DRAWING, "draws predictions of mmdet's and mmseg's models")
    if Path(folder).exists() and (not Path(folder).is_dir() or any(Path(folder).iterdir())):
        raise UsageError(f"{folder} is there and not empty: drawings need a new folder", value=str(folder))
    target = str(Path(folder).absolute())
    hooks = cfg.get("default_hooks") or ConfigDict()
    hook = {"type": DRAWING[scope], **(hooks.get("visualization") or {}), "draw": True}
    if scope == "mmdet":
        hook["test_out_dir"] = target
    else:
        hook["interval"] = 1
        cfg.visualizer = {
            "type": "SegLocalVisualizer",
            "vis_backends": [{"type": "LocalVisBackend"}],
            **(cfg.get("visualizer") or {}),
            "save_dir": target,
            "name": target,  # mmengine keeps one per name for as long as the process runs
        }
    cfg.default_hooks = {**hooks, "visualization": hook}


def average_over_flips(cfg: Config) -> None:
    """Let a test of mmdet or mmseg see every image in the views of the config's `tta_pipeline`, by default flipped too.

    Raises:
        UsageError: nothing averages this model's predictions: another task's, or masks of instances.
    """
    scope = _scope(cfg, AVERAGING, "averages boxes of mmdet's models and classes of pixels of mmseg's")
    if scope == "mmdet" and _has_masks(cfg.model):
        raise UsageError(
            "the model predicts masks of instances, and mmdet averages boxes alone: test it without tta",
            code="bad-config",
            value=str(cfg.model.get("type")),
        )
    dataset = cfg.test_dataloader.dataset
    while "dataset" in dataset:
        dataset = dataset.dataset
    pipeline = cfg.get("tta_pipeline") or _with_flips(dataset.pipeline, scope)
    dataset.pipeline = copy.deepcopy(pipeline)
    cfg.model = ConfigDict(**(cfg.get("tta_model") or AVERAGING[scope]), module=cfg.model)


def keep_predictions(evaluator: Any, file: str | Path, scope: str) -> None:
    """Let a test write its predictions into a pickle file, as OpenMMLab's tools do."""
    Path(file).absolute().parent.mkdir(parents=True, exist_ok=True)
    if scope == "mmdet":
        from mmdet.evaluation import DumpDetResults as Dump  # packs masks
    else:
        from mmengine.evaluator import DumpResults as Dump
    evaluator.metrics.append(Dump(out_file_path=str(file)))


def check_pickle_name(file: str | Path) -> None:
    """See that a file for predictions has the ending that mmengine asks for.

    Raises:
        UsageError: it has another.
    """
    if Path(file).suffix not in (".pkl", ".pickle"):
        raise UsageError(f"predictions are kept in a .pkl or .pickle file, got {file}", value=str(file))


def _scope(cfg: Config, known: Mapping[str, Any], what: str) -> str:
    scope = str(cfg.get("default_scope") or "mmengine")
    if scope not in known:
        raise UsageError(f"a test {what}, but {cfg.filename} is of neither", code="bad-config", value=scope)
    return scope


def _has_masks(model: Mapping[str, Any]) -> bool:
    heads = {**model, **(model.get("roi_head") or {})}
    return any(heads.get(name) is not None for name in ("mask_head", "panoptic_head", "panoptic_fusion_head"))


def _with_flips(pipeline: Any, scope: str) -> list[Any]:
    """A test pipeline whose last step, the packing, comes once for the image as it is and once for the flipped one."""
    *steps, pack = pipeline
    if scope == "mmdet":
        pack = {**pack, "meta_keys": _META_KEYS}
    flips = [{"type": "RandomFlip", "prob": prob, "direction": "horizontal"} for prob in (0.0, 1.0)]
    return [*steps, {"type": "TestTimeAug", "transforms": [flips, [pack]]}]
