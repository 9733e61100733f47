"""trio's clock as a board's clock: sleeping moves virtual time, and takes no wall time."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from .clock import PS_PER_SECOND, VirtualClock

__all__ = ["BoardClock"]

FOREVER = 3600.0  # seconds; nothing is due, only I/O or wait_all_tasks_blocked() can wake the program


class BoardClock(trio.abc.Clock, trio.abc.Instrument):
    """trio's time is the board's. When every task is blocked and a deadline is ahead, time jumps to it.

    Before a jump trio polls for I/O once: what is ready on a socket is handled first. ``cushion`` seconds of wall time
    may be given to I/O from other processes before each jump; 0 is deterministic.
    """

    def __init__(self, clock: VirtualClock, cushion: float = 0.0) -> None:
        self.clock = clock
        self.cushion = cushion
        self._polled = False

    def start_clock(self) -> None:
        """See trio.abc.Clock; also watch for tasks that run, since a task that ran may have made I/O ready."""
        trio.lowlevel.add_instrument(self)

    def current_time(self) -> float:
        """Board seconds."""
        return self.clock.horizon / PS_PER_SECOND

    def before_task_step(self, _task: trio.lowlevel.Task) -> None:
        """See trio.abc.Instrument."""
        self._polled = False

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Called when no task can run: poll once, then jump."""
        if deadline == math.inf or _idle_waiters():
            return FOREVER
        if not self._polled:
            self._polled = True
            return self.cushion
        # Round up: a clock that stops a picosecond short of the deadline would be asked again for ever.
        self._jump(math.ceil(deadline * PS_PER_SECOND))
        while self.current_time() < deadline:
            self.clock.advance(1)
        return 0.0

    def _jump(self, target: int) -> None:
        if target > self.clock.horizon:
            self.clock.advance(target - self.clock.horizon)


def _idle_waiters() -> bool:
    """Report whether a task waits in wait_all_tasks_blocked(): it wants to run before time moves.

    trio has no public way to ask; its own MockClock is given precedence inside the run loop.
    """
    from trio._core._run import GLOBAL_RUN_CONTEXT

    waiting: Callable[[], int] = GLOBAL_RUN_CONTEXT.runner.waiting_for_idle.__len__
    return waiting() > 0
