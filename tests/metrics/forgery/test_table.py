from __future__ import annotations

import csv
import math
import os

import numpy as np
import pytest

from vision.files import write_csv
from vision.metrics.forgery.binary import binary_report
from vision.metrics.forgery.table import COLUMNS, csv_lines, format_table, generator_rows, mean_row

LABELS = np.array([0, 0, 1, 1, 0, 0, 1])
SOURCES = ["paired", "paired", "paired", "paired", "photos", "photos", "lone"]
PROBABILITIES = np.array([0.1, 0.6, 0.7, 0.4, 0.2, 0.95, 0.9])


def test_generators_meet_their_own_reals_or_all():
    rows = generator_rows(LABELS, PROBABILITIES, SOURCES)
    assert list(rows) == ["lone", "paired", "photos"]
    assert rows["paired"] == binary_report(LABELS[:4], PROBABILITIES[:4])
    all_reals = [0, 1, 4, 5, 6]
    assert rows["lone"] == binary_report(LABELS[all_reals], PROBABILITIES[all_reals])
    assert (rows["photos"]["real"], rows["photos"]["fake"], rows["photos"]["real_acc"]) == (2, 0, 0.5)


def test_the_mean_counts_every_generator_once_and_no_photo_source():
    rows = generator_rows(LABELS, PROBABILITIES, SOURCES)
    mean = mean_row(rows)
    assert set(mean) == set(COLUMNS)
    for name in COLUMNS:
        assert mean[name] == pytest.approx((rows["lone"][name] + rows["paired"][name]) / 2)


def test_a_generator_without_any_reals_is_left_out_of_what_it_cannot_tell():
    rows = generator_rows([1, 1], [0.9, 0.2], ["a", "b"])
    assert math.isnan(rows["a"]["ap"]) and math.isnan(mean_row(rows)["ap"])
    assert mean_row(rows)["fake_acc"] == 0.5
    assert math.isnan(mean_row(generator_rows([0], [0.5], ["a"]))["acc"])
    assert generator_rows([], [], []) == {}


def test_ranking_uses_the_scores():
    rows = generator_rows([0, 1], [1.0, 1.0], ["a", "a"], scores=[5.0, 6.0])
    assert rows["a"]["auc"] == 1.0 and rows["a"]["acc"] == 0.5


def test_the_printed_table_has_aligned_columns_and_ends_with_the_mean():
    lines = format_table(generator_rows(LABELS, PROBABILITIES, SOURCES)).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[0] for line in lines if not line.startswith("-")] == [
        "generator",
        "lone",
        "paired",
        "photos",
        "mean",
    ]
    assert lines[3].split()[:5] == ["paired", "2", "2", "50.0", "50.0"]
    assert " - " in lines[4]
    assert "mean" in format_table({})


def test_csv_has_full_precision_and_no_leftovers(tmp_path):
    rows = generator_rows(LABELS, PROBABILITIES, SOURCES)
    target = tmp_path / "new/table.csv"
    for _ in range(2):
        write_csv(target, *csv_lines(rows))
    read = list(csv.DictReader(target.open()))
    assert [line["source"] for line in read] == ["lone", "paired", "photos", "mean"]
    assert float(read[0]["auc"]) == rows["lone"]["auc"]
    assert read[-1]["real"] == "" and float(read[-1]["ap"]) == mean_row(rows)["ap"]
    assert os.listdir(target.parent) == ["table.csv"]


def test_a_csv_that_cannot_be_placed_leaves_nothing_behind(tmp_path):
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(OSError):
        write_csv(tmp_path / "table.csv", ["a"], [[1]])
    assert os.listdir(tmp_path) == ["table.csv"]


def test_each_image_needs_a_source():
    with pytest.raises(ValueError, match="1 sources for 2 labels"):
        generator_rows([0, 1], [0.1, 0.2], ["a"])
