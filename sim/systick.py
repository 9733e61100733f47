"""SysTick (DDI0403E B3.3): a 24-bit down counter, computed from the clock instead of counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clock import Event
from .exceptions import Number

if TYPE_CHECKING:
    from .core import Core

__all__ = ["SysTick"]

_ENABLE = 1 << 0
_TICKINT = 1 << 1
_CLKSOURCE = 1 << 2
_COUNTFLAG = 1 << 16
_EXTERNAL_DIVIDER = 8
_CALIB = 0x4000_2328
"""STM32F1: 9000 ticks of HCLK / 8 at 72 MHz are 1 ms (RM0008 10.1.1, PM0056 4.5.4)."""


class SysTick:
    """CSR, RVR, CVR and CALIB. Stands still while the core is halted."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.control = 0
        self.reload = 0
        self._flag = 0
        self._value = 0
        self._since = 0
        self._event: Event | None = None
        self._due = 0
        core.on_time_change(self._schedule)

    def reset(self) -> None:
        """System reset: stopped; RVR and CVR keep what they had (UNKNOWN in the manual)."""
        self._value = self.current
        self._since = self._ticks
        self.control = 0
        self._flag = 0
        self._schedule()

    @property
    def _divider(self) -> int:
        return 1 if self.control & _CLKSOURCE else _EXTERNAL_DIVIDER

    @property
    def _ticks(self) -> int:
        return self.core.ticks // self._divider

    @property
    def current(self) -> int:
        """CVR now."""
        if not self.control & _ENABLE:
            return self._value
        gone = self._ticks - self._since
        first = self._first_zero()
        if gone < first:
            return self._value - gone if self._value else (self.reload + 1 - gone if gone else 0)
        if not self.reload:
            return 0
        return (-(gone - first)) % (self.reload + 1)

    def _first_zero(self) -> int:
        """Ticks from the last change to the next time the counter reaches 0."""
        return self._value or self.reload + 1

    def _restart(self, value: int) -> None:
        self._value = value
        self._since = self._ticks
        self._schedule()

    def _schedule(self) -> None:
        if self._event is not None:
            self._event.cancel()
            self._event = None
            if self.core.ticks >= self._due:  # the core was halted by the very tick that reached 0
                self._tell()
        core = self.core
        if not self.control & _ENABLE or not core.ticking or not (self._value or self.reload):
            return
        gone = self._ticks - self._since
        first = self._first_zero()
        if gone < first:
            after = first
        elif self.reload:
            period = self.reload + 1
            after = first + ((gone - first) // period + 1) * period
        else:
            return
        self._due = (self._since + after) * self._divider
        cycle = core.cycle_of_tick(self._due)
        self._event = core.clock.at(core.clockwork.time_of(cycle), self._reached_zero)

    def _reached_zero(self) -> None:
        self._event = None
        self._tell()
        self._schedule()

    def _tell(self) -> None:
        self._flag = _COUNTFLAG
        if self.control & _TICKINT:
            self.core.pend(Number.SYSTICK)

    def read(self, offset: int) -> int:
        """Register at ``offset`` from 0xE000E010; reading CSR clears COUNTFLAG unless the debugger reads."""
        if offset == 0:
            value = self.control | self._flag
            if not self.core.bus.from_debugger:
                self._flag = 0
            return value
        return (self.reload, self.current, _CALIB)[offset // 4 - 1]

    def write(self, offset: int, value: int) -> None:
        """A write of any value to CVR clears it and COUNTFLAG."""
        if offset == 0:
            now = self.current
            self.control = value & 7
            self._restart(now)
        elif offset == 4:
            now = self.current
            self.reload = value & 0xFF_FFFF
            self._restart(now)
        elif offset == 8:
            self._flag = 0
            self._restart(0)
