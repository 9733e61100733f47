"""Sleep: what a WFI stops. Deep sleep is a chip's Stop mode: the bus has no clock, SysTick stands still."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .clock import VirtualClock
from .timebase import Timebase

if TYPE_CHECKING:
    from .debug import Debug

__all__ = ["Sleeper"]


class Sleeper(Timebase):
    """The part of a core that sleeps. ``clock_stopped`` is what a debugger's access port meets."""

    debug: Debug

    def __init__(self, clock: VirtualClock, hz: int) -> None:
        super().__init__(clock, hz)
        self._sleeping = False
        self.sleep_deep = False  # SCR.SLEEPDEEP
        self.clock_stopped = False
        self.keeps_clock: Callable[[], bool] = _always  # the chip's DBG_STOP: deep sleep leaves the clocks on

    @property
    def sleeping(self) -> bool:
        """After WFI or WFE. Deep asleep the core takes the bus's clock with it, unless the chip keeps it."""
        return self._sleeping

    @sleeping.setter
    def sleeping(self, asleep: bool) -> None:
        self._sleeping = asleep
        stops = asleep and self.sleep_deep and not self.keeps_clock()
        if stops != self.clock_stopped:
            self.clock_stopped = stops
            if stops:
                self.stop_ticking()
            elif not self.debug.halted:
                self.go_on_ticking()


def _always() -> bool:
    return True
