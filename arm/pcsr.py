"""Where a core is, without stopping it: the program counter sampling register of the DWT."""

from __future__ import annotations

from ..probes.access import Batch
from .memory import Memory
from .registers_debug import DWT_PCSR

__all__ = ["sample_pc"]

SAMPLES = 4
NO_SAMPLE = (0, 0xFFFF_FFFF)
"""A unit without the register reads as 0; a core in debug state, or asleep, gives all ones (DDI0403E C1.8.14)."""


async def sample_pc(memory: Memory) -> int | None:
    """An address the core has executed a moment ago; None when it tells none. DEMCR.TRCENA must be set."""
    batch = Batch()
    slots = [batch.read(DWT_PCSR.address) for _ in range(SAMPLES)]
    await memory.run(batch)
    return next((slot.value & ~1 for slot in slots if slot.value not in NO_SAMPLE), None)
