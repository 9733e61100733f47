"""A core's time: cycles of its clock, and ticks, the cycles it was not halted."""

from __future__ import annotations

from collections.abc import Callable

from .clock import CoreClock, VirtualClock

__all__ = ["Timebase"]


class Timebase:
    """``cycle`` counts every cycle of the clock, also those the core sleeps, is halted or in reset.

    :attr:`ticks` leaves the halted ones out and is what SysTick and CYCCNT count.
    """

    def __init__(self, clock: VirtualClock, hz: int) -> None:
        self.clock = clock
        self.clockwork = CoreClock(hz)
        self.cycle = 0
        self._halted_cycles = 0
        self._halted_since: int | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def cycle_now(self) -> int:
        """The current cycle; a core that runs instructions in slices says more."""
        return self.cycle

    @property
    def ticks(self) -> int:
        """Cycles the core was not halted."""
        end = self.cycle_now if self._halted_since is None else self._halted_since
        return end - self._halted_cycles

    @property
    def ticking(self) -> bool:
        """False while halted."""
        return self._halted_since is None

    def cycle_of_tick(self, tick: int) -> int:
        """Return the cycle at which :attr:`ticks` reaches ``tick`` if the core is not halted meanwhile."""
        return tick + self._halted_cycles

    def time_now(self) -> int:
        """Picosecond of the current instruction."""
        return self.clockwork.time_of(self.cycle_now)

    def on_time_change(self, call: Callable[[], None]) -> None:
        """Call when the relation of ticks to time changed: halt, resume, another frequency."""
        self._listeners.append(call)

    def set_frequency(self, hz: int) -> None:
        """Let the core clock run at ``hz`` from the current cycle on."""
        self.clockwork.set_frequency(hz, self.cycle_now)
        self.time_changed()

    def stop_ticking(self) -> None:
        """Debug state entered: SysTick and CYCCNT stand still (DDI0403E C1.3.1, B3.3.1)."""
        if self._halted_since is None:
            self._halted_since = self.cycle
            self.time_changed()

    def go_on_ticking(self) -> None:
        """Debug state left."""
        if self._halted_since is not None:
            self._halted_cycles += self.cycle - self._halted_since
            self._halted_since = None
            self.time_changed()

    def time_changed(self) -> None:
        """Tell who listens."""
        for call in self._listeners:
            call()
