"""The board's one clock: integer picoseconds and a heap of events.

Nothing in a simulated board asks the wall for the time. Three things move the clock: USB transfers, wire clocks and
the host's sleeps; each calls :meth:`VirtualClock.advance`. The processor does not run then: it catches up lazily, when
somebody looks (``Machine.run_until_now``). While it catches up, :attr:`VirtualClock.now` is the time of the instruction
or event that is being carried out, so that a peripheral that schedules "in 20 ms" means 20 ms after the store that
caused it, not after the moment the host looked.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

__all__ = ["PS_PER_SECOND", "CoreClock", "Event", "VirtualClock"]

PS_PER_SECOND = 1_000_000_000_000


class Event:
    """A call that is due at a time; made by :meth:`VirtualClock.at`."""

    __slots__ = ("call", "sequence", "time")

    def __init__(self, time: int, sequence: int, call: Callable[[], None]) -> None:
        self.time = time
        self.sequence = sequence
        self.call: Callable[[], None] | None = call

    def __lt__(self, other: Event) -> bool:
        return (self.time, self.sequence) < (other.time, other.sequence)

    @property
    def pending(self) -> bool:
        """True until the event has fired or was cancelled."""
        return self.call is not None

    def cancel(self) -> None:
        """Make the event never fire; harmless when it has fired already."""
        self.call = None


class VirtualClock:
    """Integer picoseconds since the board was made."""

    def __init__(self) -> None:
        self._horizon = 0
        self._heap: list[Event] = []
        self._sequence = 0
        self._local: Callable[[], int] | None = None
        self.on_schedule: Callable[[], None] | None = None

    @property
    def now(self) -> int:
        """Picoseconds: the horizon, or, inside a catch-up, the time of what is being carried out."""
        return self._horizon if self._local is None else self._local()

    @property
    def horizon(self) -> int:
        """Picoseconds up to which the host has moved the clock."""
        return self._horizon

    @property
    def running(self) -> bool:
        """True inside a catch-up."""
        return self._local is not None

    @property
    def seconds(self) -> float:
        """``now`` in seconds, for people."""
        return self.now / PS_PER_SECOND

    def advance(self, ps: int) -> None:
        """Move the clock by ``ps`` >= 0 picoseconds. Runs neither the processor nor events."""
        if ps < 0:
            raise ValueError(f"the clock cannot go back by {-ps} ps")
        if self._local is not None:
            raise RuntimeError("advance() was called from inside a catch-up: an event or a peripheral moved the clock")
        self._horizon += ps

    def at(self, ps: int, call: Callable[[], None]) -> Event:
        """Let ``call`` be called at time ``ps`` by the machine. A time already past fires at the next catch-up."""
        event = Event(ps, self._sequence, call)
        self._sequence += 1
        heapq.heappush(self._heap, event)
        if self.on_schedule is not None:
            self.on_schedule()
        return event

    def next_event(self) -> Event | None:
        """Return the earliest event that is still pending, or None; it stays in the heap."""
        heap = self._heap
        while heap and heap[0].call is None:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def fire(self, event: Event) -> None:
        """Take ``event``, which :meth:`next_event` returned, out of the heap and call it."""
        heapq.heappop(self._heap)
        call, event.call = event.call, None
        if call is not None:
            call()

    def enter(self, local: Callable[[], int]) -> None:
        """Begin a catch-up (machine only): ``now`` comes from ``local`` until :meth:`leave`."""
        self._local = local

    def leave(self) -> None:
        """End a catch-up (machine only)."""
        self._local = None


class CoreClock:
    """Cycles of a core clock on the picosecond axis, exact for frequencies that do not divide 10**12.

    Cycle ``n`` begins at ``origin + (n - first) * 10**12 / hz``; a change of frequency starts a new origin.
    """

    def __init__(self, hz: int) -> None:
        self.hz = hz
        self._first = 0
        self._origin = 0  # picoseconds times _scale: exact whatever the frequencies were
        self._scale = 1

    def set_frequency(self, hz: int, cycle: int) -> None:
        """Let cycles from ``cycle`` on last ``1/hz`` seconds."""
        if hz <= 0:
            raise ValueError(f"a core clock of {hz} Hz is not a clock")
        origin = self._origin * self.hz + (cycle - self._first) * PS_PER_SECOND * self._scale
        scale = self._scale * self.hz
        common = math.gcd(origin, scale)
        self._origin, self._scale = origin // common, scale // common
        self._first = cycle
        self.hz = hz

    def time_of(self, cycle: int) -> int:
        """Picosecond at which ``cycle`` begins, rounded down."""
        scale = self._scale
        return (self._origin * self.hz + (cycle - self._first) * PS_PER_SECOND * scale) // (scale * self.hz)

    def cycle_at(self, ps: int) -> int:
        """Return the first cycle that begins at or after ``ps``."""
        span = (ps * self._scale - self._origin) * self.hz
        return self._first - (-span // (PS_PER_SECOND * self._scale)) if span > 0 else self._first
