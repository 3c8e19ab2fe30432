"""What all inferencers share: the contract, the checks of arguments and inputs, reading ahead in threads.

An inferencer takes a list (or one input) and gives a list of results in the same order; `stream` takes any iterable
and yields each result as soon as it is there. An input that cannot be used gives a result whose `error` says why, and
the others go on; an input of a wrong type is a TypeError. An argument of the constructor that does not fit is a
UsageError. Arguments of one meaning have one name everywhere: `checkpoint`, `device`, `precision`, `max_pixels`,
`batch_size`, `workers`, `network`.
"""

from __future__ import annotations

import functools
import os
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeAlias, TypeVar

import numpy as np

from vision.errors import Notice, UsageError
from vision.images import checked_array, read_image

if TYPE_CHECKING:
    import torch

# What stands for one image.
ImageInput: TypeAlias = "str | os.PathLike[str] | np.ndarray"

# What torch calls the values that networks compute in.
PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}

Input = TypeVar("Input")
Output = TypeVar("Output")
P = ParamSpec("P")
R = TypeVar("R")


class Inferencer(ABC, Generic[Input, Output]):
    """From inputs to results, in their order."""

    def __call__(self, inputs: Input | Iterable[Input], /) -> list[Output]:
        """One result per input, in the order given; a single input gives a list of one."""
        return list(self.stream(inputs))

    @abstractmethod
    def stream(self, inputs: Input | Iterable[Input], /) -> Iterator[Output]:
        """As a call, but yields each result as soon as it is there; reads ahead only a little."""


def is_image(value: object) -> bool:
    """Whether it is of a type that stands for one image: a path or an array."""
    return isinstance(value, str | os.PathLike | np.ndarray)


def listed(images: ImageInput | Iterable[ImageInput]) -> Iterable[ImageInput]:
    """Images as they are; a single one as a list of one."""
    return [images] if is_image(images) else images  # type: ignore[list-item, return-value]


def check_type(index: int, image: object) -> None:
    """Raise TypeError for what stands for no image, by its place among the inputs."""
    if not is_image(image):
        raise TypeError(f"image {index} is a {type(image).__name__}; expected a path or a uint8 RGB array")


def load_image(image: ImageInput, name: str, max_pixels: int, white: int | None = None) -> np.ndarray:
    """Pixels of a path or an array, uint8 RGB `[H, W, 3]`; `name` stands for the path of an array in errors.

    Raises:
        ImageError: it cannot be read, or is no image.
    """
    return checked_array(image, name) if isinstance(image, np.ndarray) else read_image(image, max_pixels, white)


def name_of(image: ImageInput, name: str) -> str:
    """The path, or for an array the name that stands for it."""
    return name if isinstance(image, np.ndarray) else os.fspath(image)


def check_least(least: int, unit: str = "", **arguments: int) -> None:
    """Arguments that have a smallest value.

    Raises:
        TypeError: one is no number.
        UsageError: one is below it; the message names it.
    """
    for name, value in arguments.items():
        if not value >= least:
            message = f"{name} is {value}; expected at least {least}{unit and ' ' + unit}"
            raise UsageError(message, code="out-of-range", value=value)


def check_precision(precision: str) -> None:
    """Raise UsageError for a precision other than "fp32", "bf16" or "fp16"."""
    if precision not in PRECISIONS:
        message = f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}"
        raise UsageError(message, code="out-of-range", value=precision)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """A block in which networks work in that precision, as far as autocast finds it safe; "fp32" changes nothing."""
    import torch  # inferencers that run elsewhere do without it

    dtype: torch.dtype = getattr(torch, PRECISIONS[precision])
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


def not_a_number(precision: str) -> Notice:
    """The error of an input for which the model gave values that are infinite or undefined."""
    text = "the model gave a value that is not a number; check the checkpoint"
    if precision == "fp32":
        return Notice(text, "not-a-number")
    return Notice(f"{text}, or use precision fp32", "not-a-number-in-half", precision)


def read_ahead(
    read: Callable[[int, Input], Output], inputs: Iterable[Input], workers: int = 1, ahead: int = 1
) -> Iterator[Output]:
    """`read(number, input)` of every input, in order, made in threads while the consumer works.

    Inputs are taken only as results are: at most `ahead` are read before they are asked for, so that an endless
    iterable, or one of large images, does not fill the memory. What `read` raises is raised when its turn comes.

    Args:
        read: called in a thread with the number of the input, from 0 on.
        inputs: what to read; iterated over by the consumer's thread alone.
        workers: threads.
        ahead: how many results may wait, at least `workers` to keep all of them busy.
    """
    numbered = enumerate(inputs)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        window = deque(pool.submit(read, *item) for item in islice(numbered, ahead))
        while window:
            done = window.popleft().result()
            window.extend(pool.submit(read, *item) for item in islice(numbered, 1))
            yield done
    finally:
        # Also when the consumer stops early: nothing that waits is begun, and nobody waits for what runs.
        pool.shutdown(wait=False, cancel_futures=True)


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take arguments under their old names, with a DeprecationWarning: `@renamed(old="new")`."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old, new in names.items():
                if old in kwargs:
                    if new in kwargs:
                        raise TypeError(f"{function.__name__}() got {new!r} and {old!r}, its old name; give one")
                    warnings.warn(f"{old!r} is now called {new!r}", DeprecationWarning, stacklevel=2)
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate
