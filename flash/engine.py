"""Runs a RAM loader on the target: nothing of ours executes before the core has been made harmless, and all goes back.

Order: halt, mask, save, sanitise (``sanitize``), open the flash (``controller``), upload and read back, run
with a ring that is filled while flash is busy (``feed``), require the very end the loader has, put everything
back, always.

What is not put back: the RAM the loader used (``Layout``), because saving and restoring it takes a sizeable
part of the time that programming takes; what a user has written there is kept by the session
(``FlashSession.preserve``).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import trio

from ..arm.core import CortexM
from ..arm.memory import Memory
from ..arm.registers_core import SNAPSHOT, XPSR, Regsel
from ..arm.registers_debug import DBGKEY, DHCSR
from ..arm.registers_system import CCR
from ..probes.access import Batch
from ..probes.errors import HaltpointError, ProbeError
from .caches import empty_caches
from .chips import Chip
from .controller import FlashAccess, explain_status
from .diagnosis import ATTEMPT, compare_upload, explain_stop, look
from .errors import FlashError, LoaderError, VerifyError
from .feed import Feeder
from .layout import Layout, Mailbox, lay_out
from .plan import Plan, Run
from .sanitize import Sanitizer, core_steps
from .steps import Step
from .stream import Outcome, Piece, cut, raw_crc

__all__ = ["LoaderEngine", "default_steps"]

log = logging.getLogger(__name__)

RESTORE_SECONDS = 5.0
"""Putting things back is not cancelled, but does not last for ever either."""
HALT_SECONDS = 0.1
PREFILLED = 1
"""Slots filled before the start: enough to begin, and the rest travels while the first sector is erased."""
READ_BACK = 4096


def default_steps(chip: Chip) -> tuple[Step, ...]:
    """Everything that is made harmless on ``chip``, in order."""
    return (*core_steps(chip.ram.start), *chip.family.preparations)


@dataclass(slots=True)
class Visit:
    """What one run of the engine has done so far, and so must undo."""

    sanitizer: Sanitizer
    access: FlashAccess
    registers: dict[int, int]
    was_reset: bool = False
    saved: dict[str, int] = field(default_factory=dict)


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
        visit = Visit(
            Sanitizer(self._memory, self._steps), FlashAccess(self._memory, self._chip.family, banks), registers={}
        )
        try:
            await self._visit(visit, plan)
        except BaseException:
            with trio.CancelScope(shield=True), trio.move_on_after(RESTORE_SECONDS):
                await self._leave_after_failure(visit)
            raise
        with trio.CancelScope(shield=True):
            await self._leave_after_success(visit)

    async def _visit(self, visit: Visit, plan: Plan) -> None:
        visit.registers = await self._read_registers()
        visit.saved = await visit.sanitizer.save()
        self._require_halted(visit, visit.saved.get("DHCSR"))
        await visit.sanitizer.change()
        await visit.access.open()
        pieces = cut(plan, self._chip.family, self.layout.payload)
        await self._upload(pieces[:PREFILLED])
        await self._start(masked=visit.sanitizer.masked)
        feeder = Feeder(self._memory, self.layout, pieces, min(PREFILLED, len(pieces)), lambda t: self._check(visit, t))
        outcome = await feeder.run()
        await self._require_end(visit, outcome, plan)

    @staticmethod
    def _require_halted(visit: Visit, word: int | None) -> None:
        """From here on a reset is noticed by S_RESET_ST, which this look has cleared, so it must count now."""
        if word is None:
            return
        status = DHCSR(word)
        visit.was_reset = status.S_RESET_ST
        if visit.was_reset or not status.S_HALT:
            visit.registers = {}  # a running core answers with old values
            raise LoaderError(
                "Preparing to program the flash",
                f"the target was reset or has started to run ({status}); nothing has been erased",
                "Look for a watchdog or an unstable supply, then load again.",
                dhcsr=word,
            )

    async def _read_registers(self) -> dict[int, int]:
        batch = Batch()
        slot = batch.read_core(*SNAPSHOT)
        await self._memory.run(batch)
        return dict(zip(SNAPSHOT, slot.value, strict=True))

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

    async def _start(self, *, masked: bool) -> None:
        """Whole xPSR: Thumb state, Thread mode, no IT block. C_MASKINTS stays as it is (DDI0403E C1.6.2)."""
        batch = Batch()
        batch.write_core(Regsel.MSP, self.layout.stack_top)
        batch.write_core(Regsel.XPSR, XPSR.make(T=1))
        batch.write_core(Regsel.PC, self.layout.entry)
        batch.write(DHCSR.address, DBGKEY | DHCSR.make(C_DEBUGEN=1, C_MASKINTS=masked))
        await self._memory.run(batch)

    async def _check(self, visit: Visit, waited: float) -> None:
        """Called while there is no progress; raises if the core has stopped, or has been given ``waited`` seconds."""
        batch = Batch()
        dhcsr = batch.read(DHCSR.address)
        await self._memory.run(batch)
        status = DHCSR(dhcsr.value)
        visit.was_reset |= status.S_RESET_ST
        if status.S_HALT or status.S_LOCKUP or status.S_RESET_ST:
            outcome = await self._memory.read32(self.layout.progress) >> 24
            if outcome == Outcome.RUNNING or not status.S_HALT or status.S_RESET_ST:
                await self._fail(visit, waited)
        elif waited:
            await self._fail(visit, waited)

    async def _fail(self, visit: Visit, waited: float) -> None:
        """Raise the LoaderError that tells what is seen of the core."""
        state = await look(self._memory)
        visit.was_reset |= state.dhcsr.S_RESET_ST
        if visit.was_reset:
            state = type(state)(DHCSR(DHCSR.make(state.dhcsr.value, S_RESET_ST=1)), state.dfsr, state.registers)
        raise await explain_stop(self._memory, self.layout, state, waited)

    async def _require_end(self, visit: Visit, outcome: Outcome | None, plan: Plan) -> None:
        """The loader has ended well only if it is halted at its BKPT, without a reset, and says so itself."""
        state = await look(self._memory)
        visit.was_reset |= state.dhcsr.S_RESET_ST
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

    async def _leave(self, visit: Visit) -> None:
        """Put back flash control, the core registers that differ, the sanitised registers in reverse order.

        After a reset of the target, what was saved means nothing, and some of it may have been changed since: only what
        a reset does not touch goes back, and the target is reset once more, into a halt.
        What fails is tried once more, and does not keep the rest from being put back; the first error is raised.
        """
        parts: list[Callable[[], Awaitable[object]]] = [
            visit.access.close,
            lambda: self._restore_registers(visit.registers),
            lambda: self._empty_caches(visit),
            visit.sanitizer.restore,
        ]
        if visit.was_reset:
            parts = [lambda: visit.sanitizer.restore(after_reset=True), lambda: self._core.reset(halt=True)]
        errors = [error for part in parts if (error := await _attempt_twice(part))]
        if errors:
            raise errors[0]

    async def _empty_caches(self, visit: Visit) -> None:
        """Those of a Cortex-M7 are off while the loader works, but not empty; they go on again with CCR."""
        if CCR.__name__ in visit.saved:
            await empty_caches(self._memory, data=CCR(visit.saved[CCR.__name__]).DC)

    async def _restore_registers(self, saved: dict[int, int]) -> None:
        now = await self._read_registers()
        batch = Batch()
        for regsel, value in saved.items():
            if regsel != Regsel.SP and now[regsel] != value:  # SP is MSP or PSP, which follow
                batch.write_core(regsel, value)
        await self._memory.run(batch)

    async def _leave_after_success(self, visit: Visit) -> None:
        try:
            await self._leave(visit)
            await visit.access.note_programmed(self._chip.flash[0].start)
        except ProbeError:
            raise
        except HaltpointError as error:
            raise FlashError(
                "Putting the target's registers back after programming",
                f"{error.attempt} failed: {error.seen}",
                "The flash is programmed and verified; reset the target (monitor reset halt).",
            ) from error

    async def _leave_after_failure(self, visit: Visit) -> None:
        """Halt and undo what can be undone; what fails here goes to the log, because the first failure is raised."""
        batch = Batch()
        batch.write(DHCSR.address, DBGKEY | DHCSR.make(C_DEBUGEN=1, C_HALT=1, C_MASKINTS=visit.sanitizer.masked))
        batch.poll(DHCSR.address, DHCSR.S_HALT.mask, DHCSR.S_HALT.mask, HALT_SECONDS)
        try:
            await self._memory.run(batch)
        except HaltpointError as error:
            log.warning("halting the core: %s", error)
        try:
            await self._leave(visit)
        except HaltpointError as error:
            log.warning("putting the target back: %s", error)
        if visit.was_reset:
            return
        try:
            await self._core.reread()
        except HaltpointError as error:
            log.warning("looking at the core: %s", error)


async def _attempt_twice(part: Callable[[], Awaitable[object]]) -> HaltpointError | None:
    """The error of the second attempt; a probe that is gone is not asked again."""
    for last in (False, True):
        try:
            await part()
        except HaltpointError as error:
            if last or isinstance(error, ProbeError):
                return error
        else:
            return None
    return None
