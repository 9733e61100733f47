"""DBGMCU of any family: identity, and which peripherals stand still while the core is halted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..bus import Peripheral, Unmodelled

__all__ = ["DebugMcu", "DebugPlan"]


@dataclass(frozen=True)
class DebugPlan:
    """``registers``: writable bits by offset. ``gate``: the enable bit in RCC without which writes are lost.

    IDCODE is read without it: st-flash, which never sets it, identifies a Nucleo-G071RB (stlink-org/stlink, #1017).
    """

    registers: dict[int, int]
    iwdg_stop: tuple[int, int]  # offset, bit
    wwdg_stop: tuple[int, int]
    base: int = 0xE004_2000
    gate: tuple[str, int] | None = None


class DebugMcu(Peripheral):
    """Survives a system reset; only losing power clears it."""

    name = "DBGMCU"
    size = 0x400

    def __init__(self, plan: DebugPlan, idcode: int, clock_on: Callable[[], bool]) -> None:
        self.plan = plan
        self.base = plan.base
        self.idcode = idcode
        self.clock_on = clock_on
        self.values = dict.fromkeys(plan.registers, 0)
        self.on_change: Callable[[], None] = lambda: None

    def power_on(self) -> None:
        """See Peripheral."""
        self.values = dict.fromkeys(self.plan.registers, 0)

    def read(self, offset: int, width: int) -> int:
        """IDCODE and the registers of the plan, with or without a clock."""
        words = self.values | {0: self.idcode}
        if offset & ~3 not in words:
            raise Unmodelled(f"DBGMCU: read at offset 0x{offset:X}")
        return words[offset & ~3] >> offset % 4 * 8 & (1 << width * 8) - 1

    def write(self, offset: int, value: int, width: int) -> None:
        """IDCODE is read-only; without a clock a write is lost."""
        if offset == 0:
            return
        if offset not in self.values or width != 4:
            raise Unmodelled(f"DBGMCU: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        if self.clock_on():
            self.values[offset] = value & self.plan.registers[offset]
            self.on_change()

    def _stops(self, place: tuple[int, int]) -> bool:
        return bool(self.values[place[0]] >> place[1] & 1)

    @property
    def keeps_clock(self) -> bool:
        """DBG_STOP, at the same place in every family."""
        return self._stops((0x04, 1))

    @property
    def stops_iwdg(self) -> bool:
        """DBG_IWDG_STOP."""
        return self._stops(self.plan.iwdg_stop)

    @property
    def stops_wwdg(self) -> bool:
        """DBG_WWDG_STOP."""
        return self._stops(self.plan.wwdg_stop)
