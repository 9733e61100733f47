"""Runs the family's RAM loader on the target, in a core that ``visiting`` has made harmless and puts back.

Open the flash (``controller``), upload and read back, run with a ring that is filled while flash is busy (``feed``),
require the very end the loader has.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from ..arm.core import CortexM
from ..arm.memory import Memory
from ..arm.registers_core import Regsel
from ..probes.access import Batch
from .chips import Chip
from .controller import FlashAccess, explain_status
from .diagnosis import ATTEMPT, compare_upload, explain_stop
from .errors import FlashError, VerifyError
from .feed import Feeder
from .layout import Layout, Mailbox, lay_out
from .plan import Plan, Run
from .steps import Step
from .stream import Outcome, Piece, cut, raw_crc
from .visit import Visit, default_steps, put_back, visiting

__all__ = ["LoaderEngine"]

PREFILLED = 1
"""Slots filled before the start: enough to begin, and the rest travels while the first sector is erased."""
READ_BACK = 4096


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

    async def program(self, plan: Plan) -> None:
        """Carry out ``plan``; afterwards the core is halted, its registers as before.

        Raises FlashError or what Memory raises. Cancellation halts the core and puts everything back, too.
        """
        if not plan.sectors:
            return
        banks = sorted({sector.bank for sector in plan.sectors})
        access = FlashAccess(self._memory, self._chip.family, banks)
        async with visiting(self._core, self._steps) as visit:
            visit.close = access.close
            await access.open()
            await self._run(visit, plan)
        with trio.CancelScope(shield=True):
            await put_back(lambda: access.note_programmed(self._chip.flash[0].start))

    async def _run(self, visit: Visit, plan: Plan) -> None:
        pieces = cut(plan, self._chip.family, self.layout.payload)
        await self._upload(pieces[:PREFILLED])
        await visit.start({Regsel.MSP: self.layout.stack_top, Regsel.PC: self.layout.entry})
        feeder = Feeder(self._memory, self.layout, pieces, min(PREFILLED, len(pieces)), lambda t: self._check(visit, t))
        outcome = await feeder.run()
        await self._require_end(visit, outcome, plan)

    async def _upload(self, first: Sequence[Piece]) -> None:
        """Write loader and first slots, read the loader back and compare: a link that lies is caught here."""
        image = self.layout.image(self._chip.family, len(first))
        batch = Batch()
        batch.write_block(self.layout.code, image)
        for index, piece in enumerate(first):
            self.layout.fill(batch, index, piece.data)
        slot = batch.read_block(self.layout.code, len(image))
        await self._memory.run(batch)
        compare_upload(self.layout.code, image, slot.value)

    async def _check(self, visit: Visit, waited: float) -> None:
        """Called while there is no progress; raises if the core has stopped, or has been given ``waited`` seconds."""
        status = await visit.status()
        if status.S_HALT or status.S_LOCKUP or status.S_RESET_ST:
            outcome = await self._memory.read32(self.layout.progress) >> 24
            if outcome == Outcome.RUNNING or not status.S_HALT or status.S_RESET_ST:
                await self._fail(visit, waited)
        elif waited:
            await self._fail(visit, waited)

    async def _fail(self, visit: Visit, waited: float) -> None:
        """Raise the LoaderError that tells what is seen of the core."""
        state = await visit.look()
        raise await explain_stop(self._memory, self.layout, state, waited)

    async def _require_end(self, visit: Visit, outcome: Outcome | None, plan: Plan) -> None:
        """The loader has ended well only if it is halted at its BKPT, without a reset, and says so itself."""
        state = await visit.look()
        at_end = state.pc == self.layout.done and state.dfsr.BKPT and not state.dhcsr.S_RESET_ST
        if not at_end or outcome is None:
            raise await explain_stop(self._memory, self.layout, state, 0.0)
        if outcome is not Outcome.DONE:
            await self._raise_loader_error(outcome, plan)

    async def _raise_loader_error(self, outcome: Outcome, plan: Plan) -> None:
        mailbox = self.layout.code + self.layout.loader.mailbox
        batch = Batch()
        where, detail = batch.read(mailbox + Mailbox.ADDRESS), batch.read(mailbox + Mailbox.DETAIL)
        await self._memory.run(batch)
        address = where.value
        if outcome is Outcome.MISMATCH:
            raise await self._mismatch(address, detail.value, plan)
        if outcome is Outcome.FLASH_ERROR:
            seen = explain_status(self._chip.family, detail.value)
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

    async def _mismatch(self, address: int, crc: int, plan: Plan) -> VerifyError:
        """Find the first byte that differs in the area that failed, as the debug port sees it."""
        area = next((a for a in plan.areas() if a.address == address), Run(address, b""))
        for offset in range(0, len(area.data), READ_BACK):
            wanted = area.data[offset : offset + READ_BACK]
            read = await self._memory.read(address + offset, len(wanted))
            if read != wanted:
                first = next(i for i in range(len(wanted)) if wanted[i] != read[i])
                return VerifyError(
                    f"Verifying the flash at 0x{address + offset + first:08X}",
                    f"it holds 0x{read[first]:02X} where 0x{wanted[first]:02X} was programmed",
                    "Load again; if it happens again at the same place, the flash is worn out.",
                    address=address + offset + first,
                    expected=wanted[first : first + 1],
                    read=read[first : first + 1],
                )
        return VerifyError(
            f"Verifying {len(area.data)} bytes of flash at 0x{address:08X}",
            f"the CRC computed on the target is 0x{crc:08X}, not 0x{raw_crc(area.data):08X}, "
            "though every byte reads back right",
            "The supply may be unstable: load again.",
            address=address,
            expected=b"",
            read=b"",
        )
