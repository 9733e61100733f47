"""A Cortex-M core under halting debug: halt, run, step, registers, memory; one snapshot per stop.

Armv7-M ARM DDI0403E, part C1. ``core.py`` completes this class with connecting, reset and detaching;
the rules of DHCSR are in ``control.py``.

A batch is carried out whole or not at all when its caller is cancelled, and what is remembered here is
changed only after it ran: cancellation at any await leaves a core that the next ``poll`` sees as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from ..probes.access import Batch, Slot
from ..probes.errors import AccessFaultError, TargetError
from .breakpoints import Breakpoints, bkpt_number
from .control import DFSR_ALL, Control
from .dwt import WatchHit
from .identify import CoreInfo
from .memory import Memory
from .patching import synchronise
from .points import PointUnits
from .register_file import RegisterFile
from .registers_core import Regsel, advance_it_state, register_name
from .registers_debug import DEMCR, DFSR, DHCSR
from .snapshot import registers_if_halted, take_snapshot
from .stepping import HALT_TIMEOUT, Stepped, halt_failed, single_step
from .stop import Stop, StopReason
from .watchpoints import Watchpoints

__all__ = ["FAULT_CATCHES", "CoreControl"]

FAULT_CATCHES = DEMCR.make(VC_MMERR=1, VC_NOCPERR=1, VC_CHKERR=1, VC_STATERR=1, VC_BUSERR=1, VC_INTERR=1, VC_HARDERR=1)
"""Every fault stops the core before its handler runs (DDI0403E C1.6.5), so that a crash has a reason."""


class CoreControl:
    """What can be done to a core that has been connected to.

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
            dhcsr, dfsr, registers = await self._look_and_read()
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
        stepped_from: int | None = None,
    ) -> Stop:
        """``stepped_from`` is where an instruction was stepped: what breaks there broke with our breakpoint out."""
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
        if DFSR(stop.dfsr).BKPT and (stop.pc not in self.breakpoints or stop.pc == stepped_from):
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

    # ------------------------------------------------------------------------------------ running
    async def resume(self) -> None:
        """Let the core run, with all breakpoints of the table in place and interrupts unmasked.

        A breakpoint where the core stopped is stepped over first, that one alone being out; one at which PC was
        set since then is met. When this step ends with another reason to stop, the core stays halted and
        ``poll`` reports it. A BKPT instruction of the program's own at which the core stopped is passed over;
        GDB, too, passes over those it knows of, and then PC is past it already. A core that runs is left running.
        """
        async with self.memory.exclusive():
            stop = await self.poll()
            if stop is None:
                return
            if not await self._pass_own_bkpt(stop) and stop.pc == self._stopped_at and stop.pc in self.breakpoints:
                stepped = await self._step(stop, snapshot=False)
                if stepped.dfsr & ~DFSR.HALTED.mask or stepped.dhcsr.S_LOCKUP:
                    await self._stopped(stepped.dhcsr, stepped.dfsr, stepped_from=stop.pc)
                    return
            await self._run()

    async def _run(self) -> None:
        await synchronise(self.memory, self.breakpoints)
        batch = Batch()
        for regsel, value in self._unwritten.items():
            batch.write_core(regsel, value)
        contents = self._points.write_hardware(batch)
        batch.write(DFSR.address, DFSR_ALL)
        self._control.run(batch)
        self._leave_stop(StopReason.HALT_REQUEST)
        await self.memory.run(batch)
        self._points.written(contents)
        self._control.masked = self._control.doubt = False

    async def apply_points(self) -> None:
        """Bring breakpoints and watchpoints of a running core in line with the tables.

        Comparators are written while it runs. It is halted for a moment only when a BKPT instruction in RAM
        has to come or go, because some probes write one in two halves. A core that has stopped, or stops just
        then for a reason of its own, stays halted; the next resume writes what is missing.
        """
        async with self.memory.exclusive():
            if self.stop is not None:
                return
            if set(self.breakpoints.software_wanted()) != self.breakpoints.installed.keys():
                stop = await self._halt()
                if stop.reason is StopReason.HALT_REQUEST:
                    await self._run()
                return
            batch = Batch()
            contents = self._points.write_hardware(batch)
            await self.memory.run(batch)
            self._points.written(contents)

    def _leave_stop(self, expected: StopReason) -> None:
        self.stop = None
        self._expected = expected
        self._stopped_at = None
        self._unwritten = {}
        self._registers.forget()
        self._control.doubt = True

    async def step(self) -> Stop:
        """Carry out one instruction with interrupts masked (they stay masked until the core is resumed).

        A WFI or WFE counts as done when the core has gone to sleep. An instruction that does not end
        within 0.1 s is ended by a halt request and reported as one. At a BKPT instruction of the
        program's own the step is to pass over it. Raises TargetError when the core is running.
        """
        async with self.memory.exclusive():
            stop = await self._require_stop("Stepping")
            if await self._pass_own_bkpt(stop):
                await self.settle()
                self.stop = replace(self.stop or stop, reason=StopReason.STEP, bkpt=None)
                return self.stop
            stepped = await self._step(stop, snapshot=True)
            if stepped.forced:
                self._expected = StopReason.HALT_REQUEST
            return await self._stopped(stepped.dhcsr, stepped.dfsr, registers=stepped.registers, stepped_from=stop.pc)

    async def _step(self, stop: Stop, *, snapshot: bool) -> Stepped:
        self._leave_stop(StopReason.STEP)
        return await single_step(self.memory, self._control, self._points, stop.pc, snapshot=snapshot)

    async def _pass_own_bkpt(self, stop: Stop) -> bool:
        """Move PC past the BKPT instruction that stopped the core, if it belongs to the program."""
        pc = stop.pc
        if stop.bkpt is None or pc != self._stopped_at:
            return False
        # It is read again: the client may have written another instruction there.
        if not self._unwritten and await self._bkpt_number(pc) is None:
            return False
        changes: dict[int, int] = {Regsel.PC: pc + 2}
        if advance_it_state(stop.xpsr) != stop.xpsr:
            changes[Regsel.XPSR] = advance_it_state(stop.xpsr)
        self._put(changes)
        self._stopped_at = None
        return True

    async def answer_bkpt(self, result: int) -> None:
        """Give ``result`` in r0 to the program's own BKPT instruction, which the next run or step passes over.

        r0 is written together with what runs the core; ``settle`` is for those who do not run it next.
        """
        async with self.memory.exclusive():
            await self._require_stop("Answering a BKPT instruction")
            self._put({0: result})

    def repeat_bkpt(self) -> None:
        """Have the BKPT instruction that stopped the core carried out again, not passed over, by the next run or step."""
        if self.stop is not None:
            self.stop = replace(self.stop, bkpt=None)

    def _put(self, changes: dict[int, int]) -> None:
        assert self.stop is not None
        self._unwritten |= changes
        self.stop = replace(self.stop, registers={**self.stop.registers, **changes})

    async def settle(self) -> None:
        """Write what passing a BKPT instruction has left for the next run, because somebody looks at the core first."""
        async with self.memory.exclusive():
            if self._unwritten:
                batch = Batch()
                for regsel, value in self._unwritten.items():
                    batch.write_core(regsel, value)
                await self.memory.run(batch)
                self._unwritten = {}

    async def _require_stop(self, attempt: str) -> Stop:
        stop = await self.poll()
        if stop is None:
            raise TargetError(attempt, "the core is running", "Halt it first.")
        return stop

    # ------------------------------------------------------------------------------------ registers
    async def read_register(self, regsel: int) -> int:
        """A core register by REGSEL number; 20 is CONTROL, FAULTMASK, BASEPRI and PRIMASK in one word.

        Those of the snapshot cost nothing; others are read once per stop. TargetError when running.
        """
        async with self.memory.exclusive():
            stop = await self._require_stop(f"Reading {register_name(regsel)}")
            return await self._registers.read(stop, regsel)

    async def write_register(self, regsel: int, value: int) -> None:
        """Write a core register at once and keep the snapshot true. TargetError when running."""
        async with self.memory.exclusive():
            stop = await self._require_stop(f"Writing {register_name(regsel)}")
            await self.settle()
            self.stop = await self._registers.write(stop, regsel, value)

    async def reread(self) -> Stop | None:
        """Look again after something else has used the core, a loader for instance: nothing kept is believed.

        The snapshot with the registers as they are now and the reason as before; None when the core is
        found running, which ``poll`` then follows.
        """
        async with self.memory.exclusive():
            await self.settle()
            before = self.stop
            self._leave_stop(StopReason.HALT_REQUEST)
            self._points.forget_written()
            if await self.poll() is None or before is None:
                return self.stop
            assert self.stop is not None
            self.stop = replace(before, registers=self.stop.registers)
            return self.stop

    # ------------------------------------------------------------------------------------ memory
    async def read_memory(self, address: int, length: int) -> bytes:
        """Read memory as the program wrote it: our own BKPT instructions do not show."""
        async with self.memory.exclusive():
            return self.breakpoints.hide(address, await self.memory.read(address, length))

    async def write_memory(self, address: int, data: bytes) -> None:
        """Write memory; under our own BKPT instructions, which stay, the new content is kept for later."""
        async with self.memory.exclusive():
            await self.memory.write(address, self.breakpoints.keep(address, data))
            self.breakpoints.wrote(address, data)
