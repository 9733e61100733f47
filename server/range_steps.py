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


class RangeSteps:
    """``range``: what is stepped through, first address and the one behind the last; None when nothing is."""

    def __init__(self, core: Core, points: Points, read: Callable[[int, int], Awaitable[bytes]]) -> None:
        self._core = core
        self._points = points
        self._read = read
        self.range: tuple[int, int] | None = None
        # The hits of a watchpoint after which a step has been taken for done.
        self._passed: tuple[WatchHit, ...] = ()

    async def go_on(self, start: int, end: int, before: Callable[[], None]) -> Stop | None:
        """Some more steps, ``before`` which the core is let run: the stop, None when there are more to come."""
        stop = self.pass_access()
        if stop is None:
            code = await self._code(start, end)
            before()
            stop = await self._core.step_range(start, end, code, PATIENCE)
        if stop is not None:
            self.range = None
        return stop

    async def _code(self, start: int, end: int) -> bytes:
        try:
            return await self._read(start, min(end - start + 2, CODE))
        except AccessFaultError:
            return b""

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
