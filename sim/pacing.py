"""How the wall's time becomes a board's while programs of other processes use it.

Rules without I/O: each is given a clock in seconds and answers how much virtual time is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["GRAIN", "LAG", "IdleTime", "Pacing", "Pauses", "WallPace"]

GRAIN = 0.001
"""Seconds; what is shorter is how long programs and sockets take, not a pause that anybody meant."""

LAG = 0.1
"""Seconds by which a paced board may fall behind before it gives up catching up."""


class IdleTime:
    """The wall's time less the time the simulator itself has worked, for whichever board."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._worked = 0.0

    def seconds(self) -> float:
        """Return the time; not inside :meth:`working`."""
        return self._wall() - self._worked

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let the time stand still."""
        start = self._wall()
        try:
            yield
        finally:
            self._worked += self._wall() - start


class Pacing(Protocol):
    """A rule. ``board`` is the board's time in seconds."""

    def due(self, board: float) -> float:
        """Return the virtual seconds that are to pass now; they count as passed."""
        ...

    def ahead(self, board: float) -> float:
        """Return the seconds that an answer has to wait because the board is ahead of the wall."""
        ...

    def answered(self) -> None:
        """Note that all that the client asked for has been answered."""
        ...

    @property
    def goes_on(self) -> bool:
        """True when more time will be due even if nothing happens."""
        ...


class Pauses:
    """Only transfers move the clock, and the pauses that programs make between them: they pass on the board too.

    A program that sleeps between two looks at the target expects the target to run meanwhile. A pause counts from
    ``GRAIN`` on and up to ``limit`` seconds; 0 lets transfers alone move the clock, which is deterministic. ``now``
    leaves out the simulator's own work (IdleTime).
    """

    def __init__(self, now: Callable[[], float], limit: float) -> None:
        self._now = now
        self._limit = limit
        self._since: float | None = None
        self._passed = 0.0

    def due(self, board: float) -> float:  # noqa: ARG002 - this rule looks at the wall only
        """See Pacing."""
        if self._since is None:
            return 0.0
        pause = min(self._now() - self._since, self._limit)
        if pause < GRAIN or pause <= self._passed:
            return 0.0
        due, self._passed = pause - self._passed, pause
        return due

    def ahead(self, board: float) -> float:  # noqa: ARG002
        """See Pacing: never; transfers are answered as fast as the machine can."""
        return 0.0

    def answered(self) -> None:
        """See Pacing: the next pause begins."""
        self._since = self._now()
        self._passed = 0.0

    @property
    def goes_on(self) -> bool:
        """See Pacing: until the limit is reached."""
        return self._since is not None and self._passed < self._limit


class WallPace:
    """Virtual time follows the wall: firmware blinks at its own speed, and a transfer takes as long as on a real bus.

    A board whose processor cannot keep up loses time instead of running after it for ever. ``now`` is the wall.
    """

    goes_on = True

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lead: float | None = None  # wall - board

    def due(self, board: float) -> float:
        """See Pacing."""
        now = self._now()
        if self._lead is None:
            self._lead = now - board
        behind = now - board - self._lead
        if behind > LAG:
            self._lead += behind - LAG
            behind = LAG
        return max(behind, 0.0)

    def ahead(self, board: float) -> float:
        """See Pacing."""
        return 0.0 if self._lead is None else max(board + self._lead - self._now(), 0.0)

    def answered(self) -> None:
        """See Pacing: nothing to note."""
