"""Stepping while PC stays within a range, as far as possible in one go and with interrupts let in.

From the code of the range follows where the core can leave it. With comparators there it runs freely, loops
and interrupts included: a line that waits for an interrupt ends, and a stop at one of these places on behalf
of a handler that uses the same code is passed. An instruction that goes elsewhere by a register or by memory
is stepped by itself, and so is everything when comparators do not suffice. So every place the core can leave
the range at is seen, for a few transfers a range instead of a few an instruction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import trio

from .memory import Memory
from .registers_core import XPSR
from .running import CoreControl
from .stop import Stop, StopReason
from .thumb import reach, straight_end

__all__ = ["RangeStepping"]

WORTH_IT = 2
"""Instructions from which on running to a comparator is cheaper than stepping."""

WORTH_A_BKPT = 5
"""The same for a BKPT instruction in RAM, where no comparator reaches."""

_IT = XPSR.IT_HIGH.mask | XPSR.IT_LOW.mask


@dataclass(frozen=True)
class _Walk:
    """A range that is stepped over: by which exception's code (IPSR), and where that was last run to, if it was."""

    start: int
    end: int
    home: int
    places: frozenset[int] | None = None

    def covers(self, pc: int) -> bool:
        return self.start <= pc < self.end

    def away(self, stop: Stop) -> bool:
        """Whether the core stands in a handler that came between."""
        return self.places is not None and self.home != XPSR(stop.xpsr).IPSR


class RangeStepping(CoreControl):
    """Core control that steps over ranges."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self._walk: _Walk | None = None

    async def step_range(self, start: int, end: int, code: bytes, patience: float) -> Stop | None:
        """Step until PC is outside ``start`` to ``end`` (exclusive) or there is another reason to stop.

        At least one instruction is carried out. ``code`` is what stands from ``start`` on, as far as it is known.
        None when ``patience`` seconds have passed and the range has not been left: the core runs in it, or stands,
        and the next call goes on. Interrupts are served meanwhile; the step does not end in a handler, but at
        a breakpoint there, after which a call with the same range goes on as well. A breakpoint in the range
        stops before its instruction. Raises what ``step`` raises.
        """
        async with self.memory.exclusive():
            deadline = trio.current_time() + patience
            walk, stop = self._walk, self.stop
            if stop is not None or walk is None or (walk.start, walk.end) != (start, end):
                stop = await self._require_stop("Stepping")
                self._begin(start, end, stop)
            else:
                stop = await self._look_until(deadline)
                if stop is not None and self._ends(stop):
                    return self.stop
            while stop is not None and trio.current_time() < deadline:
                stop = await self._advance(stop, code) or await self._look_until(deadline)
                if stop is not None and self._ends(stop):
                    return self.stop
            return None

    def _begin(self, start: int, end: int, stop: Stop) -> None:
        walk = self._walk
        if walk is None or (walk.start, walk.end) != (start, end) or not walk.away(stop) or walk.covers(stop.pc):
            self._walk = _Walk(start, end, XPSR(stop.xpsr).IPSR)

    def _ends(self, stop: Stop) -> bool:
        """Whether the client is to hear of this stop; it may be told another reason."""
        walk = self._walk
        assert walk is not None
        if stop.reason is StopReason.BREAKPOINT and stop.bkpt is None and self.breakpoints.left_over(stop.pc):
            # Nobody wants it any more; it is stepped over like any instruction.
            self.stop = stop = replace(stop, reason=StopReason.STEP)
        if stop.reason is not StopReason.STEP:
            return True
        if stop.pc in self.breakpoints and (walk.away(stop) or walk.covers(stop.pc)):
            self.stop = replace(stop, reason=StopReason.BREAKPOINT)
            return True
        return not walk.away(stop) and not walk.covers(stop.pc)

    async def _advance(self, stop: Stop, code: bytes) -> Stop | None:
        """Go on from ``stop``; None when the core runs."""
        walk = self._walk
        assert walk is not None
        away = walk.away(stop)
        places = walk.places if away else self._places_ahead(walk, stop, code)
        if places is None or stop.bkpt is not None or self._breaks_at(stop.pc) or (away and stop.pc in places):
            # Of what lies behind this instruction the places say nothing, unless a handler carries it out.
            self._walk = walk if away else replace(walk, places=None)
            return await self._step_past(stop)
        self._walk = replace(walk, places=places)
        await self.settle()
        await self._run(look=True, extra=places)
        return self.stop

    async def _step_past(self, stop: Stop) -> Stop:
        if stop.bkpt is not None:
            return await self.step()
        return await self._step_by_itself(stop)

    def _places_ahead(self, walk: _Walk, stop: Stop, code: bytes) -> frozenset[int] | None:
        """Where to stop the core; None when one instruction is to be stepped by itself."""
        # A breakpoint that is to be in flash need not be there yet, and may be in a handler.
        if stop.xpsr & _IT or not self.breakpoints.all_in_flash:
            return None
        ahead = reach(code, walk.start, stop.pc, walk.end)
        if (ahead.loops or self._worth_it(ahead.count, ahead.places)) and self.breakpoints.room_for(ahead.places):
            return ahead.places
        target, count = straight_end(code, walk.start, stop.pc, walk.end)
        places = frozenset({target})
        return places if self._worth_it(count, places) and self.breakpoints.room_for(places) else None

    def _worth_it(self, count: int, places: frozenset[int]) -> bool:
        return count >= (WORTH_A_BKPT if any(map(self.breakpoints.in_ram, places)) else WORTH_IT)
