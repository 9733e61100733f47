"""DBGMCU of the STM32F1 (RM0008 31.16): identity, and which peripherals stop while the core is halted."""

from __future__ import annotations

from collections.abc import Callable

from .bus import Peripheral, Unmodelled

__all__ = ["Dbgmcu"]

CR_MASK = 0x003F_FFE7
DBG_STOP, TRACE_IOEN, TRACE_MODE = 1 << 1, 1 << 5, 3 << 6
DBG_IWDG_STOP, DBG_WWDG_STOP = 1 << 8, 1 << 9


class Dbgmcu(Peripheral):
    """Survives a system reset; only losing power clears CR."""

    name = "DBGMCU"
    base = 0xE004_2000
    size = 0x400

    def __init__(self, idcode: int) -> None:
        self.idcode = idcode
        self.control = 0
        self.on_change: Callable[[], None] = lambda: None

    def power_on(self) -> None:
        """See Peripheral."""
        self.control = 0

    def read(self, offset: int, width: int) -> int:
        """IDCODE and CR."""
        words = {0: self.idcode, 4: self.control}
        if offset & ~3 not in words:
            raise Unmodelled(f"DBGMCU: read at offset 0x{offset:X}")
        return words[offset & ~3] >> offset % 4 * 8 & (1 << width * 8) - 1

    def write(self, offset: int, value: int, width: int) -> None:
        """CR; IDCODE is read-only."""
        if offset == 0:
            return
        if offset != 4 or width != 4:
            raise Unmodelled(f"DBGMCU: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        self.control = value & CR_MASK
        self.on_change()

    @property
    def gives_trace_pin(self) -> bool:
        """TRACE_IOEN with the asynchronous TRACE_MODE: PB3 is the trace output."""
        return self.control & (TRACE_IOEN | TRACE_MODE) == TRACE_IOEN

    @property
    def keeps_clock(self) -> bool:
        """DBG_STOP."""
        return bool(self.control & DBG_STOP)

    @property
    def stops_iwdg(self) -> bool:
        """DBG_IWDG_STOP."""
        return bool(self.control & DBG_IWDG_STOP)

    @property
    def stops_wwdg(self) -> bool:
        """DBG_WWDG_STOP."""
        return bool(self.control & DBG_WWDG_STOP)
