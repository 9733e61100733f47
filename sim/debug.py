"""Halting debug: DHCSR, DCRSR, DCRDR, DEMCR and DFSR (DDI0403E C1.5, C1.6; DDI0553 D1.2)."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

from .dwt import Dwt
from .dwt_v2 import DwtV2
from .engine import BASEPRI, CONTROL, FAULTMASK, LR, MSP, PC, PRIMASK, PSP, SP, XPSR
from .exceptions import Number
from .faults import CFSR, HFSR
from .fpb import Fpb

if TYPE_CHECKING:
    from .core import Core

__all__ = ["DEMCR", "DFSR", "DHCSR", "Debug", "Halt"]

_DBGKEY = 0xA05F


class DHCSR(IntFlag):
    """Debug Halting Control and Status Register (C1.6.2)."""

    C_DEBUGEN = 1 << 0
    C_HALT = 1 << 1
    C_STEP = 1 << 2
    C_MASKINTS = 1 << 3
    C_SNAPSTALL = 1 << 5
    S_REGRDY = 1 << 16
    S_HALT = 1 << 17
    S_SLEEP = 1 << 18
    S_LOCKUP = 1 << 19
    S_SDE = 1 << 20  # ARMv8-M: secure debug is allowed
    S_RETIRE_ST = 1 << 24
    S_RESET_ST = 1 << 25
    S_RESTART_ST = 1 << 26  # ARMv8-M


class DEMCR(IntFlag):
    """Debug Exception and Monitor Control Register (C1.6.5)."""

    VC_CORERESET = 1 << 0
    VC_MMERR = 1 << 4
    VC_NOCPERR = 1 << 5
    VC_CHKERR = 1 << 6
    VC_STATERR = 1 << 7
    VC_BUSERR = 1 << 8
    VC_INTERR = 1 << 9
    VC_HARDERR = 1 << 10
    MON_EN = 1 << 16
    MON_PEND = 1 << 17
    MON_STEP = 1 << 18
    MON_REQ = 1 << 19
    TRCENA = 1 << 24


class DFSR(IntFlag):
    """Debug Fault Status Register (C1.6.1)."""

    HALTED = 1 << 0
    BKPT = 1 << 1
    DWTTRAP = 1 << 2
    VCATCH = 1 << 3
    EXTERNAL = 1 << 4


class Halt:
    """Why debug state is entered, as DFSR bits. Every entry sets HALTED too: the M3 sets C_HALT (seen on silicon)."""

    REQUEST = DFSR.HALTED
    BREAKPOINT = DFSR.BKPT
    WATCHPOINT = DFSR.DWTTRAP
    VECTOR_CATCH = DFSR.VCATCH


_CONTROL_BITS = DHCSR.C_DEBUGEN | DHCSR.C_HALT | DHCSR.C_STEP | DHCSR.C_MASKINTS | DHCSR.C_SNAPSTALL
_DEMCR_BITS = 0x0101_07F1 | 0x000F_0000
_MONITOR_BITS = 0x000F_0000

_CATCH_BY_CAUSE = (
    (CFSR.NOCP, DEMCR.VC_NOCPERR),
    (CFSR.UNALIGNED | CFSR.DIVBYZERO | CFSR.STKOF, DEMCR.VC_CHKERR),
    (CFSR.UNDEFINSTR | CFSR.INVSTATE | CFSR.INVPC, DEMCR.VC_STATERR),
)


class Debug:
    """The core's debug logic. Its registers live in the debug power domain: a system reset leaves most of them."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._demcr_bits = _DEMCR_BITS if core.profile.mainline else 0x0100_0401
        self.fpb = Fpb(core)
        self.dwt = DwtV2(core) if core.profile.secure_era else Dwt(core)
        self.halted = False
        self.halt_requested = False
        self.step_due = False
        self.retired = False
        self.secure = False
        self._non_secure: dict[int, int] = {}
        self.power_on()

    def power_on(self) -> None:
        """Power-on reset."""
        self.control = DHCSR(0)
        self.masks_interrupts = False  # C_DEBUGEN and C_MASKINTS: PendSV, SysTick and interrupts are held back
        self.demcr = DEMCR(0)
        self.dfsr = DFSR(0)
        self.dcrdr = 0
        self.retired = False
        self.restarted = False
        self.was_reset = True
        self.halted = False
        self.halt_requested = False
        self.fpb.power_on()
        self.dwt.power_on()

    @property
    def enabled(self) -> bool:
        """C_DEBUGEN."""
        return bool(self.control & DHCSR.C_DEBUGEN)

    @property
    def tracing(self) -> bool:
        """DEMCR.TRCENA."""
        return bool(self.demcr & DEMCR.TRCENA)

    # --- entering and leaving debug state (C1.5.1)

    def enter(self, cause: DFSR) -> None:
        """Enter debug state before the next instruction."""
        self.dfsr |= cause | DFSR.HALTED
        self.control |= DHCSR.C_HALT
        self.halt_requested = False
        self.step_due = False
        self.halted = True
        core = self.core
        core.sleeping = core.locked_up = False
        core.event_register = True
        core.stop_ticking()
        core.stop_slice()

    def _leave(self) -> None:
        self.halted = False
        self.restarted = self.core.profile.secure_era
        self.core.go_on_ticking()

    def monitor(self, cause: DFSR) -> None:
        """A debug event with halting debug off: DebugMonitor, or HardFault with DEBUGEVT (C1.4.1, B1.5.10)."""
        self.dfsr |= cause
        exceptions = self.core.exceptions
        if self.demcr & DEMCR.MON_EN and exceptions.can_take(Number.DEBUGMON):
            exceptions.enter(Number.DEBUGMON)
        elif cause is not Halt.WATCHPOINT:
            self.core.faults.hard_fault(HFSR.DEBUGEVT)

    def watchpoint(self) -> None:
        """A DWT comparator matched: stop after the access (C1.8)."""
        if self.enabled:
            self.halt_requested = True
            self._pending_cause = Halt.WATCHPOINT
        elif self.demcr & DEMCR.MON_EN:
            self.dfsr |= DFSR.DWTTRAP
            self.core.exceptions.pend(Number.DEBUGMON)
        self.core.stop_slice()

    _pending_cause = Halt.REQUEST

    def enter_requested(self) -> None:
        """Carry out the halt that was asked for."""
        cause, self._pending_cause = self._pending_cause, Halt.REQUEST
        self.enter(cause)

    def entered_exception(self, number: int) -> None:
        """Vector catch, after entry and before the handler's first instruction (C1.5.2)."""
        if self.enabled and self._catches(number):
            self.enter(Halt.VECTOR_CATCH)

    def _catches(self, number: int) -> bool:
        faults = self.core.faults
        catch = self.demcr
        if Number.HARDFAULT <= number <= Number.USAGEFAULT and faults.from_stacking and catch & DEMCR.VC_INTERR:
            return True
        if number == Number.HARDFAULT:
            return bool(catch & DEMCR.VC_HARDERR)
        if number == Number.BUSFAULT:
            return bool(catch & DEMCR.VC_BUSERR)
        if number == Number.MEMMANAGE:
            return bool(catch & DEMCR.VC_MMERR)
        if number == Number.USAGEFAULT:
            return any(faults.cause & cause and catch & bit for cause, bit in _CATCH_BY_CAUSE)
        return False

    # --- reset

    def reset_asserted(self) -> None:
        """System reset: C_HALT always clears, the rest of DHCSR stays (DDI0337 10.2.1; C_DEBUGEN seen on silicon)."""
        self.control &= ~DHCSR.C_HALT
        self.halted = False
        self.halt_requested = False
        self.step_due = False
        self.retired = False
        self.was_reset = True
        self.demcr &= ~DEMCR(_MONITOR_BITS)

    def reset_released(self) -> None:
        """First moment after reset: the reset vector catch, or a halt that was asked for during reset."""
        if not self.enabled:
            return
        if self.demcr & DEMCR.VC_CORERESET:
            self.enter(Halt.VECTOR_CATCH)
        elif self.control & DHCSR.C_HALT:
            self.enter(Halt.REQUEST)
        if self.halted and self.core.profile.retires_in_reset:
            self.retired = True

    # --- registers

    def read_dhcsr(self) -> int:
        """Read DHCSR; the sticky bits clear by it (S_RESET_ST comes back while reset lasts)."""
        core = self.core
        value = self.control
        if core.profile.mainline or self.halted:  # a Cortex-M0 shows it while halted only (seen on silicon)
            value |= DHCSR.S_REGRDY
        if self.halted:
            value |= DHCSR.S_HALT
        if core.sleeping and not self.halted:
            value |= DHCSR.S_SLEEP
        if core.locked_up:
            value |= DHCSR.S_LOCKUP
        if self.retired:
            value |= DHCSR.S_RETIRE_ST
        if self.was_reset:
            value |= DHCSR.S_RESET_ST
        if self.restarted:
            value |= DHCSR.S_RESTART_ST
        if self.secure:
            value |= DHCSR.S_SDE
        self.retired = self.restarted = False
        self.was_reset = core.in_reset
        return int(value)

    def write_dhcsr(self, value: int) -> None:
        """Write DHCSR; without DBGKEY in the upper half the write is ignored."""
        if value >> 16 != _DBGKEY:
            return
        old = self.control
        new = DHCSR(value) & _CONTROL_BITS
        if not new & DHCSR.C_DEBUGEN:
            self.control = DHCSR(0)
            self.masks_interrupts = False
            self.halt_requested = False
            if self.halted:
                self._leave()
            return
        may_mask = old & new & DHCSR.C_HALT
        if not may_mask:  # C_MASKINTS changes only while C_HALT is 1 before and in the write (C1.6.2)
            new = new & ~DHCSR.C_MASKINTS | old & DHCSR.C_MASKINTS
        self.control = new
        self.masks_interrupts = bool(new & DHCSR.C_MASKINTS)
        self._act(new)

    def _act(self, control: DHCSR) -> None:
        if self.halted:
            if not control & DHCSR.C_HALT:
                self._leave()
                if control & DHCSR.C_STEP:
                    self.step()
        elif control & (DHCSR.C_HALT | DHCSR.C_STEP) and not self.core.in_reset:
            self.halt_requested = True
            self.core.halt_if_idle()
        elif not control & DHCSR.C_HALT:
            self.halt_requested = False

    def step(self) -> None:
        """Execute one instruction and halt; tried again later while a busy flash keeps the core waiting."""
        self.step_due = not self.core.step()
        if self.halted or self.step_due:
            return
        if self.core.stores:
            self.halt_requested = True
        else:
            self.enter_requested()

    def read_demcr(self) -> int:
        """Read DEMCR."""
        pending = self.core.exceptions.pending >> Number.DEBUGMON & 1
        return int(self.demcr & ~DEMCR.MON_PEND) | pending << 17

    def write_demcr(self, value: int) -> None:
        """Write DEMCR."""
        count = self.dwt.cyccnt
        was_tracing = self.tracing
        self.demcr = DEMCR(value & self._demcr_bits)
        if self.tracing != was_tracing:
            self.dwt.trace_enable_changed(count)
        exceptions = self.core.exceptions
        if self.demcr & DEMCR.MON_EN:
            exceptions.enabled |= 1 << Number.DEBUGMON
        else:
            exceptions.enabled &= ~(1 << Number.DEBUGMON)
        if value & self._demcr_bits & DEMCR.MON_PEND:
            self.core.pend(Number.DEBUGMON)
        else:
            exceptions.unpend(Number.DEBUGMON)

    def write_dfsr(self, value: int) -> None:
        """Clear the DFSR bits that are written as 1."""
        self.dfsr &= ~DFSR(value & 0x1F)

    def write_dcrsr(self, value: int) -> None:
        """Transfer a core register; only in debug state, else nothing happens and DCRDR keeps (C1.6.3)."""
        if not self.halted:
            return
        selector = value & 0x7F
        if value & 1 << 16:
            self._write_register(selector, self.dcrdr)
        else:
            self.dcrdr = self._read_register(selector)

    def _read_register(self, selector: int) -> int:
        if self.secure:
            if selector in _NON_SECURE_BANK:
                return self._non_secure.get(selector, 0)
            selector = _SECURE_BANK.get(selector, selector)
        registers = self.core.engine.read_registers()
        if selector in _REGISTER_OF:
            return registers[_REGISTER_OF[selector]]
        if selector == 20:
            control, fault, base, mask = (registers[i] for i in (CONTROL, FAULTMASK, BASEPRI, PRIMASK))
            return (control & 7) << 24 | fault << 16 | (base & self.core.exceptions.priority_mask) << 8 | mask
        if selector in _LIMIT_OF and self.core.profile.secure_era:
            return self.core.engine.read_limits()[_LIMIT_OF[selector]]
        return self.core.engine.read_floats()[index] if (index := self._float(selector)) is not None else 0

    def _float(self, selector: int) -> int | None:
        return None if self.core.fpu is None else self.core.fpu.transfer_index(selector)

    def _write_register(self, selector: int, value: int) -> None:
        if self.secure:
            if selector in _NON_SECURE_BANK:
                self._non_secure[selector] = value & _NON_SECURE_BANK[selector]
                return
            selector = _SECURE_BANK.get(selector, selector)
        registers = self.core.engine.read_registers()
        if selector == 20:
            registers[CONTROL] = value >> 24 & (3 if self.core.fpu is None else 7)
            registers[FAULTMASK] = value >> 16 & 1
            registers[BASEPRI] = value >> 8 & self.core.exceptions.priority_mask
            registers[PRIMASK] = value & 1
        elif selector == SP:
            in_thread = not registers[XPSR] & 0x1FF
            registers[PSP if in_thread and registers[CONTROL] & 2 else MSP] = value & ~3
        elif selector in _REGISTER_OF:
            keep = {PC: ~1, MSP: ~3, PSP: ~3, XPSR: 0xFF00_FDFF}.get(_REGISTER_OF[selector], 0xFFFF_FFFF)
            registers[_REGISTER_OF[selector]] = value & keep & 0xFFFF_FFFF
        elif selector in _LIMIT_OF and self.core.profile.secure_era:
            limits = self.core.engine.read_limits()
            limits[_LIMIT_OF[selector]] = value
            self.core.engine.write_limits(limits)
            return
        else:
            self._write_float(selector, value)
            return
        self.core.set_registers(registers)

    def _write_float(self, selector: int, value: int) -> None:
        index = self._float(selector)
        if index is not None:
            floats = self.core.engine.read_floats()
            floats[index] = value
            self.core.engine.write_floats(floats)


_REGISTER_OF = {n: n for n in range(13)} | {13: SP, 14: LR, 15: PC, 16: XPSR, 17: MSP, 18: PSP}
"""Register list index by REGSEL (C1.6.3)."""
_LIMIT_OF = {0x1E: 0, 0x1F: 1}
"""MSPLIM and PSPLIM by REGSEL, of the one state there is; secure ones exist with security alone (DDI0553, DCRSR)."""
_SECURE_BANK = {0x1A: 17, 0x1B: 18, 0x1C: 0x1E, 0x1D: 0x1F, 0x22: 20}
"""With TrustZone: the secure names of what the core here has, which does not leave secure state."""
_NON_SECURE_BANK = {**dict.fromkeys((0x18, 0x19), ~3), **dict.fromkeys((0x1E, 0x1F), ~7), 0x23: 0x0301_FF01}
"""Registers that only a debugger changes, and the bits they have."""
