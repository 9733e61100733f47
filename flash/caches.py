"""A Cortex-M7's caches emptied from outside, after flash has changed under them.

DDI0403E B2.2.7, B4.8; DDI0489F 5.5.
"""

from __future__ import annotations

from ..arm.memory import Memory
from ..probes.access import Batch

__all__ = ["empty_caches"]

CCSIDR, CSSELR = 0xE000_ED80, 0xE000_ED84
ICIALLU, DCCISW = 0xE000_EF50, 0xE000_EF74
SET_SHIFT = 5
"""Lines of 32 bytes."""
WORD_BITS = 32


async def empty_caches(memory: Memory, *, data: bool) -> None:
    """Forget all instructions; with ``data``, write back and forget all data.

    ``data`` only where the data cache was on: one that never was may hold anything, and would write it back.
    """
    batch = Batch()
    batch.write(ICIALLU, 0)
    batch.write(CSSELR, 0)
    slot = batch.read(CCSIDR)
    await memory.run(batch)
    if not data:
        return
    sets, ways = (slot.value >> 13 & 0x7FFF) + 1, (slot.value >> 3 & 0x3FF) + 1
    way_shift = WORD_BITS - max(1, (ways - 1).bit_length())
    batch = Batch()
    for way in range(ways):
        for index in range(sets):
            batch.write(DCCISW, way << way_shift | index << SET_SHIFT)
    await memory.run(batch)
