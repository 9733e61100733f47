"""The processor: runs instructions in virtual time and ties engine, exceptions, faults and debug together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .bus import Bus, BusFault
from .clock import VirtualClock
from .debug import Debug, Halt
from .engine import LR, MSP, PC, PSP, XPSR, Exit
from .exceptions import Exceptions, Number
from .faults import CFSR, HFSR, MAGIC_LOCKUP, Faults
from .fpu import MODELS_WITH_FPU, Fpu
from .mpu import Mpu
from .mpu_v8 import MpuV8
from .port import CorePort, Store
from .profiles import PROFILES
from .sleep import Sleeper
from .unicorn_engine import UnicornEngine
from .watch import CodeSites

__all__ = ["Core"]

_T = 1 << 24
_IT = 0x0600_FC00
_OVERSHOOT = 64  # cycles an IT block and exception entries may carry the core past its limit


class Core(Sleeper):
    """One Cortex-M. One instruction takes one cycle; exception entry and return take what a Cortex-M3's take."""

    def __init__(self, clock: VirtualClock, bus: Bus, model: str, hz: int, *, irqs: int, priority_bits: int) -> None:
        super().__init__(clock, hz)
        self.bus = bus
        self.profile = PROFILES[model]
        self.in_reset = True
        self.locked_up = False
        self.event_register = False
        self.sleep_on_exit = False
        self.send_event_on_pend = False
        self.divide_by_zero_traps = False
        self.reschedule = False
        self.stores: deque[Store] = deque()
        self.abort_fault: BusFault | None = None
        self.late_fault = False
        self.stall_after_abort = 0
        self.mpu = MpuV8(self) if self.profile.secure_era else Mpu(self)
        self.thumb = True
        self.stepping = False
        self.boot_base = 0
        self._aborted_to_wait = False
        self._waits_for_event = False
        self._slice_start = 0
        self._in_slice = False
        self.port = CorePort(self)
        self.engine = UnicornEngine(model, self.port)
        self.fpu = Fpu(self) if model in MODELS_WITH_FPU else None
        self.exceptions = Exceptions(self, irqs, priority_bits)
        self.faults = Faults(self)
        self.debug = Debug(self)
        self.sites = CodeSites(self)
        self._on_exit: dict[Exit, Callable[[], None]] = {
            Exit.WFI: self._wait_for_interrupt,
            Exit.WFE: self._wait_for_event,
            Exit.SVC: self._supervisor_call,
            Exit.BKPT: self._breakpoint,
            Exit.BREAK: self._break,
            Exit.UNDEFINED: lambda: self.faults.raise_(CFSR.UNDEFINSTR),
            Exit.NO_COPROCESSOR: lambda: self.faults.raise_(CFSR.NOCP),
            Exit.INVALID_STATE: lambda: self.faults.raise_(CFSR.INVSTATE),
            Exit.UNALIGNED: lambda: self.faults.raise_(CFSR.UNALIGNED),
            Exit.STACK_OVERFLOW: lambda: self.faults.raise_(CFSR.STKOF),
            Exit.EXCEPTION_RETURN: self.exceptions.leave,
            Exit.FETCH_FAULT: self._fetch_fault,
            Exit.READ_FAULT: lambda: self.faults.data_fault(self.port.fault_at(self.engine.fault_address)),
            Exit.WRITE_FAULT: lambda: self.faults.data_fault(self.port.fault_at(self.engine.fault_address)),
            Exit.ABORTED: self._aborted,
        }

    # --- time

    @property
    def cycle_now(self) -> int:
        """The current cycle, exact also inside a callback of a running instruction."""
        return self._slice_start + self.engine.position() - 1 if self._in_slice else self.cycle

    @property
    def in_slice(self) -> bool:
        """True while the engine executes: registers and map must not be changed then."""
        return self._in_slice

    def time_changed(self) -> None:
        """Tell who listens; the running slice was cut for the old relation."""
        self.stop_slice()
        super().time_changed()

    def stop_slice(self) -> None:
        """Look again after the current instruction: something changed that the running slice does not know."""
        self.reschedule = True
        if self._in_slice:
            self.engine.stop_after()

    def stall_until(self, ps: int) -> None:
        """Let the core wait on the bus until ``ps``."""
        self.cycle = max(self.cycle, self.clockwork.cycle_at(ps))
        self.reschedule = True

    # --- running

    def run_to(self, limit: int) -> None:
        """Run until ``limit`` cycles, or until an event was scheduled (``reschedule``)."""
        self.reschedule = False
        self.port.look_at_flash()
        while self.cycle < limit:
            if self.debug.halted or self.in_reset:
                self.cycle = limit
                return
            if not self._settle():
                return
            if self.cycle >= limit or self.debug.halted:
                continue
            if self.sleeping or self.locked_up:
                self.cycle = limit
                return
            self._slice(limit - self.cycle)
            if self.reschedule:
                return

    def _settle(self) -> bool:
        """Carry out what is due between two instructions; False when events must be looked at first."""
        if self.stores and not self._drain():
            return False
        if self.debug.step_due:
            self.debug.step()
            return not self.reschedule
        if self.debug.halt_requested:
            self.debug.enter_requested()
            return True
        if self.exceptions.pending:
            self._attend()
        return not self.reschedule

    def _slice(self, limit: int) -> None:
        if self.port.flash_blocks_fetch():
            return
        if self.debug.fpb.hidden and self._inside_guarded_block():
            return
        if not self.thumb:
            self._finish(Exit.INVALID_STATE)
            return
        self._slice_start, self._in_slice = self.cycle, True
        try:
            reason = self.engine.run(limit)
        finally:
            self._in_slice = False
            self.cycle += self.engine.executed
        self.debug.retired |= self.engine.executed > 0
        self._finish(reason)

    def _inside_guarded_block(self) -> bool:
        """Go through an IT block by single steps while a breakpoint may stand inside one."""
        registers = self.engine.read_registers()
        if registers[PC] in self.debug.fpb.hidden:
            self._breakpoint()
        elif registers[XPSR] & _IT:
            self.step_one()
        else:
            return False
        return True

    def _finish(self, reason: Exit) -> None:
        if self.stores or reason is Exit.ABORTED:
            self.port.put_back()
        if reason is Exit.ABORTED:
            self.stores.clear()
        if reason is not Exit.LIMIT:
            self._on_exit[reason]()
        self._drain()

    def halt_if_idle(self) -> None:
        """Enter debug state at once, unless the last instruction still waits on the bus: it is finished first."""
        ahead = self.cycle - self.clockwork.cycle_at(self.clock.now)
        if not self.stores and ahead <= _OVERSHOOT and not self._in_slice:
            self.debug.enter_requested()

    def step(self) -> bool:
        """Execute one instruction, or take one exception instead (C1.5.3); False: the bus must be waited for."""
        self.port.look_at_flash()
        self.sleeping = False
        if self.exceptions.pending:
            self.reschedule = False
            if self._attend():
                return not self.reschedule or self.debug.halted
        if self.locked_up:
            return True
        if self.debug.fpb.matches(self.engine.pc):
            self._breakpoint()
            return True
        if self.port.flash_blocks_fetch():
            return False
        self.step_one()
        self.sleeping = False
        return not self._waits_on_bus()

    def _waits_on_bus(self) -> bool:
        waits, self._aborted_to_wait = self._aborted_to_wait, False
        return waits

    def step_one(self) -> None:
        """Execute the next instruction, whatever comparators say."""
        if not self.thumb:
            self._finish(Exit.INVALID_STATE)
            return
        self._slice_start, self._in_slice, self.stepping = self.cycle, True, True
        try:
            reason = self.engine.step()
        finally:
            self._in_slice = self.stepping = False
            self.cycle += self.engine.executed
        self.debug.retired |= self.engine.executed > 0
        self._finish(reason)

    def _drain(self) -> bool:
        """Carry out the stores of the last instruction that memory or registers must judge; False: wait for events."""
        while self.stores:
            store = self.stores[0]
            ready = self.port.ready_at(store)
            if self.clockwork.cycle_at(ready) > self.cycle:
                self.stall_until(ready)
                return False
            self.stores.popleft()
            try:
                self.port.carry_out(store)
            except BusFault:
                self.late_fault = True
            self.port.look_at_flash()
        if self.late_fault:
            self.late_fault = False
            self.faults.imprecise()
        return True

    # --- exceptions

    def _attend(self) -> bool:
        """Take the most urgent exception if it may be taken now."""
        exceptions = self.exceptions
        number = exceptions.candidate()
        if not number:
            return False
        group = exceptions.group(number)
        if group >= exceptions.execution_priority():
            if self.sleeping and group < exceptions.execution_priority(primask=False):
                self.sleeping = False  # WFI wakes although PRIMASK keeps the handler away (B1.5.19)
            self.sites.watch_unmasking()
            return False
        if self.locked_up and number != Number.NMI:
            return False
        if self.port.flash_blocks(exceptions.vtor + 4 * number):
            return True
        self.sleeping = self.locked_up = False
        exceptions.enter(number)
        return True

    def pend(self, number: int) -> None:
        """Make an exception pending and let it be looked at after the current instruction."""
        if not self.exceptions.pending >> number & 1:
            self.exceptions.pend(number)
            self.sites.ram_is_stale = True
            if self.send_event_on_pend:
                self.event_register = True
                self.sleeping = self.sleeping and not self._waits_for_event
        self.stop_slice()

    def _wait_for_interrupt(self) -> None:
        self._waits_for_event = False
        self.sleeping = True

    def _wait_for_event(self) -> None:
        self.sites.watch_send_event()
        self._waits_for_event = True
        self.sleeping = not self.event_register
        self.event_register = False

    def returned(self) -> None:
        """Look whether the return that was just completed ends in sleep (SCR.SLEEPONEXIT, B1.5.19)."""
        if self.sleep_on_exit and not self.exceptions.active:
            self._wait_for_interrupt()

    def lock_up(self) -> None:
        """Stop executing at the magic address until reset, NMI or a halt (B1.5.15)."""
        registers = self.engine.read_registers()
        registers[PC] = MAGIC_LOCKUP
        registers[XPSR] |= _T
        self.set_registers(registers)
        self.locked_up = True
        self.sleeping = False

    def _supervisor_call(self) -> None:
        if self.exceptions.can_take(Number.SVCALL):
            self.exceptions.enter(Number.SVCALL)
        else:
            self.faults.hard_fault(HFSR.FORCED)

    def _breakpoint(self) -> None:
        """BKPT or an FPB match: debug state, DebugMonitor, or HardFault with DEBUGEVT (C1.4)."""
        if self.debug.enabled:
            self.debug.enter(Halt.BREAKPOINT)
            return
        self.debug.monitor(Halt.BREAKPOINT)

    def _break(self) -> None:
        """A code watch stopped before its instruction: an FPB comparator, or an IT block that holds one."""
        pc = self.engine.pc
        if self.debug.fpb.matches(pc):
            self._breakpoint()
        elif self.debug.fpb.guards(pc):
            self.debug.fpb.step_through(pc)
        elif self.port.execution_forbidden(pc):
            self.faults.raise_(CFSR.IACCVIOL)
        elif self.port.fetch_refused(pc):
            self.faults.raise_(CFSR.IBUSERR)
        else:
            self.faults.raise_(CFSR.DIVBYZERO)

    def _fetch_fault(self) -> None:
        pc = self.engine.pc
        if 0x4000_0000 <= pc < 0x6000_0000 or pc >= 0xE000_0000 or self.port.execution_forbidden(pc):
            self.faults.raise_(CFSR.IACCVIOL)  # the default map says execute-never (B3.1)
        else:
            self.faults.raise_(CFSR.IBUSERR)

    def _aborted(self) -> None:
        fault, self.abort_fault = self.abort_fault, None
        if self.stall_after_abort:
            self.stall_until(self.stall_after_abort)
            self._aborted_to_wait = True
            self.stall_after_abort = 0
        elif fault is not None:
            self.cycle += 1
            self.faults.data_fault(fault)

    # --- registers and reset

    def set_registers(self, registers: list[int]) -> None:
        """Write all registers and note whether the next instruction may execute at all."""
        self.thumb = bool(registers[XPSR] & _T)
        self.engine.write_registers(registers)

    def hold(self) -> None:
        """Reset asserted: the core stops and forgets its exception state."""
        self.in_reset = True
        self.cycle = min(self.cycle, self.clockwork.cycle_at(self.clock.now))  # what it waited for is over
        self.sleeping = self.locked_up = self.late_fault = False
        self.event_register = False
        self.stores.clear()
        self.exceptions.reset()
        self.faults.reset()
        self.debug.reset_asserted()
        self.go_on_ticking()

    def release(self) -> None:
        """Reset released: stack pointer and PC from the vector table at 0 (B1.5.5); R0 to R12 and PSP keep.

        ``boot_base`` is where the chip's boot pins and flags put that table.
        """
        self.in_reset = False
        self.exceptions.vtor = self.boot_base
        registers = self.engine.read_registers()
        registers[LR] = 0xFFFF_FFFF
        registers[PSP] &= ~3
        self.engine.write_limits([0, 0])
        registers[XPSR + 3 :] = [0] * (len(registers) - XPSR - 3)  # PRIMASK, BASEPRI, FAULTMASK, CONTROL
        try:
            stack, start = self.port.load_words(self.boot_base, 2, vector=True)
        except BusFault:
            registers[XPSR] = _T
            self.set_registers(registers)
            self.lock_up()
            self.debug.reset_released()
            return
        registers[MSP] = stack & ~3
        registers[PC] = start & ~1
        registers[XPSR] = (start & 1) << 24
        self.set_registers(registers)
        self.debug.reset_released()
