"""How the wall's time becomes the board's while programs of other processes use it.

Pure rules: they are told the wall's time in seconds and answer how much virtual time is due.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["GRAIN", "Pacing", "Pauses", "WallPace"]

GRAIN = 0.001
"""Seconds; what is shorter is how long programs and sockets take, not a pause that anybody meant."""

LAG = 0.1
"""Seconds by which a paced board may fall behind before it gives up catching up."""


class Pacing(Protocol):
    """A rule. ``wall`` and ``board`` are seconds on the two clocks."""

    def due(self, wall: float, board: float) -> float:
        """Return the virtual seconds that are to pass now."""
        ...

    def ahead(self, wall: float, board: float) -> float:
        """Return the seconds that a reply has to wait because the board is ahead of the wall."""
        ...

    def busy(self, wall: float, board: float) -> None:
        """Note that the board has just finished something, a transfer or the passing of what was due."""
        ...

    def next_look(self, wall: float) -> bool:
        """Report whether more will be due if nothing happens."""
        ...


class Pauses:
    """Only transfers move the clock, and the pauses that programs make between them: they pass on the board too.

    A program that sleeps between two looks at the target expects the target to run meanwhile. A pause counts from
    ``GRAIN`` on and up to ``limit`` seconds; 0 lets transfers alone move the clock, which is deterministic.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._since: float | None = None
        self._passed = 0.0

    def due(self, wall: float, board: float) -> float:  # noqa: ARG002 - the rule looks at the wall only
        """See Pacing."""
        if self._since is None:
            return 0.0
        pause = min(wall - self._since, self.limit)
        if pause < GRAIN:
            return 0.0
        due, self._passed = pause - self._passed, max(pause, self._passed)
        return max(due, 0.0)

    def ahead(self, wall: float, board: float) -> float:  # noqa: ARG002
        """See Pacing: never; transfers are answered as fast as the machine can."""
        return 0.0

    def busy(self, wall: float, board: float) -> None:  # noqa: ARG002
        """See Pacing: the next pause begins."""
        self._since = wall
        self._passed = 0.0

    def next_look(self, wall: float) -> bool:
        """See Pacing: until the limit is reached."""
        return self._since is not None and wall - self._since < self.limit


class WallPace:
    """Virtual time follows the wall: firmware blinks at its own speed, and a transfer takes as long as on a real bus.

    A board whose processor cannot keep up loses time instead of running after it for ever.
    """

    def __init__(self) -> None:
        self._offset: float | None = None  # wall - board

    def due(self, wall: float, board: float) -> float:
        """See Pacing."""
        if self._offset is None:
            self._offset = wall - board
        behind = wall - board - self._offset
        if behind > LAG:
            self._offset += behind - LAG
            behind = LAG
        return max(behind, 0.0)

    def ahead(self, wall: float, board: float) -> float:
        """See Pacing."""
        return 0.0 if self._offset is None else max(board + self._offset - wall, 0.0)

    def busy(self, wall: float, board: float) -> None:
        """See Pacing: nothing to note."""

    def next_look(self, wall: float) -> bool:  # noqa: ARG002
        """See Pacing: always."""
        return True
