"""The clocks on TCK or SWCLK: how many there were, and the time they take."""

from __future__ import annotations

from ..clock import VirtualClock

__all__ = ["WireClock"]

SIXTHS = 6  # periods are counted in sixths of a picosecond: 60 MHz divided by anything, and 3-phase clocks, are exact


class WireClock:
    """Counts clocks; their time reaches the board's clock when :meth:`settle` is called.

    ``count`` never runs backwards and stands still while the wire does: the debug port's handshakes need clocks, not
    time.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.count = 0
        self.period = 1_000_000 * SIXTHS  # 1 MHz
        self._owed = 0

    @property
    def hz(self) -> float:
        """Clocks per second."""
        return 1e12 * SIXTHS / self.period

    def tick(self, clocks: int) -> None:
        """Let clocks pass."""
        self.count += clocks
        self._owed += clocks * self.period

    def spend(self, ps: int) -> None:
        """Let time pass without clocks."""
        self._owed += ps * SIXTHS

    def settle(self) -> None:
        """Bring the board's clock up to the wire."""
        ps, self._owed = divmod(self._owed, SIXTHS)
        if ps:
            self.clock.advance(ps)
