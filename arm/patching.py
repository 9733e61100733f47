"""Software breakpoints: bring the BKPTs in the target's memory in line with the table."""

from __future__ import annotations

from ..probes.access import Batch
from .breakpoints import BKPT, Breakpoints
from .memory import Memory

__all__ = ["forget_code", "synchronise"]

ICIALLU = 0xE000_EF50
"""Forgets all instructions a cache holds; does nothing where there is none (DDI0403E B2.2.7)."""


async def synchronise(memory: Memory, breakpoints: Breakpoints, without: int | None = None) -> None:
    """Write missing BKPTs, take out superfluous ones; costs nothing where there are none.

    Each place is read first: where ours has vanished, the program (or a loader) has rewritten its
    memory, and what stands there now is the original. ``without`` is an address to be stepped over.
    The core must be halted: a probe without 16-bit accesses writes an instruction in two halves.
    Raises TargetError when a BKPT does not stick, and what the probe raises.
    """
    wanted = set(breakpoints.software_wanted(without))
    places = sorted(wanted | breakpoints.installed.keys())
    if not places:
        return
    now = await _halfwords(memory, places)
    for place in places:
        if place in breakpoints.installed and now[place] != BKPT:
            breakpoints.restored(place)
    await _take_out(memory, breakpoints, [place for place in breakpoints.installed if place not in wanted])
    await _put_in(memory, breakpoints, {place: now[place] for place in wanted - breakpoints.installed.keys()})


def forget_code(batch: Batch, breakpoints: Breakpoints) -> None:
    """Have a core with an instruction cache fetch what ``batch`` has written."""
    if batch.accesses and breakpoints.cached:
        batch.write(ICIALLU, 0)


async def _take_out(memory: Memory, breakpoints: Breakpoints, places: list[int]) -> None:
    batch = Batch()
    for place in places:
        batch.write_block(place, breakpoints.installed[place].to_bytes(2, "little"))
    forget_code(batch, breakpoints)
    await memory.run(batch)
    for place in places:
        breakpoints.restored(place)


async def _put_in(memory: Memory, breakpoints: Breakpoints, originals: dict[int, int]) -> None:
    batch = Batch()
    for place, original in originals.items():
        # Noted before the write: should the write not happen, the next call finds no BKPT and forgets it.
        breakpoints.replaced(place, original)
        batch.write_block(place, BKPT.to_bytes(2, "little"))
    forget_code(batch, breakpoints)
    await memory.run(batch)
    now = await _halfwords(memory, list(originals)) if originals else {}
    refused = [place for place, halfword in now.items() if halfword != BKPT]
    for place in refused:
        breakpoints.restored(place)
    if refused:
        raise breakpoints.refused(refused[0], now[refused[0]])


async def _halfwords(memory: Memory, places: list[int]) -> dict[int, int]:
    """The halfwords at ``places``, read as words: those a probe can gather in one go."""
    batch = Batch()
    slots = {word: batch.read(word) for word in sorted({place & ~3 for place in places})}
    await memory.run(batch)
    return {place: slots[place & ~3].value >> 8 * (place & 2) & 0xFFFF for place in places}
