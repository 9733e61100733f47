"""What one CMSIS-Pack algorithm has to do in a core that is being visited: compare, erase, program, verify.

Order, as the specification has it ("Algorithm Functions"): Init(1), EraseSector for each sector, UnInit(1); Init(2),
ProgramPage for each page, UnInit(2). While pages are programmed the next ones are written to the other buffer. What
need not change is found before, and what has changed is proved after, by a checksum of our own that runs on the target.
"""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import IntEnum

import trio

from ..arm.memory import Memory
from ..probes.errors import HaltpointError
from .errors import FlashError
from .flm_calls import Caller, Calls, Function, arguments
from .flm_layout import CallLayout
from .old import OldContent
from .plan import Run, SectorContent
from .progress import Progress, Watcher
from .stream import raw_crc
from .verify import mismatch

__all__ = ["Job", "Task"]

log = logging.getLogger(__name__)

INIT_SECONDS = 5.0
"""Limit for Init and UnInit: an algorithm names none for them."""
CHECK_SECONDS_PER_BYTE = 50e-6
"""The checksum takes 23 cycles for a byte; this is enough at 500 kHz."""
TIDY_SECONDS = 4.0
UNKNOWN_CLOCK = 0
"""Init's second argument, in Hz. Algorithms set up the clock they need; this is what other tools pass, too."""
AT_ONCE = 2.0
"""Seconds, by the file's own limit, that a list of calls may take: until then a hang is not noticed."""
WORD = 4


class Purpose(IntEnum):
    """Init's third argument and UnInit's only one."""

    ERASE = 1
    PROGRAM = 2
    VERIFY = 3


@dataclass(frozen=True, slots=True)
class Task:
    """What a job needs beside the plan, whose parts are known and kept in units of ``unit`` bytes.

    ``spared`` takes the sectors that are not erased because they are blank.
    """

    old: OldContent
    watcher: Watcher | None
    trusting: bool
    unit: int
    spared: list[int] = field(default_factory=list)


