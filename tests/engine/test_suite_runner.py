"""Checkpoints are kept, found again and refused where they belong to another model or to other classes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import torch
from mmengine.optim import CosineAnnealingLR, OneCycleLR
from mmengine.runner import EpochBasedTrainLoop, Runner
from PIL import Image
from torch import nn

from backbones import DiNAT
from vision import engine
from vision.datasets import ForgeryDataset
from vision.engine import compat
from vision.engine.checkpoints import newest_checkpoint
from vision.engine.classes import check_class_count, check_class_names, check_same_classes
from vision.engine.schedules import check_schedules
from vision.engine.suite_runner import SuiteRunner
from vision.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]


def train(config: Path, work_dir: Path, cfg_options: dict[str, Any] | None = None, **options: Any) -> Runner:
    """Train under a name of its own: mmengine keeps logs by name, by default the time in seconds."""
    return engine.train(
        config, work_dir=work_dir, cfg_options={"experiment_name": uuid4().hex, **(cfg_options or {})}, **options
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A work directory with two whole checkpoints and the best one."""
    compat.apply()
    work_dir = tmp_path / "run"
    work_dir.mkdir()
    for name in ("epoch_9.pth", "epoch_10.pth", "best_accuracy_epoch_11.pth"):
        torch.save({"state_dict": {"w": torch.zeros(1000)}, "meta": {"epoch": 1}}, work_dir / name)
    return work_dir


@pytest.mark.parametrize("pointer", [None, "", "/old/place/epoch_10.pth", "{folder}/epoch_1", "\0", "{folder}"])
def test_the_newest_is_found_without_a_good_pointer(pointer: str | None, folder: Path) -> None:
    if pointer is not None:
        (folder / "last_checkpoint").write_text(pointer.format(folder=folder))
    assert newest_checkpoint(folder) == str(folder / "epoch_10.pth")


def test_a_moved_folder_keeps_what_its_pointer_names(folder: Path) -> None:
    (folder / "last_checkpoint").write_text("/old/place/epoch_9.pth")
    assert newest_checkpoint(folder) == str(folder / "epoch_9.pth")


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_checkpoint_that_was_cut_off_is_passed_over(size: int, folder: Path) -> None:
    path = folder / "epoch_10.pth"
    (folder / "last_checkpoint").write_text(str(path))
    os.truncate(path, size if size >= 0 else path.stat().st_size - 1)
    assert newest_checkpoint(folder) == str(folder / "epoch_9.pth")


def test_nothing_whole_is_an_error_and_nothing_at_all_is_a_start(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        os.truncate(path, 10)
    with pytest.raises(
        UsageError, match=r"none of the checkpoints in .*run can be read \(epoch_10\.pth, epoch_9\.pth\)"
    ):
        newest_checkpoint(folder)
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "gone") is None


def test_resuming_without_a_checkpoint_starts_from_the_weights_of_the_config(tiny_config: Path, tmp_path: Path) -> None:
    train(tiny_config, tmp_path / "first")
    options = {"load_from": str(tmp_path / "first/iter_2.pth"), "optim_wrapper.optimizer.lr": 0.0}
    second = train(tiny_config, tmp_path / "second", options, resume="auto")
    saved = torch.load(tmp_path / "first/iter_2.pth", weights_only=True)["state_dict"]
    assert torch.equal(second.model.state_dict()["head.fc.weight"], saved["head.fc.weight"])
    assert second.iter == 2


