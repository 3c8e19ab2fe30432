"""How many blocks of a CUDA kernel a multiprocessor runs side by side."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Multiprocessor:
    """What one multiprocessor has for all its blocks; sizes of shared memory in bytes.

    Attributes:
        warps: at most, at a time.
        blocks: at most, at a time.
        shared: of all blocks together.
        reserved: what every block takes beside its own.
        unit: shared memory is given out in multiples of this.
    """

    warps: int
    blocks: int
    shared: int
    reserved: int = 1024
    unit: int = 128

    @property
    def block_shared(self) -> int:
        """Most that one block may ask for."""
        return self.shared - self.reserved


# By compute capability, from the CUDA C++ Programming Guide; those left out run the code of the one below them.
MULTIPROCESSORS = {
    "75": Multiprocessor(warps=32, blocks=16, shared=64 << 10, reserved=0, unit=256),
    "80": Multiprocessor(warps=64, blocks=32, shared=164 << 10),
    "86": Multiprocessor(warps=48, blocks=16, shared=100 << 10),
    "89": Multiprocessor(warps=48, blocks=24, shared=100 << 10),
    "90": Multiprocessor(warps=64, blocks=32, shared=228 << 10),
    "100": Multiprocessor(warps=64, blocks=32, shared=228 << 10),
    "120": Multiprocessor(warps=48, blocks=24, shared=100 << 10),
}
_REGISTERS = 64 << 10  # of a multiprocessor, on all of them,
_PARTITIONS = 4  # in as many equal parts: a warp lives in one of them
_REGISTER_UNIT = 256  # a warp gets multiples of this


def active_blocks(architecture: str, threads: int, registers: int, shared: int) -> int:
    """Blocks at a time on one multiprocessor; 0 if not even one fits.

    Args:
        architecture: such as "90" or "90a".
        threads: of a block.
        registers: of a thread.
        shared: bytes of a block.
    """
    limits = MULTIPROCESSORS[architecture.rstrip("af")]
    warps = -(-threads // 32)
    warp_registers = _round_up(32 * registers, _REGISTER_UNIT)
    # A launch is refused by this rule, as if a block's warps had to be a multiple of the parts.
    if threads > 1024 or _round_up(warps, _PARTITIONS) * warp_registers > _REGISTERS or shared > limits.block_shared:
        return 0
    by_warps = limits.warps // warps
    by_registers = _REGISTERS // _PARTITIONS // warp_registers * _PARTITIONS // warps
    taken = _round_up(shared + limits.reserved, limits.unit)
    by_shared = limits.shared // taken if taken else limits.blocks
    return min(limits.blocks, by_warps, by_registers, by_shared)


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit
