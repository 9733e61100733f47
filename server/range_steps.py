"""Steps through a range of code for a client, and steps that have happened already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from ..arm.dwt import WatchHit
from ..arm.stop import Stop, StopReason
from ..probes.errors import AccessFaultError
from .capabilities import Core
from .points import Points

__all__ = ["RangeSteps"]

PATIENCE = 0.02
"""Seconds of stepping through a range before the client is listened to again."""

CODE = 256
"""Bytes of a range whose code is looked at; what lies behind them is stepped by instructions."""

Range = tuple[int, int]


class RangeSteps:
    """``range``: what is stepped through, first address and the one behind the last; None when nothing is."""

    def __init__(self, core: Core, points: Points, read: Callable[[int, int], Awaitable[bytes]]) -> None:
        self._core = core
        self._points = points
        self._read = read
        self.range: Range | None = None
        # Of this range the code is known; a core that runs cannot change it behind its own back.
        self._known: Range | None = None
        self._code = b""
        # The hits of a watchpoint after which a step has been taken for done.
        self._passed: tuple[WatchHit, ...] = ()

    def begin(self, start: int, end: int) -> None:
        """Step from ``start`` to before ``end``, by ``go_on``."""
        self.range = start, end
        self._known = None

    async def go_on(self, before: Callable[[], None]) -> Stop | None:
        """Some more steps, ``before`` which the core is let run: the stop, None when there are more to come."""
        assert self.range is not None
        start, end = self.range
        stop = self.pass_access()
        if stop is None:
            await self._look_at_code(start, end)
            before()
            stop = await self._core.step_range(start, end, self._code, PATIENCE)
        if stop is not None:
            self.range = None
        return stop

    async def _look_at_code(self, start: int, end: int) -> None:
        if self._known == (start, end):
            return
        try:
            self._code = await self._read(start, min(end - start + 2, CODE))
        except AccessFaultError:
            self._code = b""
        self._known = start, end

    def pass_access(self) -> Stop | None:
        """The stop after the instruction that was watched, where the core stands behind it already; else None.

        GDB and LLDB take it that an Arm core stops before the access: they take the watchpoint out, step, and
        then compare. A Cortex-M stops behind it, and one more instruction would hide a breakpoint or jump.
        """
        stop = self._core.stop
        if stop is None or not stop.watched or stop.watched is self._passed:
            return None
        if any(self._points.watches(hit) for hit in stop.watched):
            return None
        self._passed = stop.watched
        return replace(stop, reason=StopReason.STEP, watched=())
