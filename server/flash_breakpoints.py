"""Breakpoints in flash, for those the core has no comparator left for: BKPT programmed over the instruction.

Each change rewrites a sector, which wears it. So nothing is done before the program runs, all changes of a stop
are made at once, and a BKPT that nobody wants any more stays (it is hidden from every reader, and passed when
it is met) until its sector is rewritten anyway, until the program meets it, or until the client leaves.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

import trio

from ..arm.breakpoints import BKPT, BreakpointKind
from ..arm.displaced import Instruction
from ..arm.stop import Stop, StopReason
from ..flash.memory_map import Region, region_at
from ..flash.report import FlashReport
from ..probes.errors import AccessFaultError, TargetError
from .capabilities import Core, FlashCapability
from .points import Orders, Points

__all__ = ["FlashBreakpoints"]

log = logging.getLogger(__name__)

SPARE_COMPARATORS = 2
"""So many are freed whenever flash is rewritten anyway: one 'finish' or 'next' needs one, and would cost a sector."""

_BKPT = BKPT.to_bytes(2, "little")


class FlashBreakpoints:
    """Puts the flash breakpoints of the core's table into flash, by a flash session of its own.

    ``notices`` takes a sentence about each rewriting; ``rewritten`` counts sectors.
    """

    def __init__(self, core: Core, session: FlashCapability, regions: Sequence[Region]) -> None:
        self._core = core
        self._session = session
        self._regions = tuple(region for region in regions if region.kind == "flash")
        self._ram = tuple(region for region in regions if region.kind == "ram")
        self.rewritten = 0
        self.rewriting = False
        """Just now, which takes seconds where sectors are large."""

    @property
    def standing(self) -> dict[int, int]:
        """Where BKPT stands in flash, with what it replaced."""
        return dict(self._core.breakpoints.in_flash)

    async def adopt(self, left: Mapping[int, int]) -> None:
        """Take over those that were left when the probe was lost, with what they replaced, if they still stand."""
        for place, original in left.items():
            try:
                stands = await self._core.memory.read(place, 2) == _BKPT
            except AccessFaultError:
                continue
            if stands:
                self._core.breakpoints.in_flash[place] = original
        if self.standing:
            self._core.notices.append(
                f"{len(self.standing)} breakpoints are left in flash from before the probe was lost. They are hidden, "
                "and taken out when you leave; the program may have met one without a debugger: reset it."
            )

    async def fits(self, address: int) -> bool:
        """Whether a breakpoint can be put into flash at ``address`` and stepped over there."""
        if region_at(self._regions, address) is None:
            return False
        try:
            code = await self._core.read_memory(address, 4)
        except AccessFaultError:
            return False
        return Instruction(code, address).possible

    async def insert(self, points: Points, address: int, *, hardware: bool, orders: Orders) -> None:
        """As ``Points.insert``; where comparators run out it will be put into flash, if it may be."""
        address &= ~1
        if address in self._core.breakpoints.in_flash:
            points.insert(address, hardware=hardware, orders=orders, kind=BreakpointKind.FLASH)
            return
        try:
            points.insert(address, hardware=hardware, orders=orders)
        except TargetError:
            if not await self.fits(address):
                raise
            points.insert(address, hardware=hardware, orders=orders, kind=BreakpointKind.FLASH)

    @property
    def missing(self) -> bool:
        """Whether there are some to be put in."""
        return not self._core.breakpoints.all_in_flash

    async def place(self) -> None:
        """Bring flash in line with the table, if there is one to be put in. The core must stand."""
        wanted, standing = self._core.breakpoints.wanted_in_flash(), self._core.breakpoints.in_flash.keys()
        put = wanted - standing
        if put:
            await self._free_comparators(put)
            await self._rewrite(put, standing - wanted)

    async def _free_comparators(self, put: set[int]) -> None:
        """Let ``put`` take along some that have comparators, in the same sectors: the client's next steps need them."""
        sectors = {self._sector(place) for place in put}
        moved = 0
        for place in self._core.breakpoints.with_comparator():
            if moved < SPARE_COMPARATORS and self._sector(place) in sectors and await self.fits(place):
                self._core.breakpoints.add(place, BreakpointKind.FLASH)
                put.add(place)
                moved += 1

    def _sector(self, address: int) -> int | None:
        region = region_at(self._regions, address)
        return None if region is None else address - (address - region.start) % region.sector_size

    async def tidy(self) -> None:
        """Take out those that nobody wants any more. The core must stand."""
        await self._take(self._core.breakpoints.in_flash.keys() - self._core.breakpoints.wanted_in_flash())

    async def restore(self) -> None:
        """Take out all of them; the core is halted for it."""
        if self._core.breakpoints.in_flash:
            with trio.CancelScope(shield=True):
                await self._core.halt()
                await self._take(set(self._core.breakpoints.in_flash))

    async def place_in_running(self) -> None:
        """Bring the flash in line with the table while the core runs: it stands still as long as that takes."""
        with trio.CancelScope(shield=True):
            stop = await self._core.halt()
            await self.place()
            if stop.reason is StopReason.HALT_REQUEST:
                await self._core.resume()

    async def passes(self, stop: Stop) -> bool:
        """Whether the core stopped only at one that nobody wants any more; that is taken out, and the core runs."""
        if stop.reason is not StopReason.BREAKPOINT or stop.bkpt is not None:
            return False
        if not self._core.breakpoints.left_over(stop.pc):
            return False
        with trio.CancelScope(shield=True):
            # Met once, it would be met again.
            await self.tidy()
            await self._core.resume()
        return True

    async def _take(self, places: Collection[int]) -> None:
        if places:
            await self._rewrite((), places)

    async def _rewrite(self, put: Collection[int], take: Collection[int]) -> None:
        """All at once, and never given up half-way: what is in these sectors is the user's program."""
        with trio.CancelScope(shield=True):
            standing = self._core.breakpoints.in_flash
            originals = {place: await self._core.read_memory(place, 2) for place in (*put, *take)}
            for place, original in originals.items():
                self._session.write(place, _BKPT if place in put else original)
                standing[place] = int.from_bytes(original, "little")
            for region in self._ram:
                # A program is about to go on that knows nothing of a loader.
                self._session.preserve(region.start, region.size)
            self.rewriting = True
            try:
                report = await self._session.finish()
            finally:
                self.rewriting = False
                await self._see(originals)
        self._tell(report)

    async def _see(self, places: Collection[int]) -> None:
        """What stands there now is believed, whatever was meant to."""
        standing = self._core.breakpoints.in_flash
        for place in places:
            if await self._core.memory.read(place, 2) != _BKPT:
                standing.pop(place)

    def _tell(self, report: object) -> None:
        changed = report.changed if isinstance(report, FlashReport) else 0
        self.rewritten += changed
        sectors = f"{changed} sector{'' if changed == 1 else 's'}"
        self._core.notices.append(f"Flash breakpoints: {sectors} rewritten, {self.rewritten} so far.")
