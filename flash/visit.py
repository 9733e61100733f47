"""A core lent for code of ours: saved, made harmless, run, looked at, and put back whatever happens.

Nothing here knows what code that is. A halted core is entered by::

    async with visiting(core, steps) as visit:
        visit.close = access.close              # what else there is to undo, before the core's registers go back
        ...                                     # upload
        await visit.start({Regsel.MSP: ..., Regsel.PC: ...})
        ...                                     # wait; ``visit.look`` notices a reset

What is not put back: the RAM that the code uses, because saving and restoring it takes a sizeable part of the time that
programming takes; what a user has written there is kept by the session (``FlashSession.preserve``).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import trio

from ..arm.core import CortexM
from ..arm.registers_core import SNAPSHOT, XPSR, Regsel
from ..arm.registers_debug import DBGKEY, DFSR, DHCSR
from ..arm.registers_system import CCR
from ..probes.access import Batch
from ..probes.errors import HaltpointError, ProbeError
from .caches import empty_caches
from .chips import Chip
from .diagnosis import CoreState, look
from .errors import FlashError, LoaderError
from .sanitize import ALL_STOPS, Sanitizer, core_steps
from .steps import Step

__all__ = ["WATCHDOG_REFRESH", "Visit", "default_steps", "put_back", "visiting"]

log = logging.getLogger(__name__)

RESTORE_SECONDS = 5.0
"""Putting things back is not cancelled, but does not last for ever either."""
HALT_SECONDS = 0.1
WATCHDOG_REFRESH = 0xAAAA
"""RM0008 19.4.1; without effect where the watchdog does not run."""


def default_steps(chip: Chip) -> tuple[Step, ...]:
    """Everything that is made harmless on ``chip``, in order."""
    refresh = Step(
        "IWDG_KR",
        "the independent watchdog may be about to expire, and the loader's own first refresh comes milliseconds late",
        chip.family.watchdog_key,
        set=WATCHDOG_REFRESH,
        restore=False,
    )
    return (*core_steps(chip.ram.start), *chip.family.preparations, refresh)


async def _nothing() -> None:
    """There is nothing else to undo."""


class Visit:
    """What has been done to the core so far, and so must be undone. ``visiting`` makes one.

    ``was_reset``: the target has been reset since the visit began. ``close``
    undoes what the visitor has changed besides.
    """

    def __init__(self, core: CortexM, steps: Sequence[Step]) -> None:
        self._core = core
        self._memory = core.memory
        self._sanitizer = Sanitizer(core.memory, steps)
        self._registers: dict[int, int] = {}
        self._saved: dict[str, int] = {}
        self._seen: dict[int, int] = {}
        self.was_reset = False
        self.close: Callable[[], Awaitable[None]] = _nothing

    async def enter(self) -> None:
        """Save registers and settings, make the core harmless. Raises LoaderError if it is not halted."""
        self._registers = await self._read_registers()
        self._saved = await self._sanitizer.save()
        self._require_halted(self._saved.get("DHCSR"))
        await self._sanitizer.change()

    def _require_halted(self, word: int | None) -> None:
        """From here on a reset is noticed by S_RESET_ST, which this look has cleared, so it must count now."""
        if word is None:
            return
        status = DHCSR(word)
        self.was_reset = status.S_RESET_ST
        if self.was_reset or not status.S_HALT:
            self._registers = {}  # a running core answers with old values
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

    async def start(self, registers: Mapping[int, int]) -> None:
        """Set these core registers, by REGSEL, and run, interrupts masked as the steps say.

        Whole xPSR: Thumb state, no IT block, and the exception the core stands in: writing its number does not end it,
        and in another mode the return from an NMI or a fault of ours would be refused (DDI0403E B1.5.8). A handler is
        privileged and on the main stack, too. C_MASKINTS stays as it is (C1.6.2).
        """
        self._seen = {}
        batch = Batch()
        status = batch.read(DHCSR.address)  # writing core registers reads it, too, which clears S_RESET_ST
        here = XPSR(self._registers.get(Regsel.XPSR, 0)).IPSR
        batch.write_core(Regsel.XPSR, XPSR.make(T=1, IPSR=here))
        for regsel, value in registers.items():
            batch.write_core(regsel, value)
        batch.write(DHCSR.address, DBGKEY | DHCSR.make(C_DEBUGEN=1, C_MASKINTS=self._sanitizer.masked))
        await self._memory.run(batch)
        self.was_reset |= DHCSR(status.value).S_RESET_ST

    async def resume(self) -> None:
        """Run on from where the core stands, as it stands; why it had stopped is forgotten."""
        self._seen = {}
        batch = Batch()
        batch.write(DFSR.address, ALL_STOPS)
        batch.write(DHCSR.address, DBGKEY | DHCSR.make(C_DEBUGEN=1, C_MASKINTS=self._sanitizer.masked))
        await self._memory.run(batch)

    async def halt(self) -> None:
        """Halt the core, which ends a lockup, too."""
        batch = Batch()
        batch.write(DHCSR.address, DBGKEY | DHCSR.make(C_DEBUGEN=1, C_HALT=1, C_MASKINTS=self._sanitizer.masked))
        batch.poll(DHCSR.address, DHCSR.S_HALT.mask, DHCSR.S_HALT.mask, HALT_SECONDS)
        await self._memory.run(batch)

    async def status(self) -> DHCSR:
        """One read of DHCSR; a reset is remembered."""
        status = DHCSR(await self._memory.read32(DHCSR.address))
        self.was_reset |= status.S_RESET_ST
        return status

    async def look(self) -> CoreState:
        """DHCSR, DFSR and, of a halted core, its registers. A reset since the visit began shows in S_RESET_ST."""
        state = await look(self._memory)
        self.was_reset |= state.dhcsr.S_RESET_ST
        self._seen = state.registers
        if self.was_reset:
            state = CoreState(DHCSR(DHCSR.make(state.dhcsr.value, S_RESET_ST=1)), state.dfsr, state.registers)
        return state

    async def _leave(self) -> None:
        """Put back what the visitor changed, the core registers that differ, the steps' registers in reverse order.

        After a reset of the target, what was saved means nothing, and some of it may have been changed since: only what
        a reset does not touch goes back, and the target is reset once more, into a halt.
        What fails is tried once more, and does not keep the rest from being put back; the first error is raised.
        """
        parts: list[Callable[[], Awaitable[object]]] = [
            self.close,
            self._restore_registers,
            self._empty_caches,
            self._sanitizer.restore,
        ]
        if self.was_reset:
            parts = [lambda: self._sanitizer.restore(after_reset=True), lambda: self._core.reset(halt=True)]
        errors = [error for part in parts if (error := await _attempt_twice(part))]
        if errors:
            raise errors[0]

    async def _empty_caches(self) -> None:
        """Those of a Cortex-M7 are off while our code works, but not empty; they go on again with CCR."""
        if CCR.__name__ in self._saved:
            await empty_caches(self._memory, data=CCR(self._saved[CCR.__name__]).DC)

    async def _restore_registers(self) -> None:
        now = self._seen or await self._read_registers()
        self._seen = {}
        batch = Batch()
        for regsel, value in self._registers.items():
            if regsel != Regsel.SP and now[regsel] != value:  # SP is MSP or PSP, which follow
                batch.write_core(regsel, value)
        await self._memory.run(batch)

    async def leave_after_success(self) -> None:
        """Put everything back. Raises FlashError, or ProbeError for a probe that is gone."""
        await put_back(self._leave)

    async def leave_after_failure(self) -> None:
        """Halt and undo what can be undone; what fails here goes to the log, because the first failure is raised."""
        try:
            await self.halt()
        except HaltpointError as error:
            log.warning("halting the core: %s", error)
        try:
            await self._leave()
        except HaltpointError as error:
            log.warning("putting the target back: %s", error)
        if self.was_reset:
            return
        try:
            await self._core.reread()
        except HaltpointError as error:
            log.warning("looking at the core: %s", error)


@asynccontextmanager
async def visiting(core: CortexM, steps: Sequence[Step]) -> AsyncIterator[Visit]:
    """Enter a halted core, and leave it in any case: halted, its registers as before. Cancellation waits for that."""
    visit = Visit(core, steps)
    try:
        await visit.enter()
        yield visit
    except BaseException:
        with trio.CancelScope(shield=True), trio.move_on_after(RESTORE_SECONDS):
            await visit.leave_after_failure()
        raise
    with trio.CancelScope(shield=True):
        await visit.leave_after_success()


async def put_back(part: Callable[[], Awaitable[object]]) -> None:
    """Carry out ``part``, which undoes something after a success; its failure says that the flash itself is right."""
    try:
        await part()
    except ProbeError:
        raise
    except HaltpointError as error:
        raise FlashError(
            "Putting the target's registers back after programming",
            f"{error.attempt} failed: {error.seen}",
            "The flash is programmed and verified; reset the target (monitor reset halt).",
        ) from error


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
