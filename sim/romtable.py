"""CoreSight components of an STM32F103 and their identification (DDI0403E C1.2.6, appendix D4; values from silicon)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .bus import BusFault, Peripheral

__all__ = ["Component", "identification", "itm", "rom_table", "tpiu"]

_MEMORY = 0xB105_100D
_GENERIC = 0xB105_E00D
_DEBUG = 0xB105_900D


def identification(part: int, component: int) -> dict[int, int]:
    """Return the registers 0xFD0 to 0xFFC for a 40-bit peripheral id and a component id."""
    words = {0xFD0: part >> 32 & 0xFF}
    words |= {0xFE0 + 4 * n: part >> 8 * n & 0xFF for n in range(4)}
    return words | {0xFF0 + 4 * n: component >> 8 * n & 0xFF for n in range(4)}


SCS_IDS = identification(0x04_001B_B000, _GENERIC)
DWT_IDS = identification(0x04_001B_B002, _GENERIC)
FPB_IDS = identification(0x04_000B_B003, _GENERIC)
ITM_IDS = identification(0x04_001B_B001, _GENERIC)
TPIU_IDS = identification(0x04_001B_B923, _DEBUG) | {0xFC8: 0xCA0, 0xFCC: 0x11}


class Component(Peripheral):
    """A block of word registers: constants, words that keep what was written, and 0 for all the rest."""

    size = 0x1000

    def __init__(
        self,
        name: str,
        base: int,
        constants: dict[int, int],
        stored: Sequence[int] = (),
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.base = base
        self._constants = constants
        self._stored = dict.fromkeys(stored, 0)
        self._alive = alive

    def power_on(self) -> None:
        """Power-on reset."""
        self._stored = dict.fromkeys(self._stored, 0)

    def reset(self) -> None:
        """System reset: debug components keep their state."""

    def read(self, offset: int, width: int) -> int:
        """Return a word; 0 from a component without its clock (DEMCR.TRCENA)."""
        if width != 4 or offset & 3:
            raise BusFault(self.base + offset, f"{self.name} takes word accesses only")
        if not self._alive():
            return 0
        return self._constants.get(offset, self._stored.get(offset, 0))

    def write(self, offset: int, value: int, width: int) -> None:
        """Keep the words that can be written; the trace they would configure goes nowhere."""
        del width
        if offset in self._stored and self._alive():
            self._stored[offset] = value


def rom_table(part: int = 0x00_000A_0410) -> Component:
    """ROM table of a medium-density STM32F103: SCS, DWT, FPB, ITM, TPIU; the ETM entry says "absent"."""
    entries = (0xFFF0_F003, 0xFFF0_2003, 0xFFF0_3003, 0xFFF0_1003, 0xFFF4_1003, 0xFFF4_2002, 0)
    constants = {4 * n: entry for n, entry in enumerate(entries)}
    return Component("ROM table", 0xE00F_F000, constants | {0xFCC: 1} | identification(part, _MEMORY))


def itm(alive: Callable[[], bool]) -> Component:
    """Instrumentation Trace Macrocell: settings are kept, stimulus goes nowhere and the FIFO is always ready."""
    ready = {4 * n: 1 for n in range(32)}
    return Component("ITM", 0xE000_0000, ready | ITM_IDS, (0xE00, 0xE40, 0xE80), alive)


def tpiu() -> Component:
    """Trace Port Interface Unit: settings are kept."""
    return Component("TPIU", 0xE004_0000, {0x000: 0xB} | TPIU_IDS, (0x004, 0x010, 0x0F0, 0x304))