def test_a_save_that_fails_leaves_the_last_checkpoint(
    tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_one = {"default_hooks.checkpoint.max_keep_ckpts": 1}
    train(tiny_config, tmp_path / "run", keep_one)
    saved = (tmp_path / "run/iter_2.pth").read_bytes()

    def half(self: Runner, out_dir: str, filename: str, *args: Any, **options: Any) -> None:
        Path(out_dir, filename).write_bytes(saved[: len(saved) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Runner, "save_checkpoint", half)
        with pytest.raises(OSError, match="No space left"):
            train(tiny_config, tmp_path / "run", {**keep_one, "train_cfg.max_iters": 4}, resume="auto")
    assert [path.name for path in (tmp_path / "run").iterdir() if path.suffix in (".pth", ".tmp")] == ["iter_2.pth"]
    assert (tmp_path / "run/iter_2.pth").read_bytes() == saved

    runner = train(tiny_config, tmp_path / "run", {**keep_one, "train_cfg.max_iters": 4}, resume="auto")
    assert runner.iter == 4
    assert [path.name for path in (tmp_path / "run").glob("*.pth")] == ["iter_4.pth"]


def with_a_test(config: Path) -> Path:
    config.write_text(
        config.read_text()
        + "test_dataloader = dict(batch_size=2, num_workers=0, collate_fn=dict(type='pseudo_collate'),"
        " sampler=dict(type='DefaultSampler', shuffle=False), dataset=dict(**dataset, test_mode=True))\n"
        "test_evaluator = dict(type='ForgeryMetric')\ntest_cfg = dict(type='TestLoop')\n"
    )
    return config


@pytest.mark.parametrize("change", [lambda s: {"other.weight": torch.zeros(3)}, lambda s: s | {"more": torch.zeros(1)}])
def test_a_test_refuses_weights_of_another_model(
    change: Callable[[dict[str, Any]], dict[str, Any]], tiny_config: Path, tmp_path: Path
) -> None:
    config = with_a_test(tiny_config)
    train(config, tmp_path / "run")
    path = tmp_path / "run/iter_2.pth"
    content = torch.load(path, weights_only=True)
    torch.save({**content, "state_dict": change(dict(content["state_dict"]))}, tmp_path / "other.pth")
    name = {"experiment_name": uuid4().hex}
    with pytest.raises(UsageError, match=r"other\.pth is of another model than the config's: unexpected key") as error:
        engine.test(config, tmp_path / "other.pth", work_dir=tmp_path / "test", cfg_options=name)
    assert len(str(error.value)) < 800
    fewer = {"experiment_name": uuid4().hex, "model.backbone.width": 8, "model.head.in_channels": 64}
    with pytest.raises(UsageError, match="size mismatch"):
        engine.test(config, path, work_dir=tmp_path / "test", cfg_options=fewer)
    assert engine.test(config, path, work_dir=tmp_path / "test", cfg_options={"experiment_name": uuid4().hex})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: {**c, "state_dict": {"other.weight": torch.zeros(3)}}, "is of another model than the config's"),
        (lambda c: {k: v for k, v in c.items() if k != "meta"}, "does not say how far its training was"),
        (lambda c: c["state_dict"], "does not say how far its training was"),
        (lambda c: [1, 2], "holds no weights by name"),
    ],
)
def test_resuming_refuses_another_model_and_weights_alone(
    change: Callable[[dict[str, Any]], Any], said: str, tiny_config: Path, tmp_path: Path
) -> None:
    train(tiny_config, tmp_path / "run")
    torch.save(change(torch.load(tmp_path / "run/iter_2.pth", weights_only=True)), tmp_path / "other.pth")
    with pytest.raises(UsageError, match=said):
        train(tiny_config, tmp_path / "again", resume=str(tmp_path / "other.pth"))


def test_resuming_runs_nothing_of_the_checkpoint(tiny_config: Path, tmp_path: Path) -> None:
    train(tiny_config, tmp_path / "run")
    content = torch.load(tmp_path / "run/iter_2.pth", weights_only=True)
    content["meta"]["config"] = f"open({str(tmp_path / 'ran')!r}, 'w')"
    torch.save(content, tmp_path / "other.pth")
    assert train(tiny_config, tmp_path / "again", resume=str(tmp_path / "other.pth")).iter == 2
    assert not (tmp_path / "ran").exists()


def test_classes_of_training_and_validation_are_compared() -> None:
    def check(one: Any, other: Any) -> None:
        check_same_classes("the training set", one, "the validation set", other)

    cats = {"classes": ("cat", "dog", "owl")}
    check(cats, {"classes": ["cat", "dog", "owl"]})
    check(cats, {})
    check(None, cats)
    check({"classes": "cat"}, cats)
    with pytest.raises(UsageError, match=r"3 classes, the validation set 2; .* at index 1: 'dog' and 'owl'"):
        check(cats, {"classes": ("cat", "owl")})
    with pytest.raises(UsageError, match="at index 2: 'owl' and none"):
        check(cats, {"classes": ("cat", "dog")})
    assert issubclass(SuiteRunner, Runner)


