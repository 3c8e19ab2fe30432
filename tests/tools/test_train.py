"""tools/train.py, tools/test.py and the scripts that start several processes, as a user runs them."""

from __future__ import annotations

import json
import os
import runpy
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vision import engine
from vision.engine.checkpoints import newest_checkpoint

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> str:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def log_of(work_dir: Path) -> str:
    (path,) = work_dir.glob("*/*.log")
    return path.read_text()


def with_test_set(config: Path) -> Path:
    """The tiny config with an evaluation of its own training images."""
    config.write_text(
        config.read_text() + "test_dataloader = dict(batch_size=2, num_workers=0, dataset=dataset,\n"
        "    sampler=dict(type='DefaultSampler', shuffle=False), collate_fn=dict(type='pseudo_collate'))\n"
        "test_cfg = dict(type='TestLoop')\ntest_evaluator = dict(type='ForgeryMetric')\n"
    )
    return config


def test_trains_resumes_and_tests(tiny_config: Path, run_tool) -> None:
    run_tool("train.py", tiny_config)
    work_dir = tiny_config.parent / "work_dirs/tiny"
    assert (work_dir / "iter_2.pth").is_file()

    run_tool("train.py", tiny_config, "--resume", "--amp", "--cfg-options", "train_cfg.max_iters=4")
    assert (work_dir / "iter_4.pth").is_file()
    logs = "".join(path.read_text() for path in work_dir.glob("*/*.log"))
    assert "resumed epoch: 0, iter: 2" in logs

    run_tool("test.py", with_test_set(tiny_config), work_dir / "iter_4.pth", "--work-dir", "tested", "--amp")
    (scores,) = (tiny_config.parent / "tested").glob("*/*.json")
    assert 0 <= json.loads(scores.read_text())["forgery/mean_ap"] <= 100


def test_published_recipe_trains_two_iterations(forgery_tree, run_tool, tmp_path: Path) -> None:
    folders = [f"{split}/{name}" for split in ("train", "val") for name in ("car", "cat", "chair", "horse")]
    root = forgery_tree(folders, count=1)
    options = [
        f"{loader}_dataloader.{option}"
        for loader in ("train", "val", "test")
        for option in (
            f"dataset.data_root={root}",
            "dataset.crop_size=32",
            "batch_size=4",
            "num_workers=0",
            "persistent_workers=False",
        )
    ]
    config = ROOT / "configs/forgery/dual-frequency_progan.py"
    run_tool("train.py", config, "--work-dir", "run", "--cfg-options", *options, "train_cfg.max_epochs=1")
    assert (tmp_path / "run/epoch_1.pth").is_file()
    assert "forgery/mean_ap" in log_of(tmp_path / "run")
    run_tool("test.py", config, "run/epoch_1.pth", "--work-dir", "tested", "--cfg-options", *options)
    assert "forgery/mean_ap" in log_of(tmp_path / "tested")


def test_two_processes_train_over_gloo(tiny_config: Path, run_tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", free_port())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    run_tool("dist_train.sh", tiny_config, 2, "--work-dir", "run", "--amp")
    work_dir = tiny_config.parent / "run"
    assert (work_dir / "iter_2.pth").is_file()
    log = log_of(work_dir)
    assert "Distributed launcher: pytorch" in log
    assert "GPU number: 2" in log


def test_torchrun_ends_all_when_one_process_is_killed(
    tiny_config: Path, run_tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_config.parent
    (folder / "killer.py").write_text(
        "import os\nfrom mmengine.hooks import Hook\nfrom mmengine.registry import HOOKS\n"
        "@HOOKS.register_module()\nclass Killer(Hook):\n    def after_train_iter(self, runner, *args, **options):\n"
        "        if (runner.rank, runner.iter) == (1, 2):\n            os.kill(os.getpid(), 9)\n"
    )
    tiny_config.write_text(
        f"import sys\nsys.path.insert(0, {str(folder)!r})\n{tiny_config.read_text()}custom_imports = dict(\n"
        "    imports=['vision.engine.registries.forgery', 'killer'])\ncustom_hooks = [dict(type='Killer')]\n"
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    options = ["--work-dir", "run", "--cfg-options", "train_cfg.max_iters=1000"]
    done = run_tool("dist_train.sh", tiny_config, 2, *options, check=False)
    assert done.returncode == 1
    assert "Signal 9 (SIGKILL) received" in done.stderr
    assert newest_checkpoint(folder / "run") == str(folder / "run/iter_2.pth")


def test_the_error_of_a_process_is_in_torchruns_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise RuntimeError("of this process alone")

    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "error.json"))
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(sys, "argv", ["train.py", "c.py"])
    monkeypatch.setattr(engine, "train", fail)
    with pytest.raises(RuntimeError, match="of this process alone"):
        runpy.run_path(str(ROOT / "tools/train.py"))["run"]()
    assert "of this process alone" in json.loads((tmp_path / "error.json").read_text())["message"]["message"]


def test_a_training_that_was_told_to_end_has_a_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*args: Any, **options: Any) -> None:
        raise engine.TrainingStopped("told to end: saved x")

    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setattr(engine, "train", stop)
    assert runpy.run_path(str(ROOT / "tools/train.py"))["main"](["c.py"]) == 75
    assert capsys.readouterr().err == "told to end: saved x\n"


