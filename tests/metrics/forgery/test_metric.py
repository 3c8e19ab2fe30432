from __future__ import annotations

import csv

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger

import vision.registry  # noqa: F401
from vision.metrics.forgery.table import generator_rows, mean_row


def samples(count: int = 40, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        label = int(rng.integers(2))
        source = ("photos" if label == 0 else ("gan", "diffusion")[i % 2]) if i % 4 else "pairs"
        found.append({"logit": rng.normal(2 * label - 1, 2), "label": label, "source": source, "path": f"{i}.png"})
    return found


def evaluate(batches: list[list[dict]], **arguments) -> dict[str, float]:
    evaluator = Evaluator([{"type": "ForgeryMetric", **arguments}])
    for batch in batches:
        evaluator.process(data_samples=batch)
    return evaluator.evaluate(sum(map(len, batches)))


def test_evaluator_gives_the_table_as_flat_values(caplog):
    everything = samples()
    # mmengine's loggers do not propagate to the root logger, where caplog listens.
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        values = evaluate([everything[:15], everything[15:]])
    finally:
        logger.removeHandler(caplog.handler)
    logits = np.array([sample["logit"] for sample in everything])
    labels = [sample["label"] for sample in everything]
    rows = generator_rows(labels, 1 / (1 + np.exp(-logits)), [sample["source"] for sample in everything])
    assert set(rows) == {"pairs", "photos", "gan", "diffusion"}
    for name, value in mean_row(rows).items():
        assert values[f"forgery/mean_{name}"] == pytest.approx(value)
    assert values["forgery/gan/ap"] == pytest.approx(rows["gan"]["ap"])
    assert values["forgery/photos/real_acc"] == rows["photos"]["real_acc"]
    assert "forgery/photos/ap" not in values and 0 < values["forgery/ece"] < 1
    for word in ("results by generator", "diffusion", "tpr@5fpr", "mean"):
        assert word in caplog.text


def test_an_image_that_stood_in_for_a_broken_one_counts_once():
    everything = samples()
    assert evaluate([[*everything, everything[3], everything[5]]]) == pytest.approx(evaluate([everything]), nan_ok=True)


def test_images_without_a_path_all_count():
    everything = [{**sample, "path": ""} for sample in samples()]
    assert evaluate([everything]) == pytest.approx(evaluate([samples()]), nan_ok=True)


def test_huge_logits_do_not_overflow():
    extreme = [{"logit": value, "label": int(value > 0), "source": "a", "path": str(value)} for value in (-1e4, 1e4)]
    values = evaluate([extreme])
    assert values["forgery/mean_acc"] == 1.0 and values["forgery/ece"] == 0.0


def test_the_csv_is_written_and_replaced(tmp_path):
    for count in (20, 40):
        evaluate([samples(count)], save_csv=str(tmp_path / "table.csv"))
    with (tmp_path / "table.csv").open() as file:
        lines = {line["source"]: line for line in csv.DictReader(file)}
    assert set(lines) == {"pairs", "photos", "gan", "diffusion", "mean"}
    assert int(lines["gan"]["fake"]) == sum(sample["source"] == "gan" for sample in samples(40))


def test_a_diverged_model_is_named_by_its_first_image():
    broken = [*samples(5), {"logit": float("nan"), "label": 1, "source": "gan", "path": "last.png"}]
    with pytest.raises(ValueError, match=r"1 of 6 logits are nan or infinite, the first for last\.png"):
        evaluate([broken])


def test_one_class_alone_is_no_crash():
    values = evaluate([[sample for sample in samples() if sample["label"] == 0]])
    assert np.isnan(values["forgery/mean_ap"])
