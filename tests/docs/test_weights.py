"""The tables of docs/weights.md are those of the data."""

from __future__ import annotations

import hashlib

from tools.docs import weights
from vision.models.table import MODELS
from vision.published import PUBLISHED


def test_the_page_has_the_tables_that_the_data_give() -> None:
    text = weights.PAGE.read_text(encoding="utf-8")
    assert text == weights.with_tables(text)
    assert text.count("<!-- table: ") == 7


def test_every_published_file_is_on_the_page_once_with_its_license() -> None:
    lines = weights.PAGE.read_text(encoding="utf-8").splitlines()
    for row in PUBLISHED.values():
        (line,) = [line for line in lines if line.startswith(f"| {row.name} |")]
        assert line.endswith(f"| {row.license} | [{row.file}]({row.url}) |")


def test_what_ships_has_its_digest_on_the_page() -> None:
    text = weights.PAGE.read_text(encoding="utf-8")
    for row in MODELS:
        if row.weights_path is not None:
            content = row.weights_path.read_bytes()
            assert (
                f"| {row.name} | {len(content):,} | {row.license} | `{hashlib.sha256(content).hexdigest()}` |" in text
            )


def test_figures_have_the_fields_names() -> None:
    table = weights.table("detection")
    assert "| maskrcnn_dinat_s_tiny | 192 | COCO box AP 46.6, COCO mask AP 42.1 | MIT |" in table
    table = weights.table("segmentation")
    assert "| mask2former_dinat_large_ade20k_semantic | 880 | ADE20K mIoU multi scale 58.1 | MIT |" in table
