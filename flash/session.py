"""GDB's vFlashErase, vFlashWrite, vFlashDone as one session (GDB manual, appendix E.2)."""

from __future__ import annotations

import trio

from ..arm.core import CortexM
from ..probes.access import Batch
from .chips import Chip
from .controller import check_protection
from .engine import LoaderEngine
from .plan import Draft, Plan, check_range
from .report import FlashReport

__all__ = ["FlashSession"]


class FlashSession:
    """Collects edits; ``finish`` carries them out. May be used again afterwards.

    Sectors that edits name in part keep the rest of their content, also where a client forgot to ask for their erase.
    """

    def __init__(self, core: CortexM, chip: Chip, engine: LoaderEngine | None = None) -> None:
        self._core = core
        self._chip = chip
        self._engine = engine or LoaderEngine(core, chip)
        self._kept: list[tuple[int, int]] = []
        self._draft = self._new_draft()

    def _new_draft(self) -> Draft:
        return Draft(self._chip.flash, self._chip.family.erased)

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
        plan = Plan((), 0)
        if not draft.empty:
            if self._core.stop is None:
                await self._core.halt()
            async with self._core.memory.exclusive():
                plan = await self._carry_out(draft, kept)
        return FlashReport(len(plan.sectors), plan.bytes_written, trio.current_time() - started)

    async def _carry_out(self, draft: Draft, kept: list[tuple[int, int]]) -> Plan:
        memory = self._core.memory
        await check_protection(memory, self._chip.family, [self._chip.sector(start) for start in draft.sectors])
        batch = Batch()
        old = {start: batch.read_block(start, size) for start, size in draft.unknown()}
        ram = {start: batch.read_block(start, end - start) for start, end in self._overwritten(kept)}
        await memory.run(batch)
        plan = draft.plan({start: slot.value for start, slot in old.items()})
        try:
            await self._engine.program(plan)
        finally:
            with trio.CancelScope(shield=True):
                await self._write_back({start: slot.value for start, slot in ram.items()})
        return plan

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
