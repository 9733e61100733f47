"""Where a chip says what it is: DBGMCU_IDCODE, which lies at different places, at some behind a clock."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..arm.memory import Memory
from ..arm.registers_system import CPUID
from ..probes.errors import AccessFaultError

__all__ = ["DEV_ID_MASK", "NOTHING", "PLACES", "IdPlace", "read_idcode"]

log = logging.getLogger(__name__)

DEV_ID_MASK = 0xFFF
NOTHING = (0, 0xFFFF_FFFF)
"""What a place without an id reads, if it does not fault."""


@dataclass(frozen=True, slots=True)
class IdPlace:
    """``clock`` is (register, mask) of the clock enable without which the id reads as 0."""

    address: int
    clock: tuple[int, int] | None = None


SYSTEM = IdPlace(0xE004_2000)
"""On the private peripheral bus: RM0008 31.6.1 and the same section of most others."""
F0 = IdPlace(0x4001_5800, clock=(0x4002_1018, 1 << 22))
"""RM0091 6.4.7: APB2ENR.DBGMCUEN."""
L0 = IdPlace(0x4001_5800, clock=(0x4002_1034, 1 << 22))
"""RM0367 7.3.14: APB2ENR.DBGEN."""
G0 = IdPlace(0x4001_5800, clock=(0x4002_103C, 1 << 27))
"""RM0444 5.4.15: APBENR1.DBGEN; the same for C0 and U0."""
H7 = IdPlace(0x5C00_1000)
"""RM0433, DBGMCU_IDC."""
M33 = IdPlace(0xE004_4000)
"""RM0438, RM0456, DBGMCU_IDCODE."""
H5 = IdPlace(0x4402_4000)
"""RM0481, DBGMCU_IDCODE: the same block as seen from APB."""

PLACES: dict[int, tuple[IdPlace, ...]] = {
    0xC20: (F0,),
    0xC60: (G0, L0),
    0xC23: (SYSTEM,),
    0xC24: (SYSTEM,),
    0xC27: (SYSTEM, H7),
    0xD21: (M33, H5),
}
"""By CPUID.PartNo: the places that make sense for that core, in the order they are tried."""


async def read_idcode(memory: Memory) -> tuple[int, int, list[int]]:
    """DBGMCU_IDCODE (0 where there is none), CPUID.PartNo, and the places that were tried.

    A clock that had to be switched on stays on where it helped, else it is put back. Faults of places that do not
    exist are expected, and the driver clears them.
    """
    part = CPUID(await memory.read32(CPUID.address)).PartNo
    tried = []
    for place in PLACES.get(part, (SYSTEM,)):
        tried.append(place.address)
        try:
            word = await _read(memory, place)
        except AccessFaultError as error:
            log.debug("no DBGMCU there: %s", error)
            continue
        if word not in NOTHING:
            return word, part, tried
    return 0, part, tried


async def _read(memory: Memory, place: IdPlace) -> int:
    word = await memory.read32(place.address)
    if word not in NOTHING or place.clock is None:
        return word
    register, mask = place.clock
    before = await memory.read32(register)
    await memory.write32(register, before | mask)
    word = await memory.read32(place.address)
    if word in NOTHING:
        await memory.write32(register, before)
    return word
