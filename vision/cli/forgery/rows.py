"""How results of `vision forgery` look in its table, and which of them --fail-on counts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from vision.cli.forgery.command import DECLARATION, PIXELS, WATERMARK
from vision.cli.reporter import Subject
from vision.provenance.claims import AI_EDITED, AI_GENERATED
from vision.provenance.fields import FIELDS
from vision.structures.forgery import GENERATED, result_fields

# What of the parts the table tells, behind the conclusion and before the metadata.
_PARTS = (
    ("declared_by", "declared by"),
    ("signature", "signature"),
    ("watermark", "watermark"),
    ("generator_model", "model"),
    ("seed", "seed"),
    ("prompt", "prompt"),
)


def subject_of(command: argparse.Namespace) -> Subject:
    """What the command reports on."""
    stable = ["stable"] if command.robust else []
    return Subject(
        noun="image",
        done="judged",
        source="path",
        fields=[*result_fields(), *(["heatmap"] if command.heatmap is not None else [])],
        columns=["conclusion", "verdict", "probability", "logit", "crops", *stable, "path", "notes"],
        row=lambda record: _row(record, command.robust),
        counts=lambda verdicts: ", ".join(f"{n} {name}" for name, n in sorted(verdicts.items())) or "none judged",
        outcome=lambda record: record["verdict"],
        alarms=alarms,
    )


def alarms(record: Mapping[str, Any]) -> list[str]:
    """Which kinds of evidence for AI a record has, by the names of --fail-on; also one that could not be judged."""
    found = {
        PIXELS: record["verdict"] == GENERATED,
        DECLARATION: record["declared"] in (AI_GENERATED, AI_EDITED),
        WATERMARK: bool(record["watermark"]),
    }
    return [name for name, is_there in found.items() if is_there]


def _row(record: dict[str, Any], robust: bool) -> list[str]:
    """Cells for people: the conclusion in one word, and in the notes in full with all that the file says."""
    parts = [f"{label}: {_short(str(record[name]))}" for name, label in _PARTS if record[name]]
    metadata = [f"{field.label}: {_short(record[field.name])}" for field in FIELDS if record[field.name]]
    notes = "; ".join([*filter(None, [record["conclusion"]]), *parts, *record["notes"], *metadata])
    stable = [("yes" if record["stable"] else "no")] if robust else []
    numbers = [f"{record['probability']:.3f}", f"{record['logit']:+.2f}", str(record["crops"])]
    return [record["conclusion_kind"], record["verdict"], *numbers, *stable, record["path"], notes]


def _short(value: str) -> str:
    """The full text is in the JSON; vocabulary terms are addresses, whose last part says what they mean."""
    value = value.rpartition("/")[2] if value.startswith("http") else value
    return value if len(value) <= 60 else f"{value[:59]}…"
