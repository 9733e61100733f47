"""Exceptions of ARMv7-M and ARMv8-M: numbers, priorities, entry and return (DDI0403E B1.5, DDI0553 B3)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from .bus import BusFault
from .engine import BASEPRI, CONTROL, FAULTMASK, LR, MSP, PC, PRIMASK, PSP, XPSR

if TYPE_CHECKING:
    from .core import Core

__all__ = ["ENTRY_CYCLES", "Exceptions", "Number", "StackOverflow"]

ENTRY_CYCLES = 12
RETURN_CYCLES = 10
TAIL_CYCLES = 6
"""Interrupt latencies of the Cortex-M3 with zero wait states (DDI0337 chapter on exceptions)."""

_LOWEST = 256
_IPSR = 0x1FF
_IT = 0x0600_FC00
_T = 1 << 24
_ALIGN = 1 << 9
_HANDLER, _THREAD_MSP, _THREAD_PSP = 0, 8, 12
"""Bits 3 and 2 of EXC_RETURN: what is returned to."""
_SPARE = 0xFFFF_FF80
"""Bits of EXC_RETURN that ARMv8-M has set always; S, DCRS and ES mean nothing without security (DDI0553)."""


class Number(IntEnum):
    """Exception numbers (DDI0403E B1.5.2); external interrupt n is 16 + n."""

    RESET = 1
    NMI = 2
    HARDFAULT = 3
    MEMMANAGE = 4
    BUSFAULT = 5
    USAGEFAULT = 6
    SVCALL = 11
    DEBUGMON = 12
    PENDSV = 14
    SYSTICK = 15


class StackOverflow(BusFault):
    """The frame of an exception would lie below the stack's limit (ARMv8-M): UsageFault instead of BusFault."""


def _mask(*numbers: int) -> int:
    return sum(1 << n for n in numbers)


_ALWAYS_ENABLED = _mask(Number.NMI, Number.HARDFAULT, Number.SVCALL, Number.PENDSV, Number.SYSTICK)
_MASKABLE_BY_DEBUGGER = ~_mask(*range(14)) & ~_mask(0)


