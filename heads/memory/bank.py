"""A bounded set of feature rows that remembers a whole video: the memory bank of MAMBA (arXiv 2401.09923)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vision.errors import UsageError


class MemoryBank:
    """Rows of features of one stream: read a random few, write new ones over random old ones.

    Random replacement row by row ("feature-wise") leaves a mixture of all frames so far, where a queue would hold the
    last ones alone. What is read is a subset ("light-weight key set"), so that attention costs the same for any length.

    The length is known on the host and random numbers are drawn where the features are: on a GPU nothing waits for it.
    All random choices follow from `seed` and from how many were made; none touch torch's global generators.

    Args:
        max_length: from this many rows on, updates replace. Until then an update is taken in whole, as published, so
            the update that fills the bank may end beyond it: there are always fewer than twice `max_length` rows.
        key_length: rows that are read at most.
        seed: of the random choices, from 0.
    """

    def __init__(self, max_length: int = 20_000, key_length: int = 2_000, seed: int = 0) -> None:
        for name, value, least in (("max_length", max_length, 1), ("key_length", key_length, 1), ("seed", seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(
                    f"{name} of a memory bank must be an integer from {least} on, got {value!r}",
                    code="out-of-range",
                    value=value,
                )
        self.max_length = max_length
        self.key_length = key_length
        self.seed = seed
        self._draws = 0
        self._rows: Tensor | None = None  # [at least length, C]
        self._length = 0

    def __len__(self) -> int:
        return self._length

    # Outside of inference mode, whose tensors could never be written or learned from in any other mode.
    @torch.inference_mode(mode=False)
    @torch.no_grad()
    def sample(self) -> Tensor:
        """A copy of all rows if there are at most `key_length`, else of as many random ones: `[n, C]`.

        An empty bank gives no rows, and before its first update no channels either.
        """
        if self._rows is None:
            return torch.empty(0, 0)
        if self._length <= self.key_length:
            return self._rows[: self._length].clone()
        return self._rows.index_select(0, self._choice(self._length, self.key_length, self._rows.device))

    @torch.inference_mode(mode=False)
    @torch.no_grad()
    def update(self, features: Tensor) -> None:
        """Take in rows `[n, C]`, in their own precision and on their own device; no rows change nothing.

        Where the precision changes, as when a stream goes on in another one, all rows take that which holds both.

        Raises:
            UsageError: not rows of floating-point features, or unlike those that are here.
        """
        self._check_rows(features)
        count = len(features)
        if count == 0:
            return
        if self._rows is not None and self._length:
            common = torch.promote_types(self._rows.dtype, features.dtype)
            self._rows, features = self._rows.to(common), features.to(common)
        if count > self.max_length:  # nothing old would be left but by chance
            features = features[self._choice(count, self.max_length, features.device)]
            count, self._length = self.max_length, 0
        if self._length >= self.max_length:
            assert self._rows is not None
            self._rows.index_copy_(0, self._choice(self._length, count, features.device), features)
            return
        rows = self._storage(features)
        rows[self._length : self._length + count] = features
        self._length += count

    def reset(self) -> None:
        """Forget everything; the random choices begin anew, so that the same frames give the same results again."""
        self._rows, self._length, self._draws = None, 0, 0

    def generator(self, device: torch.device | str) -> torch.Generator:
        """A generator for one random choice of this stream; each call gives another, and counts in the state."""
        mixed = np.random.SeedSequence([self.seed, self._draws]).generate_state(1, np.uint64)
        self._draws += 1
        return torch.Generator(device).manual_seed(int(mixed[0]))

    def state_dict(self) -> dict[str, Any]:
        """All that the next reads and writes depend on: `features` `[length, C]`, a copy, and integers."""
        features = torch.empty(0, 0) if self._rows is None else self._rows[: self._length].detach().clone()
        return {
            "max_length": self.max_length,
            "key_length": self.key_length,
            "seed": self.seed,
            "draws": self._draws,
            "features": features,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken, on the device where its tensor is.

        Raises:
            UsageError: the state is not one of a bank, or of a bank of other lengths; nothing was changed.
        """
        self.check_state_dict(state)
        self.reset()
        self.seed, self._draws = state["seed"], state["draws"]
        features = state["features"]
        if len(features):
            rows = self._storage(features)
            rows[: len(features)] = features
            self._length = len(features)

    def check_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `load_state_dict` would refuse.

        Raises:
            UsageError: the message names the entry that does not fit.
        """
        expected = ("max_length", "key_length", "seed", "draws", "features")
        if not isinstance(state, Mapping) or set(state) != set(expected):
            found = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
            raise _bad_state(f"it must have {', '.join(expected)}, got {found}", found)
        for name in expected[:-1]:
            if type(state[name]) is not int or state[name] < 0:
                raise _bad_state(f"{name} must be an integer from 0 on, got {state[name]!r}", state[name])
        for name in ("max_length", "key_length"):
            if state[name] != getattr(self, name):
                raise _bad_state(f"{name} is {state[name]}, this bank has {getattr(self, name)}", state[name])
        features = state["features"]
        if not isinstance(features, Tensor) or features.dim() != 2 or not features.is_floating_point():
            raise _bad_state("features must be a floating-point tensor [rows, channels]", features)
        if len(features) >= 2 * self.max_length:
            raise _bad_state(f"features has {len(features)} rows, expected fewer than {2 * self.max_length}", features)
        if not bool(features.isfinite().all()):
            raise _bad_state("features has values that are not finite", features)

    def _choice(self, length: int, count: int, device: torch.device) -> Tensor:
        """Different random indices below `length`, `[count]`."""
        return torch.randperm(length, generator=self.generator(device), device=device)[:count]

    def _storage(self, features: Tensor) -> Tensor:
        """Room for the rows here and for more; what is allocated once lasts for the whole stream."""
        count, channels = features.shape
        needed = max(self._length + count, self.max_length)
        if self._rows is None or self._length == 0:
            self._rows = features.new_empty(needed, channels, requires_grad=False)
        elif needed > len(self._rows):
            grown = self._rows.new_empty(needed, channels)
            grown[: self._length] = self._rows[: self._length]
            self._rows = grown
        return self._rows

    def _check_rows(self, features: Tensor) -> None:
        if not isinstance(features, Tensor) or features.dim() != 2 or not features.is_floating_point():
            found = (features.dtype, tuple(features.shape)) if isinstance(features, Tensor) else type(features).__name__
            raise UsageError(
                f"a memory bank takes floating-point rows [n, channels], got {found}", code="bad-array", value=found
            )
        if self._rows is None or self._length == 0 or len(features) == 0:
            return
        kept, new = ((t.shape[1], str(t.device)) for t in (self._rows, features))
        if kept != new:
            raise UsageError(
                f"new rows of (channels, device) {new} do not fit the {kept} of the memory bank; "
                "reset it before a stream of another kind",
                code="bad-array",
                value=new,
            )


def _bad_state(reason: str, value: Any) -> UsageError:
    if isinstance(value, Tensor):
        value = (value.dtype, tuple(value.shape))
    return UsageError(f"the state does not fit this memory bank: {reason}", code="bad-state", value=value)
