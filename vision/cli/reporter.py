"""How commands report: complaints and progress on stderr, results as a table, JSON or CSV, and the exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import vision
from vision.cli.advice import advised
from vision.cli.output import print_table, to_json
from vision.cli.paths import Gap
from vision.cli.process import say
from vision.cli.table import CsvFile, digest_of, run_of
from vision.published import find_published

ALL_DONE, SOME_FAILED = 0, 1
FAILED = "error"
Record = dict[str, Any]


class Result(Protocol):
    """What an inferencer returns: data, with an error where there is no result. It may have `warnings`, too."""

    @property
    def error(self) -> str | None:
        """Why there is no result, in one line."""

    def to_dict(self) -> Record:
        """Flat and JSON-ready, always with the same fields."""


@dataclass(frozen=True)
class Subject:
    """What a command reports on: all that it has of its own.

    Attributes:
        noun: of one result, such as "image".
        done: what happens to it, such as "judged".
        source: the field that says what a record is of.
        fields: of a record, for CSV files.
        columns: headings of the table; the last two are the source and the notes.
        row: cells of a record without an error.
        counts: how many records have each outcome, in words, such as "3 real, 1 inconclusive".
        outcome: of a record without an error.
        alarms: what of a record the exit code may be asked to tell, by the names of options.
    """

    noun: str
    done: str
    source: str
    fields: Sequence[str]
    columns: Sequence[str]
    row: Callable[[Record], list[str]]
    counts: Callable[[Counter[str]], str]
    outcome: Callable[[Record], str]
    alarms: Callable[[Record], Sequence[str]] = lambda record: ()


class Progress(NamedTuple):
    """What to call when one result is there, and with (parts done, of all) within a long one; None if nobody looks."""

    advance: Callable[[], None]
    on_part: Callable[[int, int], None] | None


class Reporter:
    """Reports on results as soon as each is there, and on all at the end.

    It is a context: inside of it, the CSV file of --csv is open, and has each row as soon as it is there.

    Args:
        command: the arguments; `name`, `csv`, `json` and `jsonl` are read.
        subject: what the results are.
        sources: what the results are of, in their order, for --resume.
        inputs: files that are read, which no option may name to be written.

    Attributes:
        done: how many sources an earlier run has done, of the first ones; with --resume.
        earlier: their records, as the CSV file has them.
        outcomes: number of results of each outcome; "error" is the outcome of those that failed.
        alarms: number of results with each alarm, also of those that failed.
    """

    def __init__(
        self,
        command: argparse.Namespace,
        subject: Subject,
        sources: Sequence[Any] = (),
        inputs: Sequence[str | None] = (),
    ) -> None:
        self.command, self.subject, self.sources = command, subject, sources
        self.inputs = [name for name in inputs if name is not None]
        self.done = 0
        self.earlier: list[Record] = []
        self.outcomes: Counter[str] = Counter()
        self.alarms: Counter[str] = Counter()
        self._records: list[Record] = []
        self._has_gap = False
        self._csv: CsvFile | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Reporter:
        if self.command.csv is not None:
            file = CsvFile(
                self.command.csv,
                self.subject.fields,
                run_of(options_that_matter(self.command), self.sources),
                self.inputs,
                self.command.overwrite,
                self.command.resume,
                (self.subject.source, [_name_of(source) for source in self.sources]),
            )
            self._csv = self._stack.enter_context(file)
            self._count_earlier(file.rows)
        return self

    def _count_earlier(self, rows: Sequence[Record]) -> None:
        self.earlier = [row | {"error": row["error"] or None} for row in rows]
        for record in self.earlier:
            self._count(record)
        self.done = len(rows)
        if rows:
            self.complain(f"{self.command.csv} has {len(rows)} of {len(self.sources)} already; going on behind them")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def complain(self, text: str) -> None:
        """One line on stderr, with advice about options where the text has a code."""
        self._has_gap = self._has_gap or isinstance(text, Gap)
        say(f"vision {self.command.name}: {advised(text)}")

    def add(self, record: Record) -> None:
        """Report one result: in the CSV file, on stderr what is odd about it, and with --jsonl on stdout."""
        self.tally(record)
        self._print_now(record)
        if not self.command.jsonl:
            self._records.append(record)

    def tally(self, record: Record) -> None:
        """Count a result and write it to the CSV file, if there is one."""
        self._count(record)
        if self._csv is not None:
            self._csv.write(
                {
                    name: "; ".join(map(str, value)) if isinstance(value, list) else value
                    for name, value in record.items()
                }
            )

    def _count(self, record: Record) -> None:
        self.outcomes[FAILED if record["error"] is not None else self.subject.outcome(record)] += 1
        self.alarms.update(self.subject.alarms(record))

    def complain_of(self, record: Record, with_error: bool = True) -> None:
        """The warnings of a result, and its error."""
        source = record[self.subject.source]
        for warning in record.get("warnings", ()):
            self.complain(f"{source}: warning: {warning}")
        if record["error"] is not None and with_error:
            self.complain(f"{source}: {record['error']}")

    def finish(self) -> None:
        """The table with the counts below it, or the JSON array; nothing with --jsonl, which has told all."""
        if self.command.json:
            print(to_json(self._records, indent=2))
        if self.command.json or self.command.jsonl:
            return
        print_table(self.subject.columns, [self._row(record) for record in self._records])
        total, failed = self.outcomes.total(), self.outcomes[FAILED]
        noun, done = self.subject.noun, self.subject.done
        counts = self.subject.counts(Counter({name: n for name, n in self.outcomes.items() if name != FAILED}))
        problem = f"; {failed} could not be {done}" if failed else ""
        say(f"{total} {noun}{'s' * (total != 1)}: {counts}{problem}")

    @property
    def exit_code(self) -> int:
        """0 when every result is there and no folder had images that were left out, else 1."""
        return SOME_FAILED if self.outcomes[FAILED] or self._has_gap else ALL_DONE

    @contextmanager
    def progress(
        self, total: int | None, label: str, part: str = "parts", is_slow: bool = False, has_rate: bool = False
    ) -> Iterator[Progress]:
        """A bar on stderr, when people watch it and nothing else scrolls through it.

        Args:
            total: number of results, None if nobody knows.
            label: what is counted.
            part: what is counted within one result.
            is_slow: whether one result alone takes so long that it needs a bar.
            has_rate: whether to show results per second.
        """
        is_long = total is None or total > 1 or is_slow
        is_hidden = self.command.jsonl and sys.stdout.isatty()
        with progress_bar(total, label, part, has_rate, is_wanted=is_long and not is_hidden) as progress:
            yield progress

    def _print_now(self, record: Record) -> None:
        self.complain_of(record, with_error=False)
        if self.command.jsonl:
            print(to_json(record), flush=True)
        if record["error"] is not None and (self.command.jsonl or self.command.json):  # else the table has it
            self.complain(f"{record[self.subject.source]}: {record['error']}")

    def _row(self, record: Record) -> list[str]:
        if record["error"] is None:
            return self.subject.row(record)
        return [FAILED, *["-"] * (len(self.subject.columns) - 3), record[self.subject.source], record["error"]]


def record_of(result: Result) -> Record:
    """The fields of a result, its error and its warnings with advice about options."""
    record = result.to_dict()  # its texts are plain; those of the result know their codes
    if result.error is not None:
        record["error"] = advised(result.error)
    if "warnings" in record:
        record["warnings"] = [advised(warning) for warning in getattr(result, "warnings", ())]
    return record


@contextmanager
def progress_bar(
    total: int | None, label: str, part: str = "parts", has_rate: bool = False, is_wanted: bool = True
) -> Iterator[Progress]:
    """A bar on stderr, if that is a terminal; `is_wanted` is whether nothing else scrolls through it."""
    if not is_wanted or not sys.stderr.isatty():
        yield Progress(lambda: None, None)
        return
    # Imported late: rich takes longer to import than a small run takes without a bar.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    if has_rate:
        columns.append(TextColumn(f"{{task.fields[rate]:.2f}} {label} per second"))
    with Bar(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        results = bar.add_task(label, total=total, rate=0.0)
        parts = bar.add_task(part, total=None, visible=False, rate=0.0)

        def advance() -> None:
            bar.advance(results)
            bar.update(results, rate=bar.tasks[results].speed or 0.0)

        def on_part(done: int, of: int) -> None:
            bar.update(parts, completed=done, total=of, visible=done < of)

        yield Progress(advance, on_part)


# What does not change a row: where results go, and how fast they come. Nor does where a foundation model's weights lie:
# the checkpoint says which they must be.
_INDIFFERENT = (
    *("batch_size", "csv", "device", "fail_on", "fail_on_fake", "foundation", "inputs", "json", "jsonl", "overwrite"),
    *("allow_download", "paths", "report", "resume", "run", "workers"),
)


def _name_of(source: str | Sequence[str]) -> str:
    return os.path.basename(source if isinstance(source, str) else source[0])


def options_that_matter(command: argparse.Namespace, indifferent: Collection[str] = ()) -> Record:
    """Those that a row depends on, with what stands for the files that they name.

    Args:
        command: the arguments.
        indifferent: names of more options that change no row.
    """
    options = {name: value for name, value in vars(command).items() if name not in (*_INDIFFERENT, *indifferent)}
    files = [*_weights_of(options.get("checkpoint")), *(options.get("calib") or []), *_files_of(options.get("trust"))]
    return options | {"files": [digest_of(file) for file in files], "version": vision.__version__}


def _weights_of(checkpoint: str | None) -> list[str | None]:
    """The files of a checkpoint, which may be a folder or a name of published weights."""
    if checkpoint is not None and os.path.isdir(checkpoint):
        return [os.path.join(checkpoint, name) for name in ("model.safetensors", "config.json")]
    row = None if checkpoint is None or os.path.exists(checkpoint) else find_published(checkpoint)
    if row is None:
        return [checkpoint]
    from vision.hub import find_file

    file = find_file(row)
    return [None if file is None else str(file)]


def _files_of(path: str | None) -> list[str]:
    """A file, or those of a folder."""
    if path is None or not os.path.isdir(path):
        return [path] if path is not None else []
    return sorted(entry.path for entry in os.scandir(path))