class Exceptions:
    """Pending, active and enabled sets as bit masks over exception numbers, and what moves between them."""

    def __init__(self, core: Core, irqs: int, priority_bits: int) -> None:
        self.core = core
        self.irqs = irqs
        self.priority_mask = 0xFF00 >> priority_bits & 0xFF
        self._has_limits = core.profile.secure_era
        self._base = 0xFFFF_FFB0 if core.profile.secure_era else 0xFFFF_FFF1  # of EXC_RETURN
        self.nmi_held = False
        self.reset()

    def become_secure(self) -> None:
        """Secure state: bits S and ES of EXC_RETURN are set (DDI0553)."""
        self._base = 0xFFFF_FFF1

    def reset(self) -> None:
        """Nothing pending, nothing active, all priorities 0."""
        self.pending = 0
        self.active = 0
        self.enabled = _ALWAYS_ENABLED
        self.priorities = [0] * (16 + self.irqs)
        self.priorities[Number.RESET] = -3
        self.priorities[Number.NMI] = -2
        self.priorities[Number.HARDFAULT] = -1
        self.group_mask = 0xFE  # PRIGROUP = 0: bits [7:1] are the group priority
        self.vtor = 0
        self.stack_align = False  # CCR.STKALIGN
        self.allow_any_thread_return = False  # CCR.NONBASETHRDENA
        self.ignore_limits_in_faults = False  # CCR.STKOFHFNMIGN

    # --- priorities (B1.5.4)

    def set_priority_group(self, prigroup: int) -> None:
        """PRIGROUP = n: bits [7:n+1] preempt, the rest only orders (B1.5.4)."""
        self.group_mask = 0xFF & ~((2 << prigroup) - 1)

    def group(self, number: int) -> int:
        """Group priority of an exception."""
        priority = self.priorities[number]
        return priority if priority < 0 else priority & self.group_mask

    def active_priority(self) -> int:
        """Priority of the most urgent active exception, without the mask registers."""
        lowest, active, number = _LOWEST, self.active, 0
        while active:
            step = (active & -active).bit_length() - 1
            number += step
            lowest = min(lowest, self.group(number))
            active >>= step + 1
            number += 1
        return lowest

    def execution_priority(self, *, primask: bool = True) -> int:
        """Current execution priority (B1.5.4, ExecutionPriority()); optionally as if PRIMASK were 0."""
        mask, base, fault = self.core.engine.read_masks()
        boosted = _LOWEST
        base &= self.priority_mask
        if base:
            boosted = base & self.group_mask
        if mask and primask:
            boosted = 0
        if fault:
            boosted = -1
        return min(self.active_priority(), boosted)

    def candidate(self) -> int:
        """Return the most urgent pending and enabled exception, 0 if there is none."""
        waiting = self.pending & self.enabled
        if self.core.debug.masks_interrupts:
            waiting &= ~_MASKABLE_BY_DEBUGGER
        best, best_priority, number = 0, _LOWEST, 0
        while waiting:
            step = (waiting & -waiting).bit_length() - 1
            number += step
            priority = self.priorities[number]
            if priority < best_priority:
                best, best_priority = number, priority
            waiting >>= step + 1
            number += 1
        return best

    def pend(self, number: int) -> None:
        """Make an exception pending."""
        self.pending |= 1 << number

    def unpend(self, number: int) -> None:
        """Take a pending exception back."""
        self.pending &= ~(1 << number)

    def can_take(self, number: int) -> bool:
        """Tell whether an exception is enabled and would preempt what runs now."""
        return bool(self.enabled >> number & 1) and self.group(number) < self.execution_priority()

    # --- entry (B1.5.6)

    def enter(self, number: int) -> None:
        """Stack, fetch the vector, become the handler of ``number``."""
        core = self.core
        registers = core.engine.read_registers()
        stacked = self._push(registers)
        core.cycle += ENTRY_CYCLES
        if not stacked:
            number = core.faults.derived(number)
            if not number:
                return
        self.activate(number, registers)

    def _push(self, registers: list[int]) -> bool:
        xpsr = registers[XPSR]
        thread = not xpsr & _IPSR
        core = self.core
        floats = core.fpu.to_stack(registers) if core.fpu is not None else ()
        bank = PSP if thread and registers[CONTROL] & 2 else MSP
        frame = registers[bank] - 32 - 4 * len(floats)
        padded = (self.stack_align or floats) and frame & 4
        if padded:
            frame -= 4
        frame &= 0xFFFF_FFFC
        xpsr = xpsr | _ALIGN if padded else xpsr & ~_ALIGN
        words = (*registers[:4], registers[12], registers[LR], registers[PC], xpsr, *floats)
        registers[LR] = self._base | (_HANDLER if not thread else _THREAD_PSP if bank == PSP else _THREAD_MSP)
        if self._below_limit(bank, frame):
            registers[bank] = core.engine.read_limits()[bank - MSP]
            return self._not_stacked(registers, StackOverflow(frame))
        registers[bank] = frame
        if floats and core.fpu is not None:
            registers[LR] &= ~0x10
            core.fpu.stacked(frame + 32)
        try:
            core.port.store_words(frame, words)
        except BusFault as fault:
            return self._not_stacked(registers, fault)
        return True

    def _not_stacked(self, registers: list[int], fault: BusFault) -> bool:
        self.core.faults.note_stacking(fault)
        registers[CONTROL] &= ~6
        self.core.engine.write_registers(registers)
        return False

    def _below_limit(self, bank: int, frame: int) -> bool:
        """Compare a new stack pointer with MSPLIM or PSPLIM (ARMv8-M)."""
        if not self._has_limits or (self.ignore_limits_in_faults and self.execution_priority() < 0):
            return False
        return frame < self.core.engine.read_limits()[bank - MSP]

    def activate(self, number: int, registers: list[int]) -> None:
        """Become the handler of ``number``; what was running is on the stack already."""
        core = self.core
        try:
            vector = core.port.load_words(self.vtor + 4 * number, 1, vector=True)[0]
        except BusFault:
            core.faults.vector_fetch_failed(number, registers)
            return
        registers[CONTROL] &= ~6
        registers[XPSR] = registers[XPSR] & ~(_IT | _IPSR | _T | _ALIGN) | number | (vector & 1) << 24
        registers[PC] = vector & ~1
        self.pending &= ~(1 << number)
        self.active |= 1 << number
        core.event_register = True
        core.set_registers(registers)
        core.debug.entered_exception(number)

    # --- return (B1.5.8)

    def leave(self) -> None:
        """Return from the handler that branched to an EXC_RETURN value."""
        core = self.core
        registers = core.engine.read_registers()
        value = self.return_value(registers)
        code = value & 0xC
        number = registers[XPSR] & _IPSR
        if not self._return_allowed(code, value, number):
            core.faults.invalid_return(registers)
            return
        self.active &= ~(1 << number)
        if number != Number.NMI:
            registers[FAULTMASK] = 0
        elif self.nmi_held:
            self.pend(number)
        following = self.candidate()
        core.event_register = True
        if following and self.group(following) < self._priority_after(registers):
            registers[LR] = value
            core.cycle += TAIL_CYCLES
            self.activate(following, registers)
            return
        core.cycle += RETURN_CYCLES
        if self._pop(code, registers, extended=not registers[PC] & 0x10):
            core.returned()

    def return_value(self, registers: list[int]) -> int:
        """EXC_RETURN as it was branched to; ARMv7-M has bit 0 set, ARMv8-M without security has it 0."""
        return registers[PC] & ~1 | self._base & 1

    def _return_allowed(self, code: int, value: int, number: int) -> bool:
        plain = 0xFFFF_FFF1 if self.core.fpu is None else 0xFFFF_FFE1
        plain = _SPARE if self._has_limits else plain
        if not self.active >> number & 1 or value & plain != plain or value & 2:
            return False
        nested = self.active & (self.active - 1)
        if code == _HANDLER:
            return bool(nested)
        return code in {_THREAD_MSP, _THREAD_PSP} and (not nested or self.allow_any_thread_return)

    def _priority_after(self, registers: list[int]) -> int:
        boosted = _LOWEST
        base = registers[BASEPRI] & self.priority_mask
        if base:
            boosted = base & self.group_mask
        if registers[PRIMASK]:
            boosted = 0
        return min(self.active_priority(), boosted)

    def _pop(self, code: int, registers: list[int], *, extended: bool) -> bool:
        core = self.core
        bank = PSP if code == _THREAD_PSP else MSP
        frame = registers[bank] & ~3
        try:
            words = core.port.load_words(frame, 26 if extended else 8)
        except BusFault as fault:
            core.faults.unstacking_failed(fault, registers)
            return False
        xpsr = words[7]
        if bool(xpsr & _IPSR) != (code == _HANDLER):
            core.faults.invalid_return(registers)
            return False
        registers[0:4] = words[0:4]
        registers[12], registers[LR] = words[4], words[5]
        registers[PC] = words[6] & ~1
        registers[XPSR] = xpsr & ~_ALIGN
        padded = (self.stack_align or extended) and xpsr & _ALIGN
        registers[bank] = (frame + 4 * len(words) + (4 if padded else 0)) & 0xFFFF_FFFC
        registers[CONTROL] = registers[CONTROL] & 1 | (2 if code == _THREAD_PSP else 0)
        if extended and core.fpu is not None:
            core.fpu.unstack(words[8:])
            registers[CONTROL] |= 4
        core.set_registers(registers)
        return True
