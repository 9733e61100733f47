"""One run of the RAM loader in a core that is being visited: uploaded, asked, fed, and required to end as it must.

Upload and read back, run with a ring that is filled while flash is busy (``feed``), require the loader's very end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from ..arm.memory import Memory
from ..arm.registers_core import Regsel
from ..probes.access import Batch
from .controller import explain_status
from .diagnosis import ATTEMPT, compare_upload, explain_stop
from .errors import FlashError, LoaderError
from .family import Family
from .feed import COUNT_MASK, FIRST_LOOK, PATIENCE, PATIENCE_FACTOR, SHORTEST_NAP, Feeder
from .layout import Layout, Mailbox
from .plan import Plan, Run
from .progress import Watcher
from .stream import Outcome, Piece
from .verify import mismatch
from .visit import Visit

__all__ = ["LoaderRun", "UnreadableError"]

log = logging.getLogger(__name__)

NAP = 0.25
"""Of the time since the start: when to look again whether a survey has come to its end."""


class UnreadableError(LoaderError):
    """A survey met flash that cannot be read, in a core halted where a fault locks it up."""


class LoaderRun:
    """``begin``, then ``ask`` for each slot of a survey, then ``feed``. All raise FlashError or what Memory raises."""

    def __init__(self, memory: Memory, family: Family, layout: Layout, visit: Visit) -> None:
        self._memory = memory
        self._family = family
        self._layout = layout
        self._visit = visit
        self._asked = 0

    async def begin(self, slots: Sequence[bytes]) -> None:
        """Write loader and first slots, read the loader back and compare: a link that lies is caught here. Start."""
        image = self._layout.image(self._family, len(slots))
        batch = Batch()
        batch.write_block(self._layout.code, image)
        for index, slot in enumerate(slots):
            self._layout.fill(batch, index, slot)
        back = batch.read_block(self._layout.code, len(image))
        await self._memory.run(batch)
        compare_upload(self._layout.code, image, back.value)
        await self._visit.start({Regsel.MSP: self._layout.stack_top, Regsel.PC: self._layout.entry})
        if self._visit.was_reset:
            await self._fail(0.0)

    async def ask(self, slot: bytes, seconds: float) -> bytes:
        """Have the next slot carried out, which takes ``seconds`` at most, and give back what it holds then.

        The first one has been written by ``begin``.
        """
        index, self._asked = self._asked, self._asked + 1
        if index:
            batch = Batch()
            self._layout.fill(batch, index, slot)
            await self._memory.run(batch)
        await self._until_begun(index + 2, seconds)
        return await self._memory.read(self._layout.slot(index), len(slot))

    async def _until_begun(self, number: int, seconds: float) -> None:
        started = trio.current_time()
        limit = PATIENCE + PATIENCE_FACTOR * seconds
        nap = FIRST_LOOK
        while True:
            await trio.sleep(nap)
            waited = trio.current_time() - started
            word = await self._memory.read32(self._layout.progress)
            if word == number:
                return
            status = await self._visit.status()
            if status.S_HALT and not status.S_RESET_ST and not word & ~COUNT_MASK:
                await self._go_on_after_fault()
            elif status.S_LOCKUP and not status.S_RESET_ST and await self._rescue():
                raise UnreadableError(ATTEMPT, "the core locked up reading the flash", "Load again.")
            elif status.S_HALT or status.S_LOCKUP or status.S_RESET_ST or word & ~COUNT_MASK or waited > limit:
                await self._fail(waited)
            nap = max(SHORTEST_NAP, NAP * waited)

    async def _go_on_after_fault(self) -> None:
        """The catch of a fault in a survey: flash that cannot be read. The loader's handler knows what to do."""
        state = await self._visit.look()
        rescue = await self._rescue()
        if not state.dfsr.VCATCH or state.pc != self._layout.code + self._layout.loader.trap or not rescue:
            raise await explain_stop(self._memory, self._layout, state, 0.0)
        log.warning("part of the flash cannot be read: what an interrupted load leaves; it is programmed again")
        await self._visit.resume()

    async def _rescue(self) -> int:
        """Where a fault leads to: not 0 while a survey is under way."""
        return await self._memory.read32(self._layout.code + self._layout.loader.mailbox + Mailbox.RESCUE)

    async def feed(self, plan: Plan, pieces: Sequence[Piece], watcher: Watcher | None = None) -> None:
        """Send ``pieces`` and require the loader's good end; ``plan`` is what they carry out."""
        feeder = Feeder(self._memory, self._layout, pieces, 0, self._check, earlier=self._asked, watcher=watcher)
        await self._require_end(await feeder.run(), plan)

    async def _check(self, waited: float) -> None:
        """Called while there is no progress; raises if the core has stopped, or has been given ``waited`` seconds."""
        status = await self._visit.status()
        if status.S_HALT or status.S_LOCKUP or status.S_RESET_ST:
            outcome = await self._memory.read32(self._layout.progress) >> 24
            if outcome == Outcome.RUNNING or not status.S_HALT or status.S_RESET_ST:
                await self._fail(waited)
        elif waited:
            await self._fail(waited)

    async def _fail(self, waited: float) -> None:
        """Raise the LoaderError that tells what is seen of the core."""
        state = await self._visit.look()
        raise await explain_stop(self._memory, self._layout, state, waited)

    async def _require_end(self, outcome: Outcome | None, plan: Plan) -> None:
        """The loader has ended well only if it is halted at its BKPT, without a reset, and says so itself."""
        state = await self._visit.look()
        at_end = state.pc == self._layout.done and state.dfsr.BKPT and not state.dhcsr.S_RESET_ST
        if not at_end or outcome is None:
            raise await explain_stop(self._memory, self._layout, state, 0.0)
        if outcome is not Outcome.DONE:
            await self._raise_loader_error(outcome, plan)

    async def _raise_loader_error(self, outcome: Outcome, plan: Plan) -> None:
        mailbox = self._layout.code + self._layout.loader.mailbox
        batch = Batch()
        where, detail = batch.read(mailbox + Mailbox.ADDRESS), batch.read(mailbox + Mailbox.DETAIL)
        await self._memory.run(batch)
        address = where.value
        if outcome is Outcome.MISMATCH:
            area = next((a for a in plan.areas() if a.address == address), Run(address, b""))
            raise await mismatch(self._memory, area, detail.value)
        if outcome is Outcome.FLASH_ERROR:
            seen = explain_status(self._family, detail.value)
            raise FlashError(
                f"{ATTEMPT} at 0x{address:08X}",
                seen,
                "If loading again does not help, that part of the flash may be worn out or the chip not what it says.",
                address=address,
            )
        raise FlashError(
            ATTEMPT,
            "the loader met a command it does not know, so its memory was overwritten while it ran",
            "Something else writes to RAM: reset and halt the target (monitor reset halt), then load again.",
        )