def test_slurm_trains_over_gloo(tiny_config: Path, run_tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for srun runs the one task with the variables that Slurm would set."""
    commands = tiny_config.parent / "bin"
    commands.mkdir()
    for name, body in {
        "srun": 'while [[ $1 == --* ]]; do echo "$1" >> srun.txt; shift; done\n'
        f'SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_LOCALID=0 SLURM_NODELIST=node[1-2] MASTER_PORT={free_port()} exec "$@"\n',
        "scontrol": '[ "$*" = "show hostnames node[1-2]" ] && echo 127.0.0.1 && echo node2\n',
    }.items():
        (commands / name).write_text(f"#!/usr/bin/env bash\n{body}")
        (commands / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("GPUS_PER_NODE", "0")
    monkeypatch.setenv("GPUS", "1")
    run_tool("slurm_train.sh", "cpu", "job", tiny_config, "run")
    work_dir = tiny_config.parent / "run"
    assert (work_dir / "iter_2.pth").is_file()
    assert "Distributed launcher: slurm" in log_of(work_dir)
    asked = (tiny_config.parent / "srun.txt").read_text().split()
    assert {"--partition=cpu", "--job-name=job", "--ntasks=1"} <= set(asked)
    assert not any(option.startswith("--gres") for option in asked)


def test_several_processes_test_with_the_arguments_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", "echo")  # prints the command
    monkeypatch.delenv("PORT", raising=False)
    script = ROOT / "tools/dist_test.sh"
    config = str(ROOT / "configs/forgery/dual-frequency_progan.py")
    printed = subprocess.check_output(["bash", script, config, "my.pth", "2", "--tta"], text=True).split()
    assert printed[:2] == ["-m", "torch.distributed.run"]
    assert printed[printed.index("--nproc-per-node") + 1] == "2"
    assert printed[-6:] == [f"{script.parent}/test.py", config, "my.pth", "--launcher", "pytorch", "--tta"]


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("train.py", ["gone.py"], "config not found: gone.py"),
        ("test.py", ["gone.py", "gone.pth"], "config not found: gone.py"),
        ("train.py", ["tiny.py", "--resume", "gone.pth"], "checkpoint not found: gone.pth"),
        (
            "train.py",
            ["tiny.py", "--cfg-options", "samples_per_gpu=2"],
            "nothing reads the top-level config key 'samples_per_gpu'",
        ),
        ("train.py", ["tiny.py", "--cfg-options", "randomness.seed"], "expected KEY=VALUE, got 'randomness.seed'"),
        ("train.py", ["tiny.py", "--launcher", "mpi"], "invalid choice: 'mpi'"),
        ("train.py", ["tiny.py", "--strategy", "fsdp2"], "one process has nothing to share its model with"),
        ("train.py", ["tiny.py", "--launcher", "pytorch"], "needs the environment variables RANK"),
        ("dist_train.sh", ["tiny.py"], "usage:"),
        ("slurm_train.sh", ["tiny.py"], "usage:"),
        ("dist_test.sh", ["tiny.py", "epoch_1.pth"], "usage:"),
        ("train.py", ["tiny.py", "--auto-scale-lr"], "set auto_scale_lr.base_batch_size"),
        ("test.py", ["tiny.py", "tiny.py", "--out", "tiny.py"], "is an input of this run"),
    ],
)
def test_mistakes_end_with_a_line_and_code_2(
    tiny_config: Path, run_tool, monkeypatch, tool, arguments, message
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    done = run_tool(tool, *arguments, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("tool", "arguments", "reached"),
    [
        ("train", ["c.py"], {"work_dir": None, "resume": None, "amp": False, "auto_scale_lr": False}),
        ("train", ["c.py", "--resume"], {"resume": "auto"}),
        ("train", ["c.py", "--resume", "x.pth", "--work-dir", "w"], {"resume": "x.pth", "work_dir": "w"}),
        ("train", ["c.py", "--amp", "--auto-scale-lr"], {"amp": True, "auto_scale_lr": True}),
        ("train", ["c.py", "--launcher", "slurm"], {"launcher": "slurm", "cfg_options": None, "strategy": None}),
        ("train", ["c.py", "--strategy", "fsdp2"], {"strategy": "fsdp2"}),
        ("train", ["c.py", "--cfg-options", "a.b=2", "c=[1,2]"], {"cfg_options": {"a.b": 2, "c": [1, 2]}}),
        ("test", ["c.py", "x.pth"], {"amp": False, "tta": False, "out": None, "show_dir": None, "launcher": "none"}),
        ("test", ["c.py", "x.pth", "--amp", "--tta", "--work-dir", "w"], {"amp": True, "tta": True, "work_dir": "w"}),
        ("test", ["c.py", "x.pth", "--out", "o.pkl", "--show-dir", "d"], {"out": "o.pkl", "show_dir": "d"}),
        ("test", ["c.py", "x.pth", "--cfg-options", "a=b"], {"cfg_options": {"a": "b"}}),
    ],
)
def test_every_option_reaches_the_engine(
    tool: str, arguments: list[str], reached: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setattr(engine, tool, lambda *args, **options: calls.append((args, options)))
    assert runpy.run_path(str(ROOT / f"tools/{tool}.py"))["main"](arguments) == 0
    ((positional, options),) = calls
    assert positional == ("c.py", "x.pth")[: 1 + (tool == "test")]
    assert {name: options[name] for name in reached} == reached
