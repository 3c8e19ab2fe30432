"""benchmarks/video_ablation.py: what it runs, what it skips, and its table; nothing is trained."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks/video_ablation.py"))
Scores = SCRIPT["Scores"]

RESULTS = {
    ("single", 0): Scores(0.50, 0.40),
    ("single", 1): Scores(0.52, 0.42),
    ("pixel", 0): Scores(0.51, 0.41),
    ("pixel", 1): Scores(0.53, 0.42),
    ("instance", 0): Scores(0.60, 0.50),
    ("instance", 1): Scores(0.58, 0.48),
    ("full", 0): Scores(0.62, 0.54),
    ("full", 1): Scores(0.60, 0.50),
}


class Runs:
    """Stands in for the tools: notes what is run, and leaves behind what they would."""

    def __init__(self) -> None:
        self.done: list[list[str]] = []

    def __call__(self, arguments: Sequence[str], log: Path) -> None:
        self.done.append(list(arguments))
        options = dict(option.split("=", 1) for option in arguments[arguments.index("--cfg-options") + 1 :])
        if Path(arguments[0]).name == "train.py":
            log.parent.mkdir(parents=True, exist_ok=True)
            (log.parent / "last_checkpoint").write_text(str(log.parent / "iter_9.pth"))
        else:
            lines = ["part,frames,boxes,ap50,ap", "all,960,10,0.6,0.3", "degraded,480,5,0.4,0.2", "class x,1,1,0.1,0.1"]
            Path(options["test_evaluator.save_csv"]).write_text("\n".join(lines))

    def named(self, tool: str) -> list[str]:
        """Variants and seeds that a tool was run for, by the folders of the runs."""
        return [Path(run[run.index("--work-dir") + 1]).name for run in self.done if Path(run[0]).name == tool]


def test_every_variant_goes_on_from_the_start_of_its_seed(tmp_path: Path) -> None:
    run = Runs()
    results = SCRIPT["run_all"](tmp_path, [0, 3], run=run)
    assert results == {
        (variant, seed): (0.6, 0.4) for variant in ("single", "pixel", "instance", "full") for seed in (0, 3)
    }
    assert run.named("train.py")[:2] == ["start-0", "start-3"]
    assert run.named("test.py")[:4] == ["single-0", "full-0", "single-3", "full-3"]
    (full,) = [call for call in run.done if str(tmp_path / "full-3") in call and call[0].endswith("train.py")]
    assert full[1] == str(ROOT / "configs/video/ablation/full.py")
    assert full[-2:] == ["randomness.seed=3", f"load_from={tmp_path / 'start-3/iter_9.pth'}"]


def test_what_has_a_result_is_not_run_again(tmp_path: Path) -> None:
    SCRIPT["run_all"](tmp_path, [0], run=Runs())
    (tmp_path / "pixel-0/scores.csv").unlink()
    (tmp_path / "full-0/scores.csv").unlink()
    (tmp_path / "full-0/last_checkpoint").unlink()
    again = Runs()
    SCRIPT["run_all"](tmp_path, [0], run=again)
    assert again.named("train.py") == ["full-0"]
    assert again.named("test.py") == ["full-0", "pixel-0"]


def test_a_run_that_fails_says_where_its_log_is(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("print('no such device'); raise SystemExit(3)")
    with pytest.raises(SystemExit, match=r"train\.py ended with code 3, see .*log\.txt"):
        SCRIPT["run_script"]([str(script)], tmp_path / "full-0/log.txt")
    assert (tmp_path / "full-0/log.txt").read_text() == "no such device\n"


def test_the_table_has_means_spreads_and_gains() -> None:
    assert SCRIPT["table"](RESULTS, [0, 1]).splitlines()[2:] == [
        "| single | 51.0 ± 1.4 | 41.0 ± 1.4 |  |",
        "| full | 61.0 ± 1.4 | 52.0 ± 2.8 | +14.0, +8.0 |",
        "| pixel | 52.0 ± 1.4 | 41.5 ± 0.7 | +1.0, +0.0 |",
        "| instance | 59.0 ± 1.4 | 49.0 ± 1.4 | +10.0, +6.0 |",
    ]


@pytest.mark.parametrize(
    ("full", "expected"),
    [
        ((0.54, 0.50), "gains +11.0 over single frames: more than the spread of 2.8"),
        ((0.46, 0.40), "gains +2.0 over single frames: no more than the spread of 4.2"),
    ],
)
def test_the_verdict_compares_the_gain_with_the_larger_spread(full: tuple[float, float], expected: str) -> None:
    results: dict[Any, Any] = RESULTS | {("full", seed): Scores(0.6, value) for seed, value in enumerate(full)}
    assert expected in SCRIPT["verdict"](results, [0, 1])


def test_all_variants_learn_for_the_same_number_of_steps_from_the_same_frames() -> None:
    configs = [Config.fromfile(ROOT / f"configs/video/ablation/{variant}.py") for variant in SCRIPT["VARIANTS"]]
    for config in configs[1:]:
        for name in ("train_cfg", "train_dataloader", "test_dataloader", "optim_wrapper", "param_scheduler"):
            assert config[name] == configs[0][name]
