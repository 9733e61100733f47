"""Faults of ARMv7-M: status registers, escalation, lockup (DDI0403E B1.5.10 to B1.5.15, B3.2.15 to B3.2.20)."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

from .bus import BusFault
from .engine import XPSR
from .exceptions import Number, StackOverflow

if TYPE_CHECKING:
    from .core import Core

__all__ = ["CFSR", "HFSR", "MAGIC_LOCKUP", "Faults", "MemFault", "UnalignedFault"]

MAGIC_LOCKUP = 0xFFFF_FFFE
"""PC of a locked-up core (B1.5.15)."""


class CFSR(IntFlag):
    """Configurable Fault Status Register (B3.2.15): MemManage bits 0-7, BusFault 8-15, UsageFault 16-31."""

    IACCVIOL = 1 << 0
    DACCVIOL = 1 << 1
    MUNSTKERR = 1 << 3
    MSTKERR = 1 << 4
    MMARVALID = 1 << 7
    IBUSERR = 1 << 8
    PRECISERR = 1 << 9
    IMPRECISERR = 1 << 10
    UNSTKERR = 1 << 11
    STKERR = 1 << 12
    BFARVALID = 1 << 15
    UNDEFINSTR = 1 << 16
    INVSTATE = 1 << 17
    INVPC = 1 << 18
    NOCP = 1 << 19
    STKOF = 1 << 20  # ARMv8-M: a stack pointer went below its limit
    UNALIGNED = 1 << 24
    DIVBYZERO = 1 << 25


class HFSR(IntFlag):
    """HardFault Status Register (B3.2.16)."""

    VECTTBL = 1 << 1
    FORCED = 1 << 30
    DEBUGEVT = 1 << 31


class MemFault(BusFault):
    """The MPU or the default map forbids an access: MemManage instead of BusFault."""


class UnalignedFault(BusFault):
    """CCR.UNALIGN_TRP is set and an access was not aligned: UsageFault instead of BusFault."""


_FAULT_OF = (
    (0x0000_00FF, Number.MEMMANAGE),
    (0x0000_FF00, Number.BUSFAULT),
    (0xFFFF_0000, Number.USAGEFAULT),
)


class Faults:
    """CFSR, HFSR, MMFAR, BFAR and AFSR, and the decision what a fault becomes."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.cfsr = CFSR(0)
        self.hfsr = HFSR(0)
        self.mmfar = 0
        self.bfar = 0
        self.cause = CFSR(0)
        self.from_stacking = False

    def reset(self) -> None:
        """System reset: status cleared; the address registers keep what they had (UNKNOWN)."""
        self.cfsr = CFSR(0)
        self.hfsr = HFSR(0)
        self.cause = CFSR(0)
        self.from_stacking = False

    def note(self, cause: CFSR, address: int | None = None) -> None:
        """Record a cause, and the address of a precise data fault, without taking anything."""
        self.cfsr |= cause
        self.cause = cause
        if address is not None:
            if cause & 0xFF:
                self.mmfar = address
                self.cfsr |= CFSR.MMARVALID
            else:
                self.bfar = address
                self.cfsr |= CFSR.BFARVALID

    def raise_(self, cause: CFSR, address: int | None = None) -> None:
        """Take a synchronous fault at the current instruction: its own exception, HardFault or lockup (B1.5.10)."""
        self.note(cause, address)
        self.from_stacking = False
        number = self._exception_of(cause)
        exceptions = self.core.exceptions
        if exceptions.can_take(number):
            exceptions.enter(number)
        else:
            self.hard_fault(HFSR.FORCED)

    def data_fault(self, fault: BusFault) -> None:
        """A load, or an unbuffered store, was refused at ``fault.address``."""
        if isinstance(fault, UnalignedFault):
            self.raise_(CFSR.UNALIGNED)
            return
        precise = CFSR.DACCVIOL if isinstance(fault, MemFault) else CFSR.PRECISERR
        self.raise_(precise, fault.address)

    def imprecise(self) -> None:
        """A buffered store was refused after its instruction had completed: no address, PC somewhere behind it."""
        self.note(CFSR.IMPRECISERR)
        exceptions = self.core.exceptions
        if exceptions.enabled >> Number.BUSFAULT & 1:
            exceptions.pend(Number.BUSFAULT)
        else:
            self.hfsr |= HFSR.FORCED
            exceptions.pend(Number.HARDFAULT)

    def hard_fault(self, status: HFSR) -> None:
        """Enter HardFault, or lock up when something at its priority or above is already running (B1.5.15)."""
        self.hfsr |= status
        exceptions = self.core.exceptions
        if exceptions.execution_priority() <= -1:
            self.core.lock_up()
        else:
            exceptions.enter(Number.HARDFAULT)

    # --- faults while entering or leaving an exception (B1.5.11, derived exceptions)

    def note_stacking(self, fault: BusFault) -> None:
        """The frame could not be stored."""
        overflow = isinstance(fault, StackOverflow)
        self.note(CFSR.STKOF if overflow else CFSR.MSTKERR if isinstance(fault, MemFault) else CFSR.STKERR)
        self.from_stacking = True

    def derived(self, number: int) -> int:
        """Return the exception to enter when stacking for ``number`` faulted; 0 after a lockup."""
        exceptions = self.core.exceptions
        if number in {Number.HARDFAULT, Number.NMI}:
            return number
        fault = self._exception_of(self.cause)
        if not exceptions.can_take(fault):
            self.hfsr |= HFSR.FORCED
            if exceptions.execution_priority() <= -1:
                self.core.lock_up()
                return 0
            fault = Number.HARDFAULT
        if exceptions.priorities[fault] <= exceptions.priorities[number]:
            if number not in _SYNCHRONOUS:
                exceptions.pend(number)
            return fault
        exceptions.pend(fault)
        return number

    def vector_fetch_failed(self, number: int, registers: list[int]) -> None:
        """The vector of ``number`` could not be read."""
        self.hfsr |= HFSR.VECTTBL
        self.from_stacking = True
        exceptions = self.core.exceptions
        self.core.engine.write_registers(registers)
        if number in {Number.HARDFAULT, Number.NMI} or exceptions.execution_priority() <= -1:
            self.core.lock_up()
        else:
            exceptions.activate(Number.HARDFAULT, registers)

    def unstacking_failed(self, fault: BusFault, registers: list[int]) -> None:
        """The frame could not be loaded: tail-chain into the fault, the frame stays where it is."""
        self.note(CFSR.MUNSTKERR if isinstance(fault, MemFault) else CFSR.UNSTKERR)
        self._tail_chain(registers)

    def invalid_return(self, registers: list[int]) -> None:
        """EXC_RETURN, or the xPSR it brought back, does not fit the exception state (B1.5.8)."""
        self.note(CFSR.INVPC)
        self._tail_chain(registers)

    def _tail_chain(self, registers: list[int]) -> None:
        exceptions = self.core.exceptions
        exceptions.active &= ~(1 << (registers[XPSR] & 0x1FF))
        self.from_stacking = True
        registers[14] = exceptions.return_value(registers)
        self.core.engine.write_registers(registers)
        number = self._exception_of(self.cause)
        if not exceptions.can_take(number):
            self.hfsr |= HFSR.FORCED
            if exceptions.execution_priority() <= -1:
                self.core.lock_up()
                return
            number = Number.HARDFAULT
        exceptions.activate(number, registers)

    @staticmethod
    def _exception_of(cause: CFSR) -> Number:
        return next(number for mask, number in _FAULT_OF if cause & mask)


_SYNCHRONOUS = {Number.MEMMANAGE, Number.BUSFAULT, Number.USAGEFAULT, Number.SVCALL}
