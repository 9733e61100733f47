"""The old content of what is erased but not written: read before, and remembered as long as it is nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from ..arm.memory import Memory
from ..probes.access import Batch
from ..probes.errors import AccessFaultError

__all__ = ["OldContent"]

log = logging.getLogger(__name__)

WORD = 4


class OldContent:
    """Reads flash that must not be lost, and has it until ``forget`` says that the flash has it again.

    An interrupted load leaves sectors that are erased or half written. What they held besides the image is then known
    only here, and goes back with the next load. ``erased`` bytes are those of blank flash, ``unit`` of them are
    programmed at once.
    """

    def __init__(self, erased: int, unit: int) -> None:
        self._erased = erased
        self._unit = max(unit, WORD)
        self._known: list[tuple[int, bytes]] = []

    def forget(self) -> None:
        """All of it is in the flash again."""
        self._known = []

    async def read(self, memory: Memory, ranges: Sequence[tuple[int, int]]) -> dict[int, bytes]:
        """The content of these ranges (address, length), by address; what an interrupted load took away included."""
        old = {address: self._mend(address, data) for address, data in (await self._read(memory, ranges)).items()}
        self._known = [known for known in self._known if not _inside(known, old)] + list(old.items())
        return old

    async def read_lost(self, memory: Memory) -> dict[int, bytes]:
        """What interrupted loads have taken away or may have."""
        return await self.read(memory, [(address, len(data)) for address, data in self._known])

    def _mend(self, address: int, now: bytes) -> bytes:
        """``now`` with what is remembered, unless the flash holds what no interrupted load of ours leaves.

        Erasing and programming move bits one way each. So each bit is as remembered, or erased, or on its way.
        """
        mended = bytearray(now)
        for start, old in self._known:
            first, last = max(start, address), min(start + len(old), address + len(now))
            if first >= last:
                continue
            was = old[first - start : last - start]
            if self._on_its_way(was, now[first - address : last - address]):
                mended[first - address : last - address] = was
        return bytes(mended)

    def _on_its_way(self, was: bytes, now: bytes) -> bool:
        before, after = int.from_bytes(was, "little"), int.from_bytes(now, "little")
        return before & after == (before if self._erased else after)

    async def _read(self, memory: Memory, ranges: Sequence[tuple[int, int]]) -> dict[int, bytes]:
        """An interrupted load can leave a unit whose ECC does not fit, which then cannot be read: it counts as blank.

        Nothing is to be kept of it, and to refuse it would refuse every further load of that sector.
        """
        batch = Batch()
        slots = {address: batch.read_block(address, length) for address, length in ranges}
        try:
            await memory.run(batch)
        except AccessFaultError:
            return {address: await self._read_around(memory, address, length) for address, length in ranges}
        return {address: slot.value for address, slot in slots.items()}

    async def _read_around(self, memory: Memory, address: int, length: int) -> bytes:
        """Halve the range, between units, until what cannot be read is one."""
        try:
            return await memory.read(address, length)
        except AccessFaultError:
            unit = self._unit
            middle = max((address + length // 2) // unit, address // unit + 1) * unit
            if middle >= address + length:
                log.warning("the flash at 0x%08X cannot be read (an interrupted load?): taken as erased", address)
                return bytes([self._erased]) * length
        first = await self._read_around(memory, address, middle - address)
        return first + await self._read_around(memory, middle, address + length - middle)


def _inside(known: tuple[int, bytes], new: Mapping[int, bytes]) -> bool:
    start, end = known[0], known[0] + len(known[1])
    return any(address <= start and end <= address + len(data) for address, data in new.items())
