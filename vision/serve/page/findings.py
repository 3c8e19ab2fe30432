"""Results of the forgery tab as HTML: every text of a stranger is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from vision.report.summary import COLUMNS, summary

_HEADINGS = ("For AI generation", "Against it", "Decides nothing")


def findings_html(record: Mapping[str, Any], has_heatmap: bool) -> str:
    """All that is said of one image.

    Args:
        record: `ForgeryResult.to_dict()`.
        has_heatmap: whether the page shows a heat map of it.
    """
    said = summary(record, has_heatmap)
    parts = [f'<p class="badge {said.tone}">{_text(said.conclusion or said.label)}</p>']
    if said.error:
        parts.append(f'<p class="wrong">{_text(said.error)}</p>')
    parts += [_listed(heading, lines) for heading, lines in zip(_HEADINGS, said.evidence, strict=True)]
    parts.append(_facts("What the file declares", said.declaration))
    parts.append(_listed("Remarks on the file", said.remarks))
    parts.append(_facts("File history", said.history))
    parts.append(_facts("Metadata", said.metadata))
    parts.append(_listed("What cannot be told", said.limits))
    return f'<div class="findings">{"".join(parts)}</div>'


def table_html(records: Sequence[Mapping[str, Any]]) -> str:
    """A row per image; columns in which no image has anything are left out."""
    rows = [[cell.text for cell in summary(record).cells] for record in records]
    used = [column for column in range(len(COLUMNS)) if any(row[column] for row in rows)]
    names = list(COLUMNS.values())
    return rows_html([names[column] for column in used], [[row[column] for column in used] for row in rows])


def rows_html(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain table; it scrolls by itself where it is wider than the page."""
    head = "".join(f'<th scope="col">{_text(text)}</th>' for text in headings)
    body = "".join("<tr>" + "".join(f"<td>{_text(text)}</td>" for text in row) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide" tabindex="0" role="region" aria-label="Results">{table}</div>'


def notes_html(lines: Sequence[str]) -> str:
    """Warnings, one per line; nothing where there are none."""
    return f'<div class="findings">{_listed("Please note", lines)}</div>' if lines else ""


def _listed(heading: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    return f"<h2>{heading}</h2><ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>"


def _facts(heading: str, pairs: Sequence[tuple[str, str]]) -> str:
    if not pairs:
        return ""
    rows = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(text)}</dd></div>" for name, text in pairs)
    return f"<h2>{heading}</h2><dl>{rows}</dl>"


def _text(text: object) -> str:
    return f"<bdi>{escape(str(text))}</bdi>"