class Job:
    """What one algorithm has to do, in a core that is being visited."""

    def __init__(self, memory: Memory, caller: Caller, layout: CallLayout, task: Task) -> None:
        self._memory = memory
        self._task = task
        self._caller = caller
        self._layout = layout
        self._algorithm = layout.algorithm
        self._page = math.gcd(layout.algorithm.page, task.unit)
        self._blank = bytes([layout.algorithm.erased])

    async def run(self, sectors: Sequence[SectorContent]) -> list[SectorContent]:
        """Compare, erase, program, verify; what had to be done."""
        await self._caller.upload()
        async with self._readable():
            changed = await self._changed(sectors)
        if not changed:
            return changed
        erased = [sector.start for sector in changed if sector.erase]
        if erased:
            async with self._phase(Purpose.ERASE):
                await self._erase(erased)
        pages = list(self._pages(changed))
        if pages:
            async with self._phase(Purpose.PROGRAM):
                await self._program(pages, changed)
        async with self._readable():
            await self._verify(changed)
        return changed

    # --- phases

    def _function(self, name: str, seconds: float, shown: int = 3) -> Function:
        return Function(name, self._layout.entry(name), seconds, shown)

    @asynccontextmanager
    async def _phase(self, purpose: Purpose) -> AsyncIterator[None]:
        """Init before and UnInit after, also when a function in between has failed or the load is cancelled."""
        init = self._function("Init", INIT_SECONDS)
        try:
            await self._caller.end(await self._caller.begin(init, self._algorithm.start, UNKNOWN_CLOCK, purpose))
        except trio.Cancelled:
            await self._tidy_up(purpose)
            raise
        try:
            yield
        except (FlashError, trio.Cancelled) as error:
            if not isinstance(error, FlashError) or error.address is not None:  # else a function has not returned
                await self._tidy_up(purpose)
            raise
        await self._end_phase(purpose)

    async def _end_phase(self, purpose: Purpose) -> None:
        uninit = replace(self._function("UnInit", INIT_SECONDS), addressed=False)
        calls = await self._caller.begin(uninit, purpose)
        await self._caller.end(calls)
        await self._caller.check_stack(calls)

    async def _tidy_up(self, purpose: Purpose) -> None:
        """Let what is under way come to its end, then lock the flash again: an open lock can refuse the next keys."""
        with trio.CancelScope(shield=True), trio.move_on_after(TIDY_SECONDS):
            try:
                await self._caller.settle()
                await self._end_phase(purpose)
            except HaltpointError as error:
                log.warning("after a failure: %s", error)

    @asynccontextmanager
    async def _readable(self) -> AsyncIterator[None]:
        """Flash on the chip is always; other flash may need Init to appear in the memory map."""
        if self._algorithm.on_chip:
            yield
            return
        async with self._phase(Purpose.VERIFY):
            yield

    # --- what is in flash

    async def _checksums(self, areas: Sequence[tuple[int, int]]) -> list[int]:
        """CRC-32 of areas (address, length), computed on the target."""
        found: list[int] = []
        most, place = self._layout.most_areas, self._layout.buffers[0]
        for first in range(0, len(areas), most):
            part = areas[first : first + most]
            words = [word for area in part for word in area]
            await self._memory.write(place, struct.pack(f"<{len(words)}I", *words))
            length = sum(length for _, length in part)
            seconds = length * CHECK_SECONDS_PER_BYTE
            function = Function(
                f"Haltpoint's checksum of {length} bytes", self._layout.checksum, seconds, 0, addressed=False
            )
            await self._caller.end(await self._caller.begin(function, place, len(part)))
            answer = await self._memory.read(place, WORD * len(words))
            found += struct.unpack(f"<{len(words)}I", answer)[1::2]
        return found

    async def _changed(self, sectors: Sequence[SectorContent]) -> list[SectorContent]:
        """The sectors that do not hold yet what they should, with what they keep; blank ones need no erasing."""
        areas = [area for sector in sectors for area in (*_known(sector), *_kept(sector))]
        crcs = dict(zip(areas, await self._checksums(areas), strict=True))
        blank = {area for area, crc in crcs.items() if crc == raw_crc(self._blank * area[1])}
        different = [s for s in sectors if any(crcs[area] != raw_crc(data) for area, data in _known(s).items())]
        spared = [s.start for s in different if self._task.trusting and blank.issuperset(_known(s))]
        self._task.spared.extend(spared)
        unread = [area for s in different if s.start not in spared for area in _kept(s) if area not in blank]
        old = await self._task.old.read(self._memory, unread)
        return [replace(s, erase=False) if s.start in spared else s.filled(old) for s in different]

    async def _verify(self, sectors: Sequence[SectorContent]) -> None:
        runs = [run for sector in sectors for run in sector.known]
        crcs = await self._checksums([(run.address, len(run.data)) for run in runs])
        for run, crc in zip(runs, crcs, strict=True):
            if crc != raw_crc(run.data):
                raise await mismatch(self._memory, run, crc)

    # --- changing it

    async def _erase(self, starts: Sequence[int]) -> None:
        """As many sectors at once as may take ``AT_ONCE`` seconds by the file's limit."""
        function = self._function("EraseSector", self._algorithm.erase_seconds, shown=1)
        most = max(1, min(self._layout.most_calls, int(AT_ONCE / self._algorithm.erase_seconds)))
        for first in range(0, len(starts), most):
            calls = [(start,) for start in starts[first : first + most]]
            await self._memory.write(self._layout.buffers[0], arguments(calls))
            await self._caller.end(await self._caller.begin_each(function, calls, self._layout.buffers[0]))

    def _pages(self, sectors: Sequence[SectorContent]) -> Iterator[Run]:
        """What is not blank, page by page."""
        size = self._page
        for sector in sectors:
            for run in sector.runs(self._algorithm.erased, size):
                for offset in range(0, len(run.data), size):
                    yield Run(run.address + offset, run.data[offset : offset + size])

    async def _program(self, pages: Sequence[Run], sectors: Sequence[SectorContent]) -> None:
        """With two buffers, the next pages are on their way while the present ones are programmed."""
        function = self._function("ProgramPage", self._algorithm.program_seconds, shown=2)
        buffers, most = self._layout.buffers, self._layout.pages
        groups = [pages[first : first + most] for first in range(0, len(pages), most)]
        places = [buffers[number % len(buffers)] for number in range(len(groups))]
        under_way: Calls | None = None
        pace = _Pace(pages, sectors, self._task.watcher)
        for group, place in zip(groups, places, strict=True):
            if under_way is not None and len(buffers) == 1:
                await self._caller.end(under_way)
            calls = await self._fill(place, group)
            if under_way is not None and len(buffers) > 1:
                await self._caller.end(under_way)
            pace.begun(group)
            under_way = await self._caller.begin_each(function, calls, place)
        if under_way is not None:
            await self._caller.end(under_way)

    async def _fill(self, place: int, pages: Sequence[Run]) -> list[tuple[int, ...]]:
        """Write pages and the calls for them to a buffer, in one piece."""
        size, data = self._page, place + self._layout.list_size
        calls: list[tuple[int, ...]] = [
            (page.address, len(page.data), data + number * size) for number, page in enumerate(pages)
        ]
        listed = arguments(calls).ljust(self._layout.list_size, b"\0")
        await self._memory.write(place, listed + b"".join(page.data for page in pages))
        return calls


def _known(sector: SectorContent) -> dict[tuple[int, int], bytes]:
    """What the plan says of a sector, by (address, length)."""
    return {(run.address, len(run.data)): run.data for run in sector.known}


def _kept(sector: SectorContent) -> list[tuple[int, int]]:
    """What the plan does not know of a sector: (address, length)."""
    return [(sector.start + offset, length) for offset, length in sector.kept]


class _Pace:
    """Tells the watcher how far programming is."""

    def __init__(self, pages: Sequence[Run], sectors: Sequence[SectorContent], watcher: Watcher | None) -> None:
        self._started = trio.current_time()
        self._watcher = watcher
        self._all = sum(len(page.data) for page in pages)
        self._ends = [sector.start + len(sector.content) for sector in sectors]
        self._done = 0

    def begun(self, group: Sequence[Run]) -> None:
        """All before ``group`` is programmed."""
        seconds = trio.current_time() - self._started
        if self._watcher is not None and self._done:
            sectors = sum(end <= group[0].address for end in self._ends)
            left = seconds * (self._all - self._done) / self._done
            self._watcher(Progress(sectors, len(self._ends), self._done, self._all, seconds, left))
        self._done += sum(len(page.data) for page in group)
