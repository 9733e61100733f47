"""A Cortex-M core from connecting to detaching."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum

import trio

from ..probes.access import Batch
from ..probes.errors import HaltpointError, LinkError, UserError
from .control import DFSR_ALL
from .identify import identify
from .patching import synchronise
from .range_stepping import RangeStepping
from .registers_debug import DEMCR, DFSR
from .reset import LINE_DEAD, Caught, ResetKind, catch_by_line, catch_by_request, enter_under_reset, reset_vector
from .stepping import HALT_TIMEOUT
from .stop import Stop, StopReason

__all__ = ["DETACH_TIMEOUT", "ConnectMode", "CortexM"]

DETACH_TIMEOUT = 5.0
"""Seconds detaching may take; it goes on when its caller is cancelled."""


class ConnectMode(Enum):
    """What connecting does to the program that runs on the target."""

    HALT = "halt"
    ATTACH = "attach"
    UNDER_RESET = "under-reset"


class CortexM(RangeStepping):
    """A Cortex-M core under halting debug."""

    # ------------------------------------------------------------------------------------ connect
    async def connect(self, mode: ConnectMode) -> None:
        """Open the debug port, enable halting debug, clear what an earlier debugger left, identify the core.

        HALT stops the program where it is. ATTACH lets it run. UNDER_RESET holds NRST low while connecting
        and stops at the reset vector; where NRST is not connected, a notice says so and the core is reset by
        AIRCR.SYSRESETREQ. Raises NoTargetError when no core answers, TargetError when it does not halt.
        """
        async with self.memory.exclusive():
            self.stop = None
            self._info = None
            if mode is ConnectMode.UNDER_RESET:
                held = await enter_under_reset(self.memory, self._control)
                await self._set_up()
                await self._connected_under_reset(held=held)
                return
            await self.memory.executor.run(self.memory.probe.connect)
            await self._set_up()
            if mode is ConnectMode.HALT:
                await self._halt()
                await self.memory.check_link()

    async def _set_up(self) -> None:
        """Take over a core in whatever state an earlier debugger left it; a halted one stays halted."""
        halted = (await self._control.look()).S_HALT
        batch = Batch()
        if halted:
            self._control.request_halt(batch)
        else:
            self._control.enable(batch)
        batch.write(DEMCR.address, self._demcr())
        await self.memory.run(batch)
        self._info = await identify(self.memory)
        self._points.use(self._info)
        batch = Batch()
        contents = self._points.write_hardware(batch)
        batch.write(DFSR.address, DFSR_ALL)
        batch.write(DEMCR.address, self._demcr())
        await self.memory.run(batch)
        self._points.written(contents)
        if self._control.masked and not halted:
            # Interrupts can only be unmasked on a halted core; the program loses some milliseconds.
            await self._halt()
            await self._run()

    async def _connected_under_reset(self, *, held: bool) -> None:
        if held:
            stop = await self._halt(StopReason.RESET)
            await self._check_reset_vector(stop)
        else:
            self.notices.append(LINE_DEAD)
            await self._reset_by(self._catch_by_request)
        await self.memory.check_link()

    # ------------------------------------------------------------------------------------ reset
    async def reset(self, *, halt: bool, kind: ResetKind = ResetKind.SYSTEM) -> Stop | None:
        """Reset the target and stop before its first instruction; with ``halt=False`` then let it run.

        By AIRCR.SYSRESETREQ, or with HARDWARE by a pulse on NRST; when that reaches nothing, a notice says
        so and SYSRESETREQ is used. Breakpoints stay and count from the first instruction on. The snapshot has
        reason RESET; a notice tells when PC is not what the vector table says. TargetError when the core does
        not go through reset or does not halt; UserError when a core that cannot be reset alone is to be.
        VC_CORERESET is never left set.
        """
        if kind is ResetKind.CORE and (self.info.armv8 or not self.info.main_extension):
            raise UserError(
                "Resetting the core alone",
                f"a {self.info.name} cannot be: AIRCR.VECTRESET exists in Armv7-M only",
                "Reset the whole chip: monitor reset halt.",
            )
        catch = {
            ResetKind.SYSTEM: self._catch_by_request,
            ResetKind.HARDWARE: self._catch_by_line,
            ResetKind.CORE: self._catch_core_alone,
        }[kind]
        async with self.memory.exclusive():
            stop = await self._reset_by(catch)
            if halt:
                return stop
            await self._run()
            return None

    async def _reset_by(self, catch: Callable[[], Awaitable[Caught]]) -> Stop:
        self._leave_stop(StopReason.HALT_REQUEST)
        self._points.forget_written()
        try:
            caught = await catch()
        finally:
            # Armed, it would stop the core at every later reset, with no debugger there to see it.
            with trio.CancelScope(shield=True):
                await self.memory.write32(DEMCR.address, self._demcr())
        stop = await self._stopped(caught.dhcsr, caught.dfsr, StopReason.RESET)
        await self._check_reset_vector(stop)
        return stop

    async def _catch_by_request(self) -> Caught:
        return await catch_by_request(self.memory, self._control, self._demcr())

    async def _catch_core_alone(self) -> Caught:
        await self._control.halt(HALT_TIMEOUT)
        return await catch_by_request(self.memory, self._control, self._demcr(), ResetKind.CORE)

    async def _catch_by_line(self) -> Caught:
        caught = await catch_by_line(self.memory, self._control, self._demcr())
        if caught is None:
            self.notices.append(LINE_DEAD)
            return await self._catch_by_request()
        return caught

    async def _check_reset_vector(self, stop: Stop) -> None:
        vector = await reset_vector(self.memory)
        if vector is not None and vector != stop.pc:
            self.notices.append(
                f"After the reset the core halted at {stop.pc:#010x}, but its reset vector is {vector:#010x}: "
                "a boot loader runs first, or the program has run for a moment."
            )

    # ------------------------------------------------------------------------------------ detach
    async def detach(self) -> None:
        """Leave nothing of the debugger in the target, and its program running.

        Breakpoints come out, watchpoints, all of DEMCR and DFSR are cleared, interrupts are unmasked, the
        core runs, C_DEBUGEN goes off (DDI0403E C1.6.2: none of this is cleared by a reset).
        Every part is tried even when another fails; the first failure is raised at the end. Cancellation
        does not interrupt it; it takes 5 s at most.
        """
        with trio.move_on_after(DETACH_TIMEOUT, shield=True) as limit:
            async with self.memory.exclusive():
                await self._detach()
        if limit.cancelled_caught:
            raise LinkError(
                "Detaching from the target",
                f"it took more than {DETACH_TIMEOUT:g} s",
                "The target may still be halted: reset it or power it off and on.",
            )

    async def _detach(self) -> None:
        failures: list[HaltpointError] = []
        self._points.clear()
        for part in (self._halt_if_needed, self._pass_bkpt_if_stopped, self._restore_memory, self._let_go):
            try:
                await part()
            except HaltpointError as failure:
                failures.append(failure)
        self.stop = None
        if failures:
            raise failures[0]

    async def _halt_if_needed(self) -> None:
        """Only on a halted core can interrupts be unmasked and instructions be put back safely."""
        if await self.poll() is None and (self.breakpoints.installed or self._control.masked):
            await self._halt()

    async def _pass_bkpt_if_stopped(self) -> None:
        """Without a debugger a BKPT instruction is a HardFault."""
        if self.stop is not None:
            await self._pass_own_bkpt(self.stop)
            await self.settle()

    async def _restore_memory(self) -> None:
        await synchronise(self.memory, self.breakpoints)

    async def _let_go(self) -> None:
        dhcsr = await self._control.look()
        batch = Batch()
        self._points.write_all_off(batch)
        batch.write(DEMCR.address, 0)
        batch.write(DFSR.address, DFSR_ALL)
        if dhcsr.S_HALT:
            self._control.run(batch)
        self._control.disable(batch)
        self._leave_stop(StopReason.HALT_REQUEST)
        await self.memory.run(batch)
        self._points.forget_written()
        self._control.masked = self._control.doubt = False
