"""The report of a run: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class StepResult(NamedTuple):
    """How a step went; `found` is what its file says."""

    name: str
    status: str  # passed, failed, crashed, cut, skipped
    seconds: float
    found: dict[str, Any]

    @property
    def failures(self) -> list[str]:
        """Checks that did not hold."""
        checks = self.found.get("checks", [])
        return [f"{check['name']}: {check['detail']}" for check in checks if not check["ok"]]


def write_report(folder: Path, title: str, results: Sequence[StepResult]) -> None:
    """`results.json` and `report.md` in the folder."""
    whole = {"title": title, "steps": [result._asdict() for result in results]}
    (folder / "results.json").write_text(json.dumps(whole, indent=1) + "\n")
    (folder / "report.md").write_text(_markdown(title, results))


def _markdown(title: str, results: Sequence[StepResult]) -> str:
    lines = [f"# {title}", ""]
    rows = []
    for result in results:
        checks = result.found.get("checks", [])
        held = f"{sum(check['ok'] for check in checks)} of {len(checks)}" if checks else ""
        rows.append([result.name, result.status, held, f"{result.seconds:.0f}", result.found.get("skipped") or ""])
    lines += _table(["step", "outcome", "checks that held", "seconds", "why it was skipped"], rows)
    for result in results:
        lines += _section(result)
    return "\n".join(lines) + "\n"


def _section(result: StepResult) -> list[str]:
    notes, tables = result.found.get("notes", []), result.found.get("tables", [])
    if not (notes or tables or result.failures or result.status == "cut"):
        return []
    lines = ["", f"## {result.name}", ""]
    if result.status == "cut":
        lines += ["Cut, as its time was over: what follows is what it had by then.", ""]
    lines += [f"- failed: {failure}" for failure in result.failures] + [f"- {note}" for note in notes]
    for table in tables:
        lines += ["", f"### {table['title']}", "", *_table(table["columns"], table["rows"])]
    return lines


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(columns), "|" + "---|" * len(columns), *(line(row) for row in rows)]
