"""What a flash controller is busy with: one operation at a time, on the board's clock."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import Event, VirtualClock

__all__ = ["Operation"]


class Operation:
    """Begins, ends by itself with a call of ``on_end``, or is aborted by a reset. Times are in picoseconds."""

    def __init__(self, clock: VirtualClock, on_end: Callable[[], None]) -> None:
        self._clock = clock
        self._on_end = on_end
        self._event: Event | None = None
        self._on_abort: Callable[[], None] = _nothing
        self._end = 0

    @property
    def busy(self) -> bool:
        """True from ``begin`` to the end."""
        return self._event is not None

    @property
    def end(self) -> int:
        """When the operation under way ends; 0 when idle."""
        return self._end if self.busy else 0

    def begin(self, duration: int, on_abort: Callable[[], None]) -> None:
        """Be busy for ``duration``, behind what is under way; ``on_abort`` leaves half-done work behind."""
        start = max(self._clock.now, self.end)
        if self._event is not None:
            self._event.cancel()
        self._end = start + duration
        self._event = self._clock.at(self._end, self._finish)
        self._on_abort = on_abort

    def settle(self) -> None:
        """Finish what ends right now: the bus lets a stalled store through at that very moment."""
        if self._event is not None and self._clock.now >= self._end:
            self._event.cancel()
            self._finish()

    def abort(self) -> None:
        """End what is under way at once, with its work half done."""
        if self._event is not None:
            self._event.cancel()
            self._event = None
            self._on_abort()

    def _finish(self) -> None:
        self._event = None
        self._on_end()


def _nothing() -> None:
    """No work is half done."""
