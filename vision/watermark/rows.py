"""Put together what blocks say about the same bit, when the length of a row of blocks is unknown.

Block (i, j) carries bit (start + i * step + j) modulo the length of the message, where `step` is the number of blocks
in a row of the image as it was written. A crop keeps the step and changes the start.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_TIE = 1e-6  # less than this is what a transform leaves of zero


def sums_of_steps(evidence: np.ndarray, length: int) -> np.ndarray:
    """Sum of the evidence for each bit, for each step modulo the length.

    Args:
        evidence: of each block, `[rows, columns]`.
        length: of the message.

    Returns:
        float64 `[length, length]`: for each step the sums over blocks with the same i * step + j.
    """
    rows, columns = (-(-side // length) for side in evidence.shape)
    padded = np.zeros((rows * length, columns * length), np.float32)
    padded[: evidence.shape[0], : evidence.shape[1]] = evidence
    folded = padded.reshape(rows, length, columns, length).sum(axis=(0, 2), dtype=np.float64)
    # Sums along slanted lines of a periodic image have a line through its spectrum as their spectrum.
    return np.fft.irfft(np.fft.rfft2(folded)[_lines(length), np.arange(length // 2 + 1)], length)


def strongest_step(sums: np.ndarray) -> tuple[int, float]:
    """The step whose sums differ most from zero, and by how much. Which bits they are has no part in it.

    Squares would prefer the step that adds up an edge in few bits to the one that has something to say about all.
    """
    strength = np.abs(sums).sum(axis=1)
    step = int(strength.argmax())
    return step, float(strength[step])


def matches(sums: np.ndarray, message: str, any_start: bool) -> int:
    """Number of bits of the message that the sums `[length]` agree with; the most at any start if it is unknown.

    A sum of zero says nothing, which is no agreement.
    """
    signs = np.where(np.abs(sums) < _TIE, 0, np.sign(sums)).astype(np.int64)
    bits = np.array([1 if bit == "1" else -1 for bit in message])
    starts = range(len(bits)) if any_start else range(1)
    return max(int(np.count_nonzero(signs == np.roll(bits, -start))) for start in starts)


@cache
def _lines(length: int) -> np.ndarray:
    return np.outer(np.arange(length), np.arange(length // 2 + 1)) % length