class Part(nn.Module):
    """A head with a number of classes."""

    def __init__(self, num_classes: object) -> None:
        super().__init__()
        self.num_classes = num_classes


COCO = {"classes": [f"class {i}" for i in range(80)]}


def detector(**counts: object) -> nn.Module:
    return nn.ModuleDict({name: Part(count) for name, count in counts.items()})


def test_heads_that_count_other_classes_than_the_data_are_refused() -> None:
    check_class_count(detector(bbox_head=80, mask_head=80, rpn_head=1), COCO, "the training set", every_head=True)
    check_class_count(detector(bbox_head=7), {}, "the training set", every_head=True)
    check_class_count(detector(bbox_head=7), None, "the training set", every_head=True)
    check_class_count(nn.Linear(1, 1), COCO, "the training set", every_head=True)
    message = r"the model has bbox_head\.num_classes=7, mask_head\.num_classes=7, but the training set has 80 classes"
    for every_head in (False, True):
        with pytest.raises(UsageError, match=message + r" \(class 0, class 1, class 2, \.\.\.\)"):
            check_class_count(detector(bbox_head=7, mask_head=7), COCO, "the training set", every_head=every_head)
    # A head of edges beside a head of classes is no mistake; mmdet's hook, where a config has it, takes it for one.
    edges = detector(decode_head=80, auxiliary_head=2)
    check_class_count(edges, COCO, "the training set")
    with pytest.raises(UsageError, match=r"has auxiliary_head\.num_classes=2, but"):
        check_class_count(edges, COCO, "the training set", every_head=True)


@pytest.mark.parametrize("classes", [("person", "bicycle"), ("person", "velocipede"), ("nothing",)])
@pytest.mark.parametrize("repeated", [False, True])
def test_classes_that_the_annotations_do_not_name_are_refused(
    classes: tuple[str, ...], repeated: bool, tmp_path: Path
) -> None:
    compat.apply()
    from mmdet.datasets import CocoDataset
    from mmengine.dataset import RepeatDataset

    categories = [{"id": 3, "name": "person"}, {"id": 5, "name": "bicycle"}]
    (tmp_path / "boxes.json").write_text(json.dumps({"images": [], "annotations": [], "categories": categories}))
    data = CocoDataset(ann_file=str(tmp_path / "boxes.json"), metainfo={"classes": classes}, lazy_init=True)
    data.load_data_list()
    whole = RepeatDataset(data, 2, lazy_init=True) if repeated else data
    if classes == ("person", "bicycle"):
        check_class_names(whole, "the training set")
        return
    found = "1 of" if "person" in classes else "0 of"
    with pytest.raises(UsageError, match=rf"boxes\.json have categories for {found} these names"):
        check_class_names(whole, "the training set")


def test_our_backbone_has_no_classes_as_a_part_of_a_detector() -> None:
    size = {"embed_dim": 16, "depths": (1, 1), "num_heads": (1, 2), "kernel_size": 3}
    assert not hasattr(DiNAT(**size, out_indices=(0, 1)), "num_classes")
    assert DiNAT(**size, num_classes=5).num_classes == 5


@pytest.mark.parametrize("base", ["mmdet", "mmdet_iterations"])
def test_detectors_are_trained_under_the_check_of_mmdet(base: str) -> None:
    cfg = engine.load_config(ROOT / f"configs/_base_/runtime/{base}.py")
    assert [hook.type for hook in cfg.custom_hooks] == ["NumClassCheckHook"]


