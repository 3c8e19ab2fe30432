"""The table of fields is what is documented, and complete."""

from __future__ import annotations

from pathlib import Path

from vision.provenance import PROVENANCE_FIELDS
from vision.provenance.fields import FIELDS

ROOT = Path(__file__).resolve().parents[2]


def test_docs_show_the_table() -> None:
    rows = [f"| `{field.name}` | {field.meaning} | {field.where()} |" for field in FIELDS]
    table = "\n".join(["| field | what it says | where it is read |", "|---|---|---|", *rows])
    assert table in (ROOT / "docs/forgery.md").read_text(encoding="utf-8"), f"docs/forgery.md lacks:\n{table}"


def test_every_field_has_its_own_name_label_and_place() -> None:
    assert len(set(PROVENANCE_FIELDS)) == len(FIELDS) == len({field.label for field in FIELDS})
    assert all(field.where() for field in FIELDS)
    for kind in ("tags", "properties", "datasets"):
        keys = [key for field in FIELDS for key in getattr(field, kind)]
        assert len(keys) == len(set(keys)), kind


def test_fields_that_users_know_come_first() -> None:
    assert PROVENANCE_FIELDS[:8] == (
        *("exif_software", "exif_make", "exif_model", "exif_user_comment"),
        *("xmp_digital_source_type", "xmp_creator_tool", "c2pa_manifest", "png_text"),
    )
