"""The flash engine for CMSIS-Pack algorithms: each does its job in a core made harmless, which is put back after."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..arm.core import CortexM
from ..probes.access import Batch
from .chips import Chip
from .controller import FlashAccess, check_protection
from .errors import FlashError, LoaderError, ProtectedError
from .families.cortex_m7 import CACHES_OFF
from .families.cortex_m33 import STACK_LIMITS
from .flm_calls import Caller
from .flm_chip import AlgorithmChip
from .flm_job import Job, Task
from .flm_layout import CallLayout
from .memory_map import Sector
from .old import OldContent
from .plan import Plan, SectorContent
from .progress import Watcher
from .sanitize import TRAPS_OFF, core_steps
from .steps import Step
from .visit import WATCHDOG_REFRESH, visiting

__all__ = ["FlmEngine"]

log = logging.getLogger(__name__)

BASELINE = frozenset({"Cortex-M0", "Cortex-M0+", "Cortex-M1", "Cortex-M23"})
STACK_LIMITED = frozenset({"Cortex-M33", "Cortex-M35P", "Cortex-M52", "Cortex-M55", "Cortex-M85"})


@dataclass(frozen=True, slots=True)
class Used:
    """RAM that is overwritten, from ``code`` up to ``end``."""

    code: int
    end: int


class FlmEngine:
    """Makes the flash hold what a plan says, on a halted core, by the algorithms of ``chip``. See session.Engine."""

    def __init__(self, core: CortexM, chip: AlgorithmChip) -> None:
        self._core = core
        self._chip = chip
        self.erased: int = chip.layouts[0].algorithm.erased
        self.unit: int = _unit(chip)
        self.layout = Used(min(layout.base for layout in chip.layouts), max(layout.end for layout in chip.layouts))

    async def check(self, sectors: Sequence[Sector]) -> None:
        """Raise ProtectedError where it is known beforehand that the flash refuses."""
        known = self._chip.known
        if known is None:
            return
        await FlashAccess(self._core.memory, known.family, _banks(known, sectors)).settle()
        await check_protection(self._core.memory, known.family, sectors)

    async def program(
        self, plan: Plan, old: OldContent, watcher: Watcher | None = None, *, trusting: bool = True
    ) -> Plan:
        """Carry out ``plan``; afterwards the core is halted, its registers as before. Returns what had to be done.

        Sectors that hold the plan's content are left alone, and with ``trusting`` those that are blank are not erased.
        Should one of these not take its content, it is erased after all. Raises FlashError or what Memory raises.
        Cancellation halts the core and puts everything back, too.
        """
        done: list[SectorContent] = []
        for layout in self._chip.layouts:
            mine = [sector for sector in plan.sectors if self._chip.layout_at(sector.start) is layout]
            if mine:
                done += await self._program(layout, mine, Task(old, watcher, trusting, self.unit))
        return Plan(tuple(sorted(done, key=lambda sector: sector.start)), plan.bytes_written)

    async def _program(self, layout: CallLayout, sectors: Sequence[SectorContent], task: Task) -> list[SectorContent]:
        try:
            return await self._visit(layout, sectors, task)
        except (LoaderError, ProtectedError):
            raise
        except FlashError as error:
            if not task.spared:
                raise
            log.warning("%s Sectors that looked blank had not been erased: trying again with them erased.", error)
        lost = await task.old.read_lost(self._core.memory)
        return await self._visit(layout, [sector.recalled(lost) for sector in sectors], replace(task, trusting=False))

    async def _visit(self, layout: CallLayout, sectors: Sequence[SectorContent], task: Task) -> list[SectorContent]:
        async with visiting(self._core, self._steps(layout)) as visit:
            await self._lock(sectors)
            caller = Caller(visit, self._core.memory, layout, self._feed_watchdog)
            return await Job(self._core.memory, caller, layout, task).run(sectors)

    def _steps(self, layout: CallLayout) -> tuple[Step, ...]:
        name = self._core.info.name
        if self._chip.known is not None:
            more = self._chip.known.family.preparations
        else:
            more = (CACHES_OFF,) if name == "Cortex-M7" else STACK_LIMITS if name in STACK_LIMITED else ()
        traps = () if name in BASELINE or CACHES_OFF in more else (TRAPS_OFF,)
        return (*core_steps(layout.base), *traps, *more)

    async def _lock(self, sectors: Sequence[SectorContent]) -> None:
        """Where the controller is known: idle, without old errors, and locked, because Init will send the keys.

        Sent to an open lock they would lock it until the next reset. It is left as UnInit leaves it.
        """
        known = self._chip.known
        if known is None:
            return
        banks = _banks(known, sectors)
        await FlashAccess(self._core.memory, known.family, banks).open()
        batch = Batch()
        for controller in dict.fromkeys(known.family.controller(bank) for bank in banks):
            batch.write(controller.control, known.family.lock)
        await self._core.memory.run(batch)

    async def _feed_watchdog(self) -> None:
        """No algorithm does it, so it is done from outside, where the chip is known."""
        if self._chip.known is not None:
            await self._core.memory.write32(self._chip.known.family.watchdog_key, WATCHDOG_REFRESH)


def _banks(known: Chip, sectors: Sequence[Sector] | Sequence[SectorContent]) -> list[int]:
    """Those of the chip's own flash that ``sectors`` are in."""
    return sorted({found.bank for sector in sectors if (found := known.flash_at(sector.start))})


def _unit(chip: AlgorithmChip) -> int:
    """What is programmed at once: whole pages of all algorithms, if sectors consist of such, else a part of a page."""
    pages = [layout.algorithm.page for layout in chip.layouts]
    whole = math.lcm(*pages)
    return whole if all(region.sector_size % whole == 0 for region in chip.flash) else math.gcd(*pages)