def classifier_config(tmp_path: Path, *, trained: str = "abc", judged: str = "abc", count: int = 3) -> Path:
    """A classifier of plain colors, in folders named by letters."""
    for split, classes in {"train": trained, "val": judged}.items():
        for name in classes:
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for i in range(2):
                Image.new("RGB", (32, 32), (ord(name), i, 0)).save(folder / f"{i}.png")
    path = tmp_path / "colors.py"
    loader = (
        "dict(batch_size=2, num_workers=0, persistent_workers=False, "
        f"dataset=dict(data_root={str(tmp_path / 'pictures')!r}, transform=dict(input_size=32)))"
    )
    path.write_text(
        f"_base_ = {str(ROOT / 'configs/classification/dinat-tiny_finetune.py')!r}\n"
        f"model = dict(model_name='dinat_mini', num_classes={count}, model_args=dict(embed_dim=16, "
        "depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8), kernel_size=3, dilations=((1,), (1,), (1,), (1,))))\n"
        f"train_dataloader = {loader}\nval_dataloader = {loader}\ntest_dataloader = val_dataloader\n"
    )
    return path


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"judged": "ac"}, "first differ at index 1: 'b' and 'c'"),
        ({"judged": "abe"}, "first differ at index 2: 'c' and 'e'"),
        ({"count": 2}, r"backbone\.num_classes=2.* but the training set has 3 classes"),
        ({"count": 5}, r"backbone\.num_classes=5.* but the training set has 3 classes"),
    ],
)
def test_a_classifier_of_other_classes_is_not_trained(
    classes: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runner, "load_or_resume", lambda self: pytest.fail("the training began"))
    with pytest.raises(UsageError, match=message):
        train(classifier_config(tmp_path, **classes), tmp_path / "run")


def test_a_classifier_of_other_classes_is_not_tested(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "any.pth")
    config = classifier_config(tmp_path, count=2)
    with pytest.raises(UsageError, match="but the test set has 3 classes"):
        engine.test(config, tmp_path / "any.pth", work_dir=tmp_path, cfg_options={"experiment_name": uuid4().hex})


@pytest.mark.parametrize(("epochs", "ok"), [(10, True), (11, False)])
def test_a_schedule_that_would_stop_the_training_is_refused_before_it(
    epochs: int, ok: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EpochBasedTrainLoop, "run", lambda self: None)
    options = {"train_cfg.max_epochs": epochs}
    config = classifier_config(tmp_path)
    if ok:
        train(config, tmp_path / "run", options)
        return
    with pytest.raises(UsageError, match="goes on for 33 iterations, but its OneCycleLR ends after 30"):
        train(config, tmp_path / "run", options)
    train(config, tmp_path / "run", {**options, "param_scheduler.total_steps": epochs})


def test_schedules_are_counted_from_where_a_training_stands() -> None:
    weights = [nn.Parameter(torch.zeros(1))]
    one = OneCycleLR(torch.optim.SGD(weights, 0.1), eta_max=0.1, total_steps=6, by_epoch=False)
    for _ in range(4):
        one.step()
    loop = SimpleNamespace(max_iters=6, iter=4, max_epochs=1, epoch=0)
    assert check_schedules({"optimizer": [one]}, loop) == check_schedules(None, loop) == []
    loop.max_iters = 7
    with pytest.raises(UsageError, match="goes on for 7 iterations, but its OneCycleLR ends after 6"):
        check_schedules([one], loop)
    loop.max_epochs = 9
    cosine = CosineAnnealingLR(torch.optim.SGD(weights, 0.1), T_max=5)
    assert check_schedules([cosine], loop)[0].startswith("CosineAnnealingLR has fallen after 5 epochs and rises again")
    # A schedule that starts late counts from there, and one with an end stops there.
    assert check_schedules([CosineAnnealingLR(torch.optim.SGD(weights, 0.1), T_max=5, begin=4)], loop) == []
    assert check_schedules([CosineAnnealingLR(torch.optim.SGD(weights, 0.1), T_max=5, end=5)], loop) == []


def test_resuming_loads_no_batch_again(tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tiny_config, tmp_path / "run")
    loaded: list[int] = []
    read = ForgeryDataset.__getitem__
    monkeypatch.setattr(ForgeryDataset, "__getitem__", lambda self, i: loaded.append(i) or read(self, i))
    train(tiny_config, tmp_path / "run", {"train_cfg.max_iters": 3}, resume="auto")
    assert len(loaded) == 2  # one batch
