"""A Cortex-M core under halting debug: halting it and seeing it stop; one snapshot per stop.

Armv7-M ARM DDI0403E, part C1. ``running.py`` builds running and registers on this, ``range_stepping.py`` and
``core.py`` the rest; the rules of DHCSR are in ``control.py``.

A batch is carried out whole or not at all when its caller is cancelled, and what is remembered here is
changed only after it ran: cancellation at any await leaves a core that the next ``poll`` sees as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from ..probes.access import Batch, Slot
from ..probes.errors import AccessFaultError
from .breakpoints import Breakpoints, bkpt_number
from .calls import Calls, Glimpse
from .control import Control
from .dwt import WatchHit
from .identify import CoreInfo
from .memory import Memory
from .points import PointUnits
from .register_file import RegisterFile
from .registers_core import Regsel
from .registers_debug import DEMCR, DFSR, DHCSR
from .snapshot import registers_if_halted, take_snapshot
from .stepping import HALT_TIMEOUT, halt_failed
from .stop import Stop, StopReason
from .watchpoints import Watchpoints

__all__ = ["FAULT_CATCHES", "Halting"]

FAULT_CATCHES = DEMCR.make(VC_MMERR=1, VC_NOCPERR=1, VC_CHKERR=1, VC_STATERR=1, VC_BUSERR=1, VC_INTERR=1, VC_HARDERR=1)
"""Every fault stops the core before its handler runs (DDI0403E C1.6.5), so that a crash has a reason."""


class Halting:
    """A core that has been connected to: seeing it stop, halting it, its memory.

    ``stop`` is the snapshot of the present stop, None while the core runs. ``notices`` collects sentences
    the user should see (a reset that happened, a reset line that is not there); whoever shows them
    takes them out. Methods raise what the probe raises, and TargetError.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._points = PointUnits()
        self.stop: Stop | None = None
        self.notices: list[str] = []
        self.vector_catch = FAULT_CATCHES
        self._info: CoreInfo | None = None
        self._control = Control(memory)
        self._registers = RegisterFile(memory)
        # What a stop is when DFSR says no more than HALTED.
        self._expected = StopReason.HALT_REQUEST
        # The last look saw a reset: as long as reset lasts, every look does, and it is told once.
        self._in_reset = False
        # PC as the core stopped; what stood there has had its say, but counts where PC is set to later.
        self._stopped_at: int | None = None
        # Registers that passing a BKPT instruction changes; written by the batch that runs the core next.
        self._unwritten: dict[int, int] = {}
        self._calls = Calls()
        # A step has seen interrupts that it kept out.
        self._waiting = False

    @property
    def breakpoints(self) -> Breakpoints:
        """The table of breakpoints; edits reach the target when the core runs next."""
        return self._points.breakpoints

    @property
    def watchpoints(self) -> Watchpoints:
        """The table of watchpoints; edits reach the target when the core runs next."""
        return self._points.watchpoints

    @property
    def info(self) -> CoreInfo:
        """Which core this is; RuntimeError before ``connect``."""
        if self._info is None:
            raise RuntimeError("the core has not been connected to")
        return self._info

    # ------------------------------------------------------------------------------------ seeing a stop
    async def poll(self) -> Stop | None:
        """One look: None while the core runs, else the snapshot, taken once and kept until it runs again.

        A locked-up core is halted and reported as such. A reset that happened meanwhile becomes a notice;
        breakpoints and vector catches are written again.
        """
        async with self.memory.exclusive():
            if self.stop is not None:
                return self.stop
            if self._calls.expected:
                asked = self._calls.ask(batch := Batch())
                try:
                    await self.memory.run(batch)
                except AccessFaultError:
                    self._calls.end()  # memory that a call pointed at is not there any more
                else:
                    return await self._saw_call(asked.glimpse())
            return await self._saw(*await self._look_and_read())

    async def _saw(self, dhcsr: DHCSR, dfsr: int | None, registers: tuple[int, ...] | None) -> Stop | None:
        """What a look at a core that was to run means."""
        if dhcsr.S_RESET_ST or not dhcsr.C_DEBUGEN:
            await self._after_foreign_reset(dhcsr)
        self._in_reset = dhcsr.S_RESET_ST
        if dhcsr.S_HALT:
            return await self._stopped(dhcsr, dfsr, registers=registers)
        if dhcsr.S_LOCKUP:
            return await self._halt()
        return None

    async def _look_and_read(self) -> tuple[DHCSR, int | None, tuple[int, ...] | None]:
        """DHCSR, and of a halted core DFSR and the registers, in one batch."""
        batch = Batch()
        dhcsr = batch.read(DHCSR.address)
        registers = registers_if_halted(batch, dhcsr)
        dfsr = cast("Slot[int | None]", batch.read(DFSR.address))
        await self.memory.run(batch)
        return self._control.seen(dhcsr.value), dfsr.value, registers.value

    async def _saw_call(self, seen: Glimpse) -> Stop | None:
        dhcsr = self._control.seen(seen.dhcsr)
        call = None if dhcsr.S_RESET_ST or dhcsr.S_LOCKUP else self._called(seen)
        return call or await self._saw(dhcsr, seen.dfsr, None)

    def _called(self, seen: Glimpse) -> Stop | None:
        """The stop at a BKPT instruction of the program's own, with no more registers than it takes to answer it."""
        if seen.registers is None or not self._calls.is_call(seen):
            return None
        pc = seen.registers[Regsel.PC]
        word = seen.words[pc & ~3].to_bytes(4, "little")
        number = bkpt_number(int.from_bytes(word[pc & 2 :][:2], "little"))
        if number is None or pc in self.breakpoints or pc in self.breakpoints.installed:
            return None
        self._calls.keep(seen.words)
        self.breakpoints.extra = frozenset()
        self._expected = StopReason.HALT_REQUEST
        self._stopped_at = pc
        self.stop = Stop(StopReason.BREAKPOINT, seen.dhcsr, seen.dfsr, seen.registers, bkpt=number)
        return self.stop

    async def halt(self) -> Stop:
        """Halt the core, asleep or not, and take the snapshot; a core that is halted stays as it is."""
        async with self.memory.exclusive():
            return self.stop or await self._halt()

    async def _halt(self, known: StopReason | None = None) -> Stop:
        end = await self._control.halt(HALT_TIMEOUT)
        if not end.dhcsr.S_HALT:
            raise halt_failed(end.dhcsr)
        if end.before.S_RESET_ST:
            await self._after_foreign_reset(end.before)
        # Halting ends a lockup; DHCSR from before tells of it.
        return await self._stopped(end.before if end.before.S_LOCKUP else end.dhcsr, end.dfsr, known, end.registers)

    async def _stopped(
        self,
        dhcsr: DHCSR,
        dfsr: int | None = None,
        known: StopReason | None = None,
        registers: tuple[int, ...] | None = None,
        *,
        stepped_from: int | None = None,
    ) -> Stop:
        """``stepped_from`` is where an instruction was stepped: what breaks there broke with our breakpoint out.

        At the extra places breakpoints stand that nobody else knows of: to be there is to have stepped there.
        """
        stop = await take_snapshot(
            self.memory,
            dhcsr,
            dfsr,
            expected=self._expected,
            known=known,
            fault_registers=self.info.main_extension,
            registers=registers,
        )
        self._expected = StopReason.HALT_REQUEST
        self._calls.end()
        ran_to, self.breakpoints.extra = self.breakpoints.extra, frozenset()
        if stop.reason is StopReason.BREAKPOINT and stop.pc in ran_to and stop.pc not in self.breakpoints:
            stop = replace(stop, reason=StopReason.WATCHPOINT if DFSR(stop.dfsr).DWTTRAP else StopReason.STEP)
        elif DFSR(stop.dfsr).BKPT and (stop.pc not in self.breakpoints or stop.pc == stepped_from):
            stop = replace(stop, bkpt=await self._bkpt_number(stop.pc))
        if DFSR(stop.dfsr).DWTTRAP:
            stop = replace(stop, watched=await self._watches_hit())
        self._stopped_at = stop.pc
        self.stop = stop
        return stop

    async def _watches_hit(self) -> tuple[WatchHit, ...]:
        batch = Batch()
        functions = self.watchpoints.read_matches(batch)
        await self.memory.run(batch)
        return self.watchpoints.hits({index: slot.value for index, slot in functions.items()})

    async def _bkpt_number(self, pc: int) -> int | None:
        """The number in the BKPT instruction at ``pc``, None when none stands there."""
        try:
            halfword = int.from_bytes(await self.read_memory(pc, 2), "little")
        except AccessFaultError:
            return None
        return bkpt_number(halfword)

    async def _after_foreign_reset(self, dhcsr: DHCSR) -> None:
        if not dhcsr.C_DEBUGEN:
            self.notices.append("The target lost halting debug while it ran (power was lost?); it was set up again.")
        elif not self._in_reset:
            self.notices.append("The target was reset while it ran; breakpoints and vector catches were written again.")
        self._points.forget_written()
        batch = Batch()
        if not dhcsr.C_DEBUGEN:
            self._control.enable(batch)
        batch.write(DEMCR.address, self._demcr())
        contents = self._points.write_hardware(batch)
        await self.memory.run(batch)
        self._points.written(contents)

    def _demcr(self) -> int:
        """DEMCR while debugging: trace units on, faults caught; Armv6-M has HARDERR only."""
        catches = self.vector_catch
        if self._info is None or not self._info.main_extension:
            catches &= DEMCR.VC_HARDERR.mask
        return DEMCR.make(catches, TRCENA=1)

    def _leave_stop(self, expected: StopReason) -> None:
        self.stop = None
        self._expected = expected
        self._stopped_at = None
        self._unwritten = {}
        self._calls.forget()
        self._registers.forget()
        self._control.doubt = True

    # ------------------------------------------------------------------------------------ memory
    async def read_memory(self, address: int, length: int) -> bytes:
        """Read memory as the program wrote it: our own BKPT instructions do not show."""
        async with self.memory.exclusive():
            known = self._calls.memory(address, length)
            return self.breakpoints.hide(address, await self.memory.read(address, length) if known is None else known)

    async def write_memory(self, address: int, data: bytes) -> None:
        """Write memory; under our own BKPT instructions, which stay, the new content is kept for later."""
        async with self.memory.exclusive():
            self._calls.forget()
            await self.memory.write(address, self.breakpoints.keep(address, data))
            self.breakpoints.wrote(address, data)
