"""Where a flash algorithm, its stack and its page buffers lie in RAM."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..probes.errors import ImageError
from .flm import Algorithm
from .loaders.calls import LOADER
from .memory_map import Region

__all__ = ["CANARY", "CallLayout", "lay_out_calls"]

CANARY = 0xC0DE_57AC
"""The lowest word of the stack, as long as the stack has been large enough."""
TABLE_ALIGNMENT = 256
"""Of a vector table with 16 entries, where VTOR has fewest bits: Cortex-M0+ (DDI0419E B3.2.4)."""
CODE_ALIGNMENT = 32
"""Algorithms have been seen to fail at odd places in a line of a cache or prefetch buffer."""
BUFFER_ALIGNMENT = 16
VECTORS = 16
WORD = 4
AREA_SIZE = 8
ARGUMENTS_SIZE = 12
"""Of one call: three words."""
ENOUGH = 4096
"""Bytes in one buffer, behind which more saves little."""
SHAPES = ((1024, 2), (512, 2), (512, 1), (256, 1))
"""Bytes of stack and number of page buffers, best first."""


@dataclass(frozen=True, slots=True)
class CallLayout:
    """Addresses in the target's RAM; ``end`` is the first that is not used.

    A buffer holds the arguments of ``pages`` calls and, ``list_size`` bytes behind its start, as many pages.
    """

    base: int
    code: int
    stack_bottom: int
    stack_top: int
    buffers: tuple[int, ...]
    pages: int
    end: int
    algorithm: Algorithm

    @property
    def done(self) -> int:
        """The BKPT to which functions return."""
        return self.base + LOADER.done

    @property
    def each(self) -> int:
        """Where the code begins that calls a function several times."""
        return self.base + LOADER.trap + 2

    @property
    def list_size(self) -> int:
        """Room for the arguments in a buffer."""
        return _aligned(self.pages * ARGUMENTS_SIZE, BUFFER_ALIGNMENT)

    @property
    def checksum(self) -> int:
        """Where the checksum's code begins."""
        return self.base + LOADER.entry

    @property
    def static_base(self) -> int:
        """What R9 holds."""
        return self.code + self.algorithm.static_base

    @property
    def most_areas(self) -> int:
        """How many areas fit into the checksum's list, which lies in the buffers."""
        return (self.end - self.buffers[0]) // AREA_SIZE

    @property
    def most_calls(self) -> int:
        """How many calls of a function without data fit into a list in a buffer."""
        return (self.end - self.buffers[0]) // ARGUMENTS_SIZE

    def entry(self, function: str) -> int:
        """Where a function of the algorithm begins."""
        return self.code + self.algorithm.entries[function]

    def image(self) -> bytes:
        """All that is uploaded, from ``base`` to the canary."""
        vectors = struct.pack(f"<{VECTORS}I", self.stack_top, *[self.base + LOADER.trap | 1] * (VECTORS - 1))
        frame = vectors + LOADER.code[len(vectors) :]
        program = frame.ljust(self.code - self.base, b"\0") + self.algorithm.image
        return program.ljust(self.stack_bottom - self.base, b"\0") + struct.pack("<I", CANARY)


def lay_out_calls(ram: Region, algorithm: Algorithm) -> CallLayout:
    """Use ``ram`` for the algorithm; raises ImageError where it is too small."""
    base = _aligned(ram.start, TABLE_ALIGNMENT)
    code = _aligned(base + len(LOADER.code), CODE_ALIGNMENT)
    bottom = _aligned(code + len(algorithm.image), BUFFER_ALIGNMENT)
    one = _buffer(algorithm.page, 1)
    for stack, count in SHAPES:
        top = bottom + stack
        room = (ram.end - top) // count
        if room >= one:
            fitting = min(room, ENOUGH) // (algorithm.page + ARGUMENTS_SIZE)
            pages = max(1, fitting - (_buffer(algorithm.page, fitting) > room))
            size = _buffer(algorithm.page, pages)
            buffers = tuple(top + number * size for number in range(count))
            return CallLayout(base, code, bottom, top, buffers, pages, top + count * size, algorithm)
    stack, count = SHAPES[-1]
    needed = bottom + stack + count * one - ram.start
    raise ImageError(
        f"Placing the flash algorithm {algorithm.file} in RAM",
        f"it needs {needed} bytes ({len(algorithm.image)} of PrgCode and PrgData, one page of FlashDevice.szPage "
        f"{algorithm.page} and a stack), and there are {ram.size} at 0x{ram.start:08X}",
        "Give more RAM with --ram START:SIZE.",
    )


def _buffer(page: int, pages: int) -> int:
    """Bytes of a buffer: its list and its pages, both aligned."""
    return _aligned(_aligned(pages * ARGUMENTS_SIZE, BUFFER_ALIGNMENT) + pages * page, BUFFER_ALIGNMENT)


def _aligned(address: int, to: int) -> int:
    return -(-address // to) * to
