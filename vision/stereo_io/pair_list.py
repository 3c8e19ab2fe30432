"""CSV files that list stereo pairs, one per line."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence

from vision.errors import UsageError
from vision.lists import read_list

REQUIRED = ("left", "right")


def read_pair_list(
    path: str | os.PathLike[str], optional: Sequence[str] | None = None, keep_empty: bool = False
) -> list[tuple[int, dict[str, str]]]:
    """Read a list of pairs, whose first line names the columns: `left`, `right` and others, in any order.

    Args:
        path: of the CSV file, UTF-8, or UTF-16 as Windows writes it.
        optional: columns that may be there besides; any other is refused then, as is a line with more cells than
            columns. None takes any file that has the two: what else it holds is given as it is, and a name that is not
            UTF-8 keeps its bytes.
        keep_empty: give lines that do not name both images, with empty cells, instead of refusing the list.

    Returns:
        (number of the line, cells by column) of each pair; cells are stripped, and those that are missing are empty.

    Raises:
        UsageError: the file cannot be read, lacks a column or has an unknown one, lists no pair, or a line does not
            name both images; the message names the line.
    """
    name, is_strict = os.fspath(path), optional is not None
    try:
        text = read_list(path, "a CSV file of pairs").decode("utf-8", "strict" if is_strict else "surrogateescape")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=is_strict)
        columns = [str(column).strip() for column in reader.fieldnames or []]
        _check_columns(name, columns, optional)
        reader.fieldnames = columns
        pairs = [(reader.line_num, _cells(name, reader.line_num, row, is_strict, keep_empty)) for row in reader]
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not a CSV file in UTF-8 ({error})", code="bad-list", value=name) from None
    except csv.Error as error:
        raise UsageError(f"{name}: not a CSV file ({error})", code="bad-list", value=name) from None
    if not pairs:
        raise UsageError(f"{name}: lists no pair; expected lines below the header", code="bad-list", value=name)
    return pairs


def _check_columns(name: str, columns: list[str], optional: Sequence[str] | None) -> None:
    missing = [column for column in REQUIRED if column not in columns]
    found = ", ".join(columns)[:200] or "missing"
    if optional is None:
        if missing:
            raise UsageError(
                f"{name}, line 1: the columns are {found}; expected left and right", code="bad-list", value=name
            )
        return
    unknown = [column for column in columns if column not in (*REQUIRED, *optional)]
    if missing or unknown or len(set(columns)) < len(columns):
        raise UsageError(
            f"{name}, line 1: the columns are {found}; "
            f"expected {', '.join(REQUIRED)} and, if wanted, {', '.join(optional)}, each once",
            code="bad-list",
            value=name,
        )


def _cells(name: str, line: int, row: dict[str, str | None], is_strict: bool, keep_empty: bool) -> dict[str, str]:
    # csv puts what is beyond the header under the key None.
    if is_strict and None in row:
        raise UsageError(
            f"{name}, line {line}: more cells than the header has; quote commas in names", code="bad-list", value=name
        )
    cells = {column: (cell or "").strip() for column, cell in row.items() if isinstance(column, str)}
    for side in REQUIRED:
        if not cells[side] and not keep_empty:
            raise UsageError(f"{name}, line {line}: no {side} image; expected a file name", code="bad-list", value=name)
    return cells
