"""The table of models against what it says: networks, weights, cards, docs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vision.errors import UsageError
from vision.models import (
    Calibration,
    ForgeryCalibration,
    ForgeryDetector,
    ForgeryTrainer,
    StereoMatcher,
    StereoTrainer,
    forgery_models,
    match_stereo_models,
    video_models,
)
from vision.models.table import (
    FLOW,
    FORGERY,
    MODELS,
    STEREO,
    VIDEO,
    WEIGHTS_DIR,
    ModelRow,
    default_model,
    default_setting,
    find_model,
    find_variant,
    model_names,
    require_weights,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_row_builds_what_it_says(row: ModelRow) -> None:
    if row.weights is None:
        with torch.device("meta"):  # shapes alone
            network = row.build()
    else:
        network = row.build()
    assert not network.training
    assert sum(parameter.numel() for parameter in network.parameters()) == row.parameters
    if row.task != FORGERY:
        assert network.variant == row.variant
    if row.task in (STEREO, FLOW):
        assert network.stereo == (not row.is_flow)


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_weights_that_ship_have_a_card_and_a_license(row: ModelRow) -> None:
    paths = row.weights_path, row.card_path
    assert [path is not None and path.is_file() for path in paths] == 2 * [row.weights is not None]
    assert (row.license is None) == (row.weights is None)
    if row.card_path is not None:
        card = row.card_path.read_text(encoding="utf-8")
        assert all(text in card for text in (f"{row.parameters:,} parameters", *map(str, row.figures.values())))


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
def test_every_model_is_in_the_docs(row: ModelRow) -> None:
    page = {FORGERY: "forgery", VIDEO: "video"}.get(row.task, "stereo")
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in (f"docs/{page}.md", "README.md")]
    assert any(row.name in text for text in texts)


def test_no_weights_lie_about_that_no_row_names() -> None:
    assert {path.name for path in WEIGHTS_DIR.glob("*.safetensors")} == {row.weights for row in MODELS} - {None}


def test_names_and_defaults() -> None:
    assert len({row.name for row in MODELS}) == len(MODELS)
    assert forgery_models() == model_names(FORGERY) and match_stereo_models() == model_names(STEREO, FLOW)
    assert video_models() == model_names(VIDEO)
    defaults = [default_model(task) for task in (FORGERY, STEREO, FLOW, VIDEO)]
    assert defaults == ["dual_frequency_wild", "match_stereo_nano", "match_flow_base", "mamba_people_nano"]
    assert default_setting(FORGERY, "crop_size") == 256
    assert find_model("nope") is None and find_model("match_stereo_nano", FORGERY) is None
    assert find_variant("nano", STEREO, FLOW) is find_model("match_stereo_nano")
    assert find_variant(None, STEREO) is None and find_variant("nano", FLOW) is None
    flow = find_variant("base", FLOW)
    assert flow is not None and flow.name == "match_flow_base"


def test_models_without_weights_are_refused() -> None:
    for name, checkpoint in (("match_stereo_nano", None), ("match_stereo_tiny", "a.pth"), ("nope", None)):
        require_weights(name, checkpoint)
    require_weights("dual_frequency_paper", None, STEREO, FLOW)  # unknown there: its builder says so
    with pytest.raises(UsageError, match="'match_stereo_tiny' ships without weights") as caught:
        require_weights("match_stereo_tiny", None)
    assert (caught.value.code, caught.value.value) == ("no-weights", "match_stereo_tiny")


def test_old_names_resolve() -> None:
    assert Calibration is ForgeryCalibration
    assert StereoMatcher is StereoTrainer and ForgeryDetector is ForgeryTrainer


def test_the_table_needs_no_torch() -> None:
    code = "import sys, vision.models.table; sys.exit(bool({'torch', 'numpy', 'backbones'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
