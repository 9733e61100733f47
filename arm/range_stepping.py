"""Stepping while PC stays within a range, straight pieces of code in one go.

Where the code runs straight on, a spare comparator is put at the end of the piece and the core runs there with
interrupts masked, as it would step; an instruction that may go elsewhere is stepped by itself. So every place
the core can leave the range at is seen, for a few transfers a piece instead of a few an instruction.
"""

from __future__ import annotations

from dataclasses import replace

import trio

from .registers_core import XPSR
from .running import CoreControl
from .stop import Stop, StopReason
from .thumb import straight_end

__all__ = ["RangeStepping"]

WORTH_IT = 2
"""Instructions from which on running to a comparator is cheaper than stepping."""


_IT = XPSR.IT_HIGH.mask | XPSR.IT_LOW.mask


class RangeStepping(CoreControl):
    """Core control that steps over ranges."""

    async def step_range(self, start: int, end: int, code: bytes, patience: float) -> Stop | None:
        """Step until PC is outside ``start`` to ``end`` (exclusive) or there is another reason to stop.

        At least one instruction is carried out. ``code`` is what stands from ``start`` on, as far as it is known.
        None when ``patience`` seconds have passed and PC is still in the range: the core stands, and the next
        call goes on. A breakpoint in the range stops before its instruction. Raises what ``step`` raises.
        """
        async with self.memory.exclusive():
            deadline = trio.current_time() + patience
            stop = await self._require_stop("Stepping")
            while True:
                stop = await self._advance(stop, start, end, code)
                if stop.reason is not StopReason.STEP or not start <= stop.pc < end:
                    return stop
                if stop.pc in self.breakpoints:
                    self.stop = replace(stop, reason=StopReason.BREAKPOINT)
                    return self.stop
                if trio.current_time() >= deadline:
                    return None

    async def _advance(self, stop: Stop, start: int, end: int, code: bytes) -> Stop:
        # A breakpoint that is to be in flash need not be there yet.
        ahead = [place for place in self.breakpoints.wanted_in_flash() if stop.pc < place < end]
        target, count = straight_end(code, start, stop.pc, min([end, *ahead]))
        plain = stop.bkpt is None and not stop.xpsr & _IT and not self._breaks_at(stop.pc)
        if count < WORTH_IT or not plain or not self.breakpoints.room_for(target):
            return await self.step()
        await self.settle()
        ran = await self._run_straight(target)
        if ran.reason is StopReason.BREAKPOINT and self.breakpoints.left_over(ran.pc):
            self.stop = ran = replace(ran, reason=StopReason.STEP)
        return ran
