"""Training, resuming and testing through mmengine's Runner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from vision import engine
from vision.engine.config_keys import check_top_level_keys, names_read
from vision.engine.optim import Bf16OptimWrapper
from vision.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.py") if "_base_" not in path.parts)

# Folders of configs whose task has another name.
TASKS = {"detection": "dense", "segmentation": "dense"}


def train(config: Path, work_dir: Path, cfg_options: dict[str, Any] | None = None, **options: Any) -> Runner:
    """Train under a name of its own: mmengine keeps logs by name, by default the time in seconds."""
    return engine.train(
        config, work_dir=work_dir, cfg_options={"experiment_name": uuid4().hex, **(cfg_options or {})}, **options
    )


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_config_loads_and_builds_its_model(path: Path) -> None:
    from mmengine.registry import MODELS, DefaultScope

    cfg = engine.load_config(path)
    assert cfg.work_dir == f"work_dirs/{path.stem}"
    folder = path.relative_to(ROOT / "configs").parts[0]
    assert cfg.custom_imports.imports == [f"vision.engine.registries.{TASKS.get(folder, folder)}"]
    if cfg.get("model") is not None:
        # Shapes without values: large models would cost seconds and gigabytes.
        with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device("meta"):
            assert sum(p.numel() for p in MODELS.build(cfg.model).parameters()) > 0


def test_stale_key_is_named_with_a_hint(tiny_config: Path) -> None:
    tiny_config.write_text(tiny_config.read_text() + "samples_per_gpu = 2\ntrain_dataloaders = dict()\n")
    with pytest.raises(
        UsageError, match=r"'samples_per_gpu', 'train_dataloaders' \(did you mean 'train_dataloader'\?\)"
    ):
        engine.load_config(tiny_config)


def test_stale_key_from_the_command_line(tiny_config: Path) -> None:
    with pytest.raises(UsageError, match="samples_per_gpu"):
        engine.load_config(tiny_config, cfg_options={"samples_per_gpu": 2})


def test_overriding_a_key_is_not_reading_it(tiny_config: Path, tmp_path: Path) -> None:
    tiny_config.write_text(tiny_config.read_text() + "samples_per_gpu = 2\n")
    child = tmp_path / "child.py"
    child.write_text("_base_ = './tiny.py'\nsamples_per_gpu = 4\n")
    with pytest.raises(UsageError, match="samples_per_gpu"):
        engine.load_config(child)


def test_variables_may_be_used_by_the_file_or_its_heirs(tiny_config: Path, tmp_path: Path) -> None:
    tiny_config.write_text(tiny_config.read_text() + "batch = 3\nsteps = 5\n")
    child = tmp_path / "child.py"
    child.write_text(
        "_base_ = './tiny.py'\n"
        "train_cfg = dict(max_iters={{_base_.steps}})\n"
        "train_dataloader = dict(batch_size=_base_.batch)\n"
    )
    cfg = engine.load_config(child)
    assert (cfg.train_cfg.max_iters, cfg.train_dataloader.batch_size) == (5, 3)


def test_the_config_that_a_run_writes_is_a_config_again(tiny_config: Path, tmp_path: Path) -> None:
    train(tiny_config, tmp_path / "run")
    written = tmp_path / "run/tiny.py"
    assert "\ndataset = dict(" in written.read_text()  # a variable of the file that it was made from
    assert train(written, tmp_path / "again").iter == 2
    with pytest.raises(UsageError, match="'samples_per_gpu'"):
        engine.load_config(written, cfg_options={"samples_per_gpu": 2})
    with pytest.raises(UsageError, match="'dataset' is a variable"):
        engine.load_config(written, cfg_options={"dataset.crop_size": 64})
    written.write_text(written.read_text() + "samples_per_gpu = 2\n")
    with pytest.raises(UsageError, match="'samples_per_gpu'"):
        engine.load_config(written)


def test_variables_of_the_files_cannot_be_overridden(tiny_config: Path) -> None:
    message = r"--cfg-options dataset\.crop_size: 'dataset' is a variable of .*tiny\.py, which has been read already; "
    with pytest.raises(UsageError, match=message + r"set what it is used for: train_dataloader\.dataset\.crop_size$"):
        engine.load_config(tiny_config, cfg_options={"dataset.crop_size": 64})
    cfg = engine.load_config(tiny_config, cfg_options={"train_dataloader.dataset.crop_size": 64})
    assert cfg.train_dataloader.dataset.crop_size == 64
    finetune = ROOT / "configs/classification/dinat-tiny_finetune.py"
    with pytest.raises(UsageError, match=r"set what it is used for: train_cfg\.max_epochs$"):
        engine.load_config(finetune, cfg_options={"max_epochs": 1})


def parsed(*options: str) -> Any:
    return engine.argument_parser("").parse_args(["x.py", "--cfg-options", *options]).cfg_options


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (
            "a=[dict(type='EMAHook', momentum=0.1), dict(type='Y')]",
            [{"type": "EMAHook", "momentum": 0.1}, {"type": "Y"}],
        ),
        ("a=[{'type': 'X', 'at': (1, -2)}, {'type': 'Y'}]", [{"type": "X", "at": (1, -2)}, {"type": "Y"}]),
        ("a=dict(type='X', inner=dict(none=None))", {"type": "X", "inner": {"none": None}}),
        ("a=[1, 2.5]", [1, 2.5]),
        ("a=(b,c)", ("b", "c")),
        ("a=b,c", ["b", "c"]),
        ("a=1e-3", 0.001),
        ("a=True", True),
        ("a=x=y", "x=y"),
        ("a=/data/my  images (1)/x", "/data/my  images (1)/x"),
        ("a='two words'", "two words"),
        ("a= [ my dir , (1, 2) ] ", ["my dir", (1, 2)]),
        ("a=1, 2", [1, 2]),
    ],
)
def test_values_of_options(option: str, value: object) -> None:
    assert parsed("before.b=1", option) == {"before.b": 1, "a": value}


@pytest.mark.parametrize(
    "option", ["a=[dict(type=EMAHook,b=1)]", "a={b:1}", "a=[1,", "a=dict(1)", "a=dict(**{'b': 1})"]
)
def test_an_option_that_cannot_be_parsed_ends_with_one_line(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parsed(option)
    assert stop.value.code == 2
    assert f"argument --cfg-options: cannot read {option}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("custom_hooks.5.type", "Index 5 exceeds the length of list"),
        ("custom_hooks.x.type", "list indices must be integers"),
        ("custom_hooks.-1.type", "list indices must be integers"),
        ("train_dataloader.batch_size.x", "cannot inherit from base"),
    ],
)
def test_an_option_without_a_place_is_one_line(option: str, said: str, tiny_config: Path) -> None:
    tiny_config.write_text(tiny_config.read_text() + "custom_hooks = [dict(type='EMAHook')]\n")
    with pytest.raises(UsageError, match=said) as caught:
        engine.load_config(tiny_config, cfg_options={option: 2})
    assert str(caught.value).startswith(f"--cfg-options {option}: ") and "\n" not in str(caught.value)


def test_a_config_that_exits_is_not_a_run_that_went_well(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("exit()\n")
    with pytest.raises(UsageError, match="cannot be read: SystemExit"):
        engine.load_config(tmp_path / "config.py")


def test_keys_of_a_yaml_config_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text("log_level: INFO\nsamples_per_gpu: 2\n")
    with pytest.raises(UsageError, match="samples_per_gpu"):
        check_top_level_keys(Config.fromfile(str(path)))
    assert names_read("a: [") == set()


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ({"type": "EarlyStoppingHook", "monitor": "x"}, "Cannot infer the rule for x"),
        ({"type": "EarlyStoppingHook", "monitored": "loss"}, "monitored"),
        ({"type": "NoSuchHook"}, "NoSuchHook is not in the"),
    ],
)
def test_what_cannot_be_built_is_one_line(tiny_config: Path, tmp_path: Path, hook: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match="cannot be built: ") as caught:
        train(tiny_config, tmp_path / "run", {"custom_hooks": [hook]})
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("train_dataloader.batch_size", 0, "batch_size should be a positive integer"),
        ("train_cfg.max_iters", 1.5, "should be a integer number"),
        ("optim_wrapper.optimizer.lr", "x", "'<' not supported"),
        ("auto_scale_lr", {"base_batch_size": 0, "enable": True}, "division by zero"),
    ],
)
def test_what_cannot_be_built_when_training_starts_is_one_line(
    option: str, value: object, said: str, tiny_config: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"tiny.py cannot be built: .*{said}"):
        train(tiny_config, tmp_path / "run", {option: value})


def test_a_work_dir_that_is_a_file_is_one_line(tiny_config: Path) -> None:
    with pytest.raises(UsageError, match=r"work directory .*tiny\.py cannot be made: File exists"):
        train(tiny_config, tiny_config)


def test_work_dir_defaults_to_the_config_name(tiny_config: Path) -> None:
    assert engine.load_config(tiny_config).work_dir == "work_dirs/tiny"
    assert engine.load_config(tiny_config, cfg_options={"work_dir": "here"}).work_dir == "here"
    assert engine.load_config(tiny_config, work_dir="there").work_dir == "there"


def test_trains_then_resumes_from_the_newest_checkpoint(tiny_config: Path, tmp_path: Path) -> None:
    runner = train(tiny_config, tmp_path / "run")
    assert runner.iter == 2
    trained = {key: value.clone() for key, value in runner.model.state_dict().items()}
    longer = {"train_cfg.max_iters": 4}
    runner = train(tiny_config, tmp_path / "run", resume="auto", cfg_options=longer)
    assert runner.iter == 4
    assert (tmp_path / "run/iter_4.pth").is_file()
    assert "loss" in {key.rpartition("/")[2] for key in runner.message_hub.log_scalars}
    assert len(runner.message_hub.get_scalar("train/loss").data[0]) == 4
    assert any(not torch.equal(value, trained[key]) for key, value in runner.model.state_dict().items())


def test_resumes_from_a_named_checkpoint(tiny_config: Path, tmp_path: Path) -> None:
    first = train(tiny_config, tmp_path / "first")
    checkpoint = tmp_path / "first/iter_2.pth"
    # Nothing is left to train, so the weights must be those of the checkpoint.
    second = train(tiny_config, tmp_path / "second", resume=str(checkpoint))
    for key, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[key]), key


def test_checkpoint_holds_nothing_but_safe_types(tiny_config: Path, tmp_path: Path) -> None:
    train(tiny_config, tmp_path / "run")
    loaded = torch.load(tmp_path / "run/iter_2.pth", weights_only=True)
    assert {"state_dict", "message_hub", "optimizer", "meta"} <= set(loaded)


def test_amp_on_cpu_is_bfloat16(tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    runner = train(tiny_config, tmp_path / "run", amp=True)
    assert isinstance(runner.optim_wrapper, Bf16OptimWrapper)
    assert torch.isfinite(torch.as_tensor(runner.message_hub.get_scalar("train/loss").current()))


def test_amp_on_cuda_scales_the_loss(tiny_config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    cfg = engine.load_config(tiny_config)
    engine.use_amp(cfg)
    assert (cfg.optim_wrapper.type, cfg.optim_wrapper.loss_scale) == ("AmpOptimWrapper", "dynamic")


def test_amp_drops_the_loss_scale_on_cpu(tiny_config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    cfg = engine.load_config(tiny_config)
    cfg.optim_wrapper.update(type="AmpOptimWrapper", loss_scale="dynamic", dtype="float16", use_fsdp=False)
    engine.use_amp(cfg)
    assert cfg.optim_wrapper.type == "Bf16OptimWrapper"
    assert set(cfg.optim_wrapper) == {"type", "optimizer"}


def test_amp_refuses_a_wrapper_of_another_kind(tiny_config: Path) -> None:
    with pytest.raises(UsageError, match="ApexOptimWrapper"):
        engine.train(tiny_config, amp=True, cfg_options={"optim_wrapper.type": "ApexOptimWrapper"})


@pytest.mark.parametrize("call", [engine.train, lambda config: engine.test(config, "x.pth")])
def test_missing_config(call: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config not found: .*nothing\.py"):
        call(tmp_path / "nothing.py")


def test_config_with_a_syntax_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("model = dict(\n")
    with pytest.raises(UsageError, match=r"broken\.py cannot be read"):
        engine.load_config(path)


def test_missing_checkpoints(tiny_config: Path) -> None:
    with pytest.raises(UsageError, match=r"checkpoint not found: gone\.pth"):
        engine.train(tiny_config, resume="gone.pth")
    with pytest.raises(UsageError, match="no test_dataloader"):
        engine.test(tiny_config, "gone.pth")
    with pytest.raises(UsageError, match=r"checkpoint not found: gone\.pth"):
        engine.test(tiny_config, "gone.pth", cfg_options={"test_dataloader": {"batch_size": 1}})
