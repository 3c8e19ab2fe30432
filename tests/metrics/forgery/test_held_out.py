from __future__ import annotations

import numpy as np
import pytest

from vision.errors import UsageError
from vision.metrics.forgery.held_out import calibration_of, fit_to_held_out, read_held_out
from vision.models.forgery.calibration import fit_calibration


def write(file, spread: float = 1.0) -> dict[str, np.ndarray]:
    """A fold of which stronger compression shrinks the distance between the classes; its logits by condition."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    logits = {}
    lines = ["condition,source,label,logit,file"]
    for condition, distance in (("clean", 4.0), ("jpeg 70", 2.0), ("jpeg 50", 1.0), ("half size", 1.5)):
        logits[condition] = np.round(distance * (labels - 0.5) + spread * rng.normal(size=80), 5)
        sources = np.where(labels == 1, "made", "phone")
        lines += [f"{condition},{s},{n},{x},a.png" for s, n, x in zip(sources, labels, logits[condition], strict=True)]
    file.write_text("\n".join(lines))
    return logits


def test_reads_conditions_in_their_order(tmp_path):
    logits = write(tmp_path / "a.csv")
    fold = read_held_out(tmp_path / "a.csv")
    assert list(fold) == ["clean", "jpeg 70", "jpeg 50", "half size"]
    assert np.array_equal(fold["jpeg 50"].logits, logits["jpeg 50"])
    assert fold["clean"].labels.tolist() == [0] * 40 + [1] * 40 and fold["clean"].sources[0] == "phone"


def test_each_history_gets_the_bounds_of_its_own_images(tmp_path):
    logits = write(tmp_path / "a.csv")
    folds = [read_held_out(tmp_path / "a.csv")] * 2  # twice the same data fit the same
    calibration = fit_to_held_out(folds)
    labels = np.repeat([0, 1], 40)
    for condition, values in logits.items():
        expected, found = fit_calibration(labels, values), calibration_of(condition, calibration)
        for name in ("temperature", "offset", "low", "high"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=0.02), (condition, name)
    assert calibration.at(jpeg_quality=45).temperature == calibration_of("jpeg 50", calibration).temperature
    assert calibration.at(jpeg_quality=60).temperature == calibration_of("jpeg 70", calibration).temperature
    assert calibration.at(jpeg_quality=90).temperature == calibration.temperature


def test_rows_judge_generators_against_the_fold_s_photographs(tmp_path):
    write(tmp_path / "a.csv", spread=1e-3)
    fold = read_held_out(tmp_path / "a.csv")
    rows = fold["clean"].rows(fit_to_held_out([fold]))
    assert rows["made"]["auc"] == 1.0 and rows["made"]["real"] == 40 and rows["phone"]["real_acc"] == 1.0


@pytest.mark.parametrize(
    ("text", "why"), [("condition,source,label\nclean,a,0", "no column 'logit'"), ("", "no column")]
)
def test_other_tables_are_refused(tmp_path, text, why):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UsageError, match=why):
        read_held_out(tmp_path / "a.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        read_held_out(tmp_path / "missing.csv")
