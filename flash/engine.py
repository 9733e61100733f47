"""Makes the flash hold what a plan says, with the family's RAM loader.

Open the flash (``controller``), then one run of the loader (``run``) in a core that ``visiting`` has made harmless and
puts back: look at all sectors of the plan first (``survey``), then erase and program what differs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from ..arm.core import CortexM
from ..arm.memory import Memory
from .chips import Chip
from .controller import FlashAccess, check_protection
from .errors import FlashError, LoaderError, ProtectedError
from .layout import Layout, lay_out
from .memory_map import Sector
from .old import OldContent
from .plan import Plan
from .progress import Watcher
from .run import LoaderRun, UnreadableError
from .steps import Step
from .stream import SKIP, cut
from .survey import Survey, everything
from .visit import Visit, default_steps, put_back, visiting

__all__ = ["LoaderEngine"]

log = logging.getLogger(__name__)


class LoaderEngine:
    """Erases, programs and verifies what a plan says, on a halted core.

    ``steps`` is the table of what is made harmless; it is an argument so that tests can show what happens
    without a step.
    """

    def __init__(self, core: CortexM, chip: Chip, steps: Sequence[Step] | None = None) -> None:
        self._core = core
        self._memory: Memory = core.memory
        self._chip = chip
        self._steps = default_steps(chip) if steps is None else tuple(steps)
        self.layout: Layout = lay_out(chip.ram, chip.family.loader)
        self.erased: int = chip.family.erased
        self.unit: int = chip.family.program_unit

    async def check(self, sectors: Sequence[Sector]) -> None:
        """Raise ProtectedError if one of ``sectors``, or the whole flash, is protected; the flash is idle then."""
        await FlashAccess(self._memory, self._chip.family, sorted({sector.bank for sector in sectors})).settle()
        await check_protection(self._memory, self._chip.family, sectors)

    async def program(
        self, plan: Plan, old: OldContent, watcher: Watcher | None = None, *, trusting: bool = True
    ) -> Plan:
        """Make the flash hold what ``plan`` says; afterwards the core is halted, its registers as before.

        Returns what had to be done; ``old`` reads what must survive an erase. Sectors that hold the plan's content are
        left alone, and with ``trusting`` those that are blank are not erased. Should one of these not take its
        content (an erase that was interrupted leaves flash that looks blank and is not), it is erased after all.
        Raises FlashError or what Memory raises. Cancellation halts the core and puts everything back, too.
        """
        if not plan.sectors:
            return plan
        spared: list[int] = []
        try:
            return await self._program(plan, old, watcher, spared if trusting else None)
        except (LoaderError, ProtectedError):
            raise
        except FlashError as error:
            if not spared:
                raise
            log.warning("%s Sectors that looked blank had not been erased: trying again with them erased.", error)
        lost = await old.read_lost(self._memory)
        again = Plan(tuple(sector.recalled(lost) for sector in plan.sectors), plan.bytes_written)
        return await self._program(again, old, watcher, None)

    async def _program(self, plan: Plan, old: OldContent, watcher: Watcher | None, spared: list[int] | None) -> Plan:
        """One visit. ``spared`` takes the sectors that are not erased because they are blank; None: there are none."""
        banks = sorted({sector.bank for sector in plan.sectors})
        access = FlashAccess(self._memory, self._chip.family, banks)
        survey = Survey(plan, self._chip.family, self.layout.payload)
        async with visiting(self._core, self._steps) as visit:
            visit.close = access.close
            await access.open()
            run = LoaderRun(self._memory, self._chip.family, self.layout, visit)
            await run.begin(survey.pieces[:1])
            try:
                answers = [await run.ask(slot, survey.seconds) for slot in survey.pieces]
                findings = survey.findings(answers, trusting=spared is not None)
            except UnreadableError:
                log.warning("part of the flash cannot be read: all sectors of the image are programmed again")
                run, findings = await self._begin_again(visit), everything(plan)
            todo = Plan(findings.filled(await old.read(self._memory, findings.unread)), plan.bytes_written)
            if spared is not None:
                spared += [sector.start for sector in todo.sectors if not sector.erase]
            await run.feed(todo, cut(todo, self._chip.family, self.layout.payload), watcher)
        with trio.CancelScope(shield=True):
            await put_back(lambda: access.note_programmed(self._chip.flash[0].start))
        return todo

    async def _begin_again(self, visit: Visit) -> LoaderRun:
        """A run that has not asked anything, in a core that is locked up."""
        await visit.halt()
        run = LoaderRun(self._memory, self._chip.family, self.layout, visit)
        await run.begin([SKIP.data])
        await run.ask(SKIP.data, 0.0)
        return run
