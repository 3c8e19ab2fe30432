"""What a batch does: its inputs, its table, and the work on one input. Everything else is the same for all tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from vision.errors import Notice

if TYPE_CHECKING:
    import pyarrow as pa

PATH, ERROR, ERROR_CODE = "path", "error", "error_code"
WORKER_DIED = "worker-died"

Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One input.

    Attributes:
        key: tells it from all others: the values of the columns `Job.key`.
        content: what the work takes; it travels to workers, pickled.
    """

    key: tuple[str, ...]
    content: Any


# From inputs to their rows, in the same order, each as soon as it is there; what is wrong with an input is in its row.
Work: TypeAlias = Callable[[Iterable[Item]], Iterator[Record]]


class Job(ABC):
    """A batch of one task. It travels to workers, pickled.

    Attributes:
        name: of the task, such as "forgery".
        noun: of one input, such as "image".
        key: names of the columns that tell rows apart, the first of them "path".
        chunk: inputs that a worker takes at a time; what a dead worker had is done again.
        options: what a row depends on: a folder is gone on with by the same ones alone.
    """

    name: str
    noun: str
    key: tuple[str, ...] = (PATH,)
    chunk: int = 32
    options: dict[str, Any]

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """Columns of the table; `path`, `error` and `error_code` are among them."""

    @abstractmethod
    def items(self) -> Iterator[Item]:
        """Inputs, found as they are asked for, in an order that is the same the next time.

        Raises:
            UsageError: they cannot be listed, or there are none.
        """

    @property
    def remarks(self) -> list[str]:
        """What was not taken, and why, when `items` has ended."""
        return []

    @property
    def is_of_this_process(self) -> bool:
        """Whether inputs are in this process's memory, where no other one finds them."""
        return False

    @abstractmethod
    def load(self) -> Work:
        """Load the model, in a worker.

        Raises:
            UsageError: it cannot be had there.
        """

    @abstractmethod
    def blank(self, key: tuple[str, ...]) -> Record:
        """The row of an input of which nothing else is known."""


def failed_row(job: Job, key: tuple[str, ...], error: Notice) -> Record:
    """The row of an input that could not be worked on: its key, and why."""
    return job.blank(key) | {ERROR: str(error), ERROR_CODE: error.code}
