"""What a paused video is saved as: plain values, and whose they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from vision.checkpoint import CheckpointError, read_training_checkpoint
from vision.errors import UsageError
from vision.files import replacing

FORMAT = "neighborhood-vision video state"
VERSION = 1
_PARTS = ("memory", "has_references", "tracks", "order")


class StreamOwner(NamedTuple):
    """To whom the state of a video belongs.

    Attributes:
        model: its name.
        digest: of its weights, "" for a network that is no module of torch.
        classes: names of the classes that it knows.
        mode: "causal" or "offline".
    """

    model: str
    digest: str
    classes: tuple[str, ...]
    mode: str

    def to_dict(self) -> dict[str, Any]:
        """The head of a state."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "model": self.model,
            "digest": self.digest,
            "classes": list(self.classes),
            "mode": self.mode,
        }


class Parts:
    """Parts of a state while they are loaded."""

    @contextmanager
    def loading(self, name: str) -> Iterator[None]:
        """A block that loads one; what it raises of a state that does not fit becomes a UsageError.

        Raises:
            UsageError: of code "bad-state".
        """
        try:
            yield
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise _bad(f"its {name} does not fit ({reason})") from None


def checked_state(state: Any, owner: StreamOwner) -> Parts:
    """Refuse what is no state, or that of another model.

    Raises:
        UsageError: of code "bad-state"; the message names what differs.
    """
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise _bad("it is no state of a video", "what VideoInferencer.state gives")
    if state.get("version") != VERSION:
        raise _bad(f"it has version {state.get('version')!r}", f"version {VERSION}")
    missing = [name for name in (*_PARTS, *owner.to_dict()) if name not in state]
    if missing:
        raise _bad(f"it lacks {missing[0]}")
    if state["model"] != owner.model:
        raise _bad(f"it is of model {state['model']!r}", repr(owner.model))
    classes = state["classes"]
    if not isinstance(classes, list) or tuple(classes) != owner.classes:
        raise _bad(f"its classes are {_short(classes)}", _short(list(owner.classes)))
    if state["digest"] != owner.digest:
        raise _bad(f"it is of other weights of model {owner.model!r}", "the checkpoint that it was made with")
    if state["mode"] != owner.mode:
        raise _bad(f"it is of mode {state['mode']!r}", repr(owner.mode))
    return Parts()


def weights_digest(network: Any) -> str:
    """SHA-256 of a network's weights, by which two of one name are told apart; "" for what has no `state_dict`."""
    if not hasattr(network, "state_dict"):
        return ""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        # As bytes, since numpy knows no bfloat16.
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def moved(state: Any, device: torch.device) -> Any:
    """A state whose tensors are where the network runs: files are read to the CPU."""
    if isinstance(state, dict):
        return {name: moved(value, device) for name, value in state.items()}
    return state.to(device) if isinstance(state, torch.Tensor) else state


def is_finite(state: Any) -> bool:
    """Whether all numbers of a memory's state are numbers."""
    if isinstance(state, dict):
        return all(map(is_finite, state.values()))
    return bool(state.isfinite().all()) if isinstance(state, torch.Tensor) else True


def write_state(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a state to a file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as file:
        torch.save(state, file)


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A state from a file; no code in it is run.

    Raises:
        UsageError: of code "bad-state": the file is missing, damaged, or holds something else.
    """
    try:
        state = read_training_checkpoint(os.fspath(path))
    except CheckpointError as error:
        reason = str(error).replace("checkpoint ", "state ", 1)
        raise UsageError(reason, code="bad-state", value=os.fspath(path)) from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        message = f"state {os.fspath(path)} holds no state of a video; expected what VideoInferencer.state gives"
        raise UsageError(message, code="bad-state", value=os.fspath(path))
    return state


def _bad(what: str, expected: str = "") -> UsageError:
    text = f"the state cannot be loaded: {what}" + (f"; expected {expected}" if expected else "")
    return UsageError(text, code="bad-state", value=what)


def _short(names: Any) -> str:
    text = ", ".join(map(str, names)) if isinstance(names, list) else repr(names)
    return text if len(text) <= 100 else f"{text[:100]}..."
