"""GDB's vFlashErase, vFlashWrite, vFlashDone as one session (GDB manual, appendix E.2).

Nothing is done before the whole image is there. GDB sends it over loopback in next to no time (measured with GDB 13:
64 KiB in 0.06 s, 512 KiB in 0.12 s, where the flash needs 1.3 s and more for 64 KiB), and comparing it as a whole
saves whole sectors; starting with the first write would save at most those milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import trio

from ..arm.core import CortexM
from ..probes.access import Batch
from .chips import Chip
from .engine import LoaderEngine
from .memory_map import Mapped, Sector
from .old import OldContent
from .plan import Draft, Plan, check_range
from .progress import Watcher
from .report import FlashReport

__all__ = ["FlashSession"]


class Engine(Protocol):
    """What programs a plan; ``engine.LoaderEngine`` says what is meant.

    Flash is programmed in units of ``unit`` bytes, to ``erased`` before.
    """

    erased: int
    unit: int

    @property
    def layout(self) -> Area:
        """The RAM it overwrites."""

    async def check(self, sectors: Sequence[Sector]) -> None:
        """Raise ProtectedError if it is known beforehand that one of them cannot be changed; the flash is idle then."""

    async def program(
        self, plan: Plan, old: OldContent, watcher: Watcher | None = None, *, trusting: bool = True
    ) -> Plan:
        """Make the flash hold what ``plan`` says; returns what had to be done."""


class Area(Protocol):
    """From ``code`` up to ``end``."""

    @property
    def code(self) -> int:
        """The first address."""

    @property
    def end(self) -> int:
        """The address behind the last one."""


class FlashSession:
    """Collects edits; ``finish`` carries them out. May be used again afterwards.

    Bytes that are not written keep their content, also in sectors that a client has asked to erase because it writes
    to them; with ``erase_gaps`` they become blank. ``watcher`` is told how far a load is.
    """

    def __init__(self, core: CortexM, chip: Mapped, engine: Engine | None = None, *, erase_gaps: bool = False) -> None:
        self._core = core
        self._chip = chip
        self._engine = engine or _own_engine(core, chip)
        self._kept: list[tuple[int, int]] = []
        self._old = OldContent(self._engine.erased, self._engine.unit)
        self._interrupted = False
        self.erase_gaps = erase_gaps
        self.watcher: Watcher | None = None
        self._draft = self._new_draft()

    def _new_draft(self) -> Draft:
        return Draft(self._chip.flash, *self._unit, erase_gaps=self.erase_gaps)

    @property
    def pending(self) -> bool:
        """Whether there is anything for ``finish`` to do."""
        return not self._draft.empty

    def erase(self, address: int, length: int) -> None:
        """Record that these bytes are to be erased; raises ImageError for what is not flash."""
        attempt = f"Erasing {length} bytes at 0x{address:08X}"
        check_range(self._chip.flash, self._chip.name, attempt, address, length)
        self._draft.erase(address, length)

    def write(self, address: int, data: bytes) -> None:
        """Record what these bytes are to hold (the last write wins); raises ImageError for what is not flash."""
        attempt = f"Programming {len(data)} bytes at 0x{address:08X}"
        check_range(self._chip.flash, self._chip.name, attempt, address, len(data))
        self._draft.write(address, data)

    def preserve(self, address: int, length: int) -> None:
        """Record that these bytes of RAM must survive the next ``finish``.

        The loader overwrites the RAM it uses (``LoaderEngine.layout``). GDB writes the RAM sections of a
        program before it programs the flash sections, so whoever writes RAM for a client while the core is
        halted should say so here.
        """
        start, end = address, address + length
        apart = []
        for other_start, other_end in self._kept:
            if other_end < start or end < other_start:
                apart.append((other_start, other_end))
            else:
                start, end = min(start, other_start), max(end, other_end)
        self._kept = sorted([*apart, (start, end)])

    def discard(self) -> None:
        """Forget all edits; the target has not been touched."""
        self._draft = self._new_draft()

    async def finish(self) -> FlashReport:
        """Check protection, plan, program, verify, put back. The core is halted afterwards, its registers as before.

        Raises HaltpointError: ProtectedError before anything has been erased, FlashError and its kin, or
        what Memory raises. The edits are forgotten either way.
        """
        started = trio.current_time()
        draft, self._draft = self._draft, self._new_draft()
        kept, self._kept = self._kept, []
        plan = done = Plan((), 0)
        if not draft.empty:
            if self._core.stop is None:
                await self._core.halt()
            async with self._core.memory.exclusive():
                plan, done = await self._carry_out(draft, kept)
        programmed = sum(len(run.data) for sector in done.sectors for run in sector.runs(*self._unit))
        return FlashReport(len(done.sectors), len(plan.sectors), programmed, trio.current_time() - started)

    @property
    def _unit(self) -> tuple[int, int]:
        return self._engine.erased, self._engine.unit

    async def _carry_out(self, draft: Draft, kept: list[tuple[int, int]]) -> tuple[Plan, Plan]:
        """The plan, and what of it had to be done."""
        memory = self._core.memory
        await self._engine.check([self._chip.sector(start) for start in draft.sectors])
        for address, data in (await self._old.read_lost(memory)).items():
            draft.keep(address, data)
        for address, data in (await self._old.read(memory, draft.edges())).items():
            draft.keep(address, data)
        ram = await self._read_ram(kept)
        plan = draft.plan()
        trusting, self._interrupted = not self._interrupted, True
        try:
            done = await self._engine.program(plan, self._old, self.watcher, trusting=trusting)
        finally:
            with trio.CancelScope(shield=True):
                await self._write_back(ram)
        self._interrupted = False
        self._old.forget()
        return plan, done

    async def _read_ram(self, kept: list[tuple[int, int]]) -> dict[int, bytes]:
        batch = Batch()
        slots = {start: batch.read_block(start, end - start) for start, end in self._overwritten(kept)}
        await self._core.memory.run(batch)
        return {start: slot.value for start, slot in slots.items()}

    def _overwritten(self, kept: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The parts of ``kept`` (start, end) that the loader will use."""
        layout = self._engine.layout
        cut = [(max(start, layout.code), min(end, layout.end)) for start, end in kept]
        return [(start, end) for start, end in cut if start < end]

    async def _write_back(self, ram: dict[int, bytes]) -> None:
        batch = Batch()
        for start, data in ram.items():
            batch.write_block(start, data)
        await self._core.memory.run(batch)


def _own_engine(core: CortexM, chip: Mapped) -> Engine:
    assert isinstance(chip, Chip), "a chip without a loader of ours needs an engine"
    return LoaderEngine(core, chip)
