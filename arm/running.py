"""A Cortex-M core under halting debug: run, step, registers.

Armv7-M ARM DDI0403E, part C1. A resume or step writes what has changed in the tables and runs in one batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import trio

from ..probes.access import Batch
from ..probes.errors import AccessFaultError, TargetError
from .aside import SpareRam, step_aside
from .control import DFSR_ALL, pauses
from .halting import Halting
from .patching import synchronise
from .registers_core import SNAPSHOT, XPSR, Regsel, advance_it_state, register_name
from .registers_debug import DFSR, DHCSR
from .snapshot import registers_if_halted
from .stepping import Stepped, single_step
from .stop import Stop, StopReason

__all__ = ["SERVICE_TIMEOUT", "CoreControl"]

SERVICE_TIMEOUT = 0.5
"""Seconds interrupts may take that are let in before a step."""

_ARRIVED = {StopReason.STEP, StopReason.BREAKPOINT}


class CoreControl(Halting):
    """What can be done to a core that has been connected to.

    ``spare_ram`` is RAM from which instructions can be carried out whose place a breakpoint in flash has taken;
    what is used of it is put back.
    """

    spare_ram: SpareRam | None = None

    # ------------------------------------------------------------------------------------ running
    async def resume(self) -> None:
        """Let the core run, with all breakpoints of the table in place and interrupts unmasked.

        A breakpoint that stopped the core is stepped over first, that one alone being out; one at which PC was
        set since then, or that a step has led to, is met. When this step ends with another reason to stop, the
        core stays halted and ``poll`` reports it. A BKPT instruction of the program's own at which the core
        stopped is passed over; GDB, too, passes over those it knows of, and then PC is past it already. A core
        that runs is left running.
        """
        async with self.memory.exclusive():
            stop = await self.poll()
            if stop is None:
                return
            met = stop.reason is StopReason.BREAKPOINT and stop.pc == self._stopped_at
            if not await self._pass_own_bkpt(stop) and met and self._breaks_at(stop.pc):
                stepped = await self._step(stop, snapshot=False)
                if stepped.dfsr & ~DFSR.HALTED.mask or stepped.dhcsr.S_LOCKUP:
                    await self._stopped(stepped.dhcsr, stepped.dfsr, stepped_from=stop.pc)
                    return
            await self._run(look=True)

    def _breaks_at(self, pc: int) -> bool:
        return pc in self.breakpoints or pc in self.breakpoints.in_flash

    async def _run(self, *, look: bool = False, extra: Iterable[int] = ()) -> None:
        """Run; with ``look`` see at once whether the core has stopped again: in a short loop it has, for less.

        It stops as well at ``extra``, which is STEP as a reason.
        """
        self.breakpoints.extra = frozenset(extra)
        await synchronise(self.memory, self.breakpoints)
        batch = Batch()
        for regsel, value in self._unwritten.items():
            batch.write_core(regsel, value)
        contents = self._points.write_hardware(batch)
        batch.write(DFSR.address, DFSR_ALL)
        self._control.run(batch)
        written = len(batch.accesses)
        asked = self._calls.ask(batch) if look and self._calls.expected else None
        seen = (batch.read(DHCSR.address), batch.read(DFSR.address)) if look and asked is None else None
        registers = registers_if_halted(batch, seen[0]) if seen else None
        self._leave_stop(StopReason.HALT_REQUEST)
        try:
            await self.memory.run(batch)
        except AccessFaultError as fault:
            if asked is None or fault.index < written:
                raise
            asked = None  # the core runs; memory that a call pointed at is not there any more
            self._calls.end()
        self._points.written(contents)
        self._control.masked = self._control.doubt = self._waiting = False
        if asked and not DHCSR(asked.glimpse().dhcsr).S_LOCKUP:
            await self._saw_call(asked.glimpse())
        if not seen or not registers:
            return
        dhcsr = self._control.seen(seen[0].value)
        if not dhcsr.S_LOCKUP:  # that is for ``poll`` to deal with
            await self._saw(dhcsr, seen[1].value, registers.value)

    async def apply_points(self) -> None:
        """Bring breakpoints and watchpoints of a running core in line with the tables.

        Comparators are written while it runs. It is halted for a moment only when a BKPT instruction in RAM
        has to come or go, because some probes write one in two halves. A core that has stopped, or stops just
        then for a reason of its own, stays halted; the next resume writes what is missing. So does one that
        steps over a range when no comparators are left for that.
        """
        async with self.memory.exclusive():
            if self.stop is not None:
                return
            extra = self.breakpoints.extra
            room = self.breakpoints.room_for(extra)
            if not room or set(self.breakpoints.software_wanted()) != self.breakpoints.installed.keys():
                stop = await self._halt()
                if room and stop.reason is StopReason.HALT_REQUEST:
                    await self._run(extra=extra)
                return
            batch = Batch()
            contents = self._points.write_hardware(batch)
            await self.memory.run(batch)
            self._points.written(contents)

    async def step(self) -> Stop:
        """Carry out one instruction with interrupts masked (they stay masked until the core is resumed).

        Those that came while earlier steps masked them are served first, where a comparator is free to stop the
        core behind their handlers; a breakpoint in a handler stops it there.
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
            if self._waiting and self._can_serve(stop.pc):
                between = await self._serve(stop)
                if between is not None:
                    return between
            return await self._step_by_itself(self.stop or stop)

    async def _step_by_itself(self, stop: Stop) -> Stop:
        """One instruction, with nothing before or behind it."""
        stepped = await self._step(stop, snapshot=True)
        if stepped.forced:
            self._expected = StopReason.HALT_REQUEST
        self._waiting = stepped.waiting
        return await self._stopped(stepped.dhcsr, stepped.dfsr, registers=stepped.registers, stepped_from=stop.pc)

    async def _step(self, stop: Stop, *, snapshot: bool) -> Stepped:
        if stop.pc in self.breakpoints.in_flash:
            await self.settle()
            self._leave_stop(StopReason.STEP)
            return await step_aside(self.memory, self._control, self._points, stop, self.spare_ram)
        self._leave_stop(StopReason.STEP)
        return await single_step(self.memory, self._control, self._points, stop.pc, snapshot=snapshot)

    def _can_serve(self, pc: int) -> bool:
        # A breakpoint in a handler that is to be in flash must not be missed.
        return self.breakpoints.all_in_flash and (self._breaks_at(pc) or self.breakpoints.room_for((pc,)))

    async def _serve(self, stop: Stop) -> Stop | None:
        """Let the interrupts in that wait, and come back to where the core stands; None when that is done.

        Otherwise the stop that came between: a breakpoint in a handler, or a handler that does not return.
        """
        deadline = trio.current_time() + SERVICE_TIMEOUT
        while trio.current_time() < deadline:
            await self._run(look=True, extra=(stop.pc,))
            back = await self._look_until(deadline)
            if back is None:
                break
            passed = back.bkpt is None and (back.pc == stop.pc or self.breakpoints.left_over(back.pc))
            if not passed or back.reason not in _ARRIVED:
                return back
            if back.pc == stop.pc and XPSR(back.xpsr).IPSR == XPSR(stop.xpsr).IPSR:
                return None
            await self._step_by_itself(back)  # the handler uses the same code, or meets what nobody wants any more
        self.notices.append(
            f"An interrupt was let in before the step, and its handler did not return within {SERVICE_TIMEOUT:g} s."
        )
        return self.stop or await self._halt()

    async def _look_until(self, deadline: float) -> Stop | None:
        """Wait for a stop, looking at least once."""
        pause = pauses()
        while (stop := await self.poll()) is None and trio.current_time() < deadline:  # noqa: ASYNC110
            await trio.sleep(pause())
        return stop

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

    async def answer_bkpt(self, result: int, reads: Iterable[tuple[int, int]] = ()) -> None:
        """Give ``result`` in r0 to the program's own BKPT instruction, which the next run or step passes over.

        r0 is written together with what runs the core; ``settle`` is for those who do not run it next. Another
        such call is expected soon; ``reads`` are the (address, length) of memory that it may point at.
        """
        async with self.memory.exclusive():
            stop = await self._require_stop("Answering a BKPT instruction")
            if self.memory.probe.info.gathers_words:
                self._calls.expect(stop.pc, reads)
            self._put({0: result})

    def repeat_bkpt(self) -> None:
        """Have the next run or step carry out the BKPT instruction that stopped the core again, not pass over it."""
        if self.stop is not None:
            self.stop = replace(self.stop, bkpt=None)

    def _put(self, changes: dict[int, int]) -> None:
        assert self.stop is not None
        self._unwritten |= changes
        self.stop = replace(self.stop, registers={**self.stop.registers, **changes})

    async def settle(self) -> None:
        """Make the stop complete, because somebody looks: write what passing a BKPT has left, read the rest."""
        async with self.memory.exclusive():
            self._calls.end()
            batch = Batch()
            for regsel, value in self._unwritten.items():
                batch.write_core(regsel, value)
            registers = None
            if self.stop is not None and len(self.stop.registers) < len(SNAPSHOT):
                registers = batch.read_core(*SNAPSHOT)
            await self.memory.run(batch)
            self._unwritten = {}
            if self.stop is not None and registers is not None:
                self.stop = replace(self.stop, registers=dict(zip(SNAPSHOT, registers.value, strict=True)))

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
            if regsel in SNAPSHOT and regsel not in stop.registers:
                await self.settle()
                stop = self.stop or stop
            return await self._registers.read(stop, regsel)

    async def write_register(self, regsel: int, value: int) -> None:
        """Write a core register at once and keep the snapshot true. TargetError when running."""
        async with self.memory.exclusive():
            stop = await self._require_stop(f"Writing {register_name(regsel)}")
            await self.settle()
            self.stop = await self._registers.write(self.stop or stop, regsel, value)

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
