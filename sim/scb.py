"""System control block (DDI0403E B3.2): identification, vector table, reset, sleep, configuration, fault status."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .exceptions import Number
from .faults import CFSR, HFSR
from .profiles import PROFILES

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Scb"]

_VECTKEY = 0x05FA
_VECTKEYSTAT = 0xFA05
_SHCSR_ACTIVE = ((0, 4), (1, 5), (3, 6), (7, 11), (8, 12), (10, 14), (11, 15))
_SHCSR_PENDING = ((12, 6), (13, 4), (14, 5), (15, 11))
_SHCSR_LATER = ((2, 3), (5, 2)), ((21, 3),)  # HARDFAULTACT and NMIACT, HARDFAULTPENDED: ARMv8-M
_SHCSR_ENABLE = ((16, 4), (17, 5), (18, 6))

_ARMV6M = {0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x1C, 0x20, 0x24, 0x30}
"""What of these registers ARMv6-M has (DDI0419C B3.2.2)."""


class Scb:
    """Registers 0xE000ED00 to 0xE000ED8C."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.profile = core.profile
        self.cpuid = self.profile.cpuid
        self.words: dict[int, int] = dict(self.profile.cache_ids)  # read-only words that a core or a chip has
        self.on_reset_request: Callable[[], None] = lambda: None
        self.on_core_reset: Callable[[], None] = lambda: None
        self.reset()
        self._readers: dict[int, Callable[[], int]] = {
            0x00: lambda: self.cpuid,
            0x04: self._icsr,
            0x08: lambda: self.core.exceptions.vtor,
            0x0C: lambda: _VECTKEYSTAT << 16 | self.prigroup << 8,
            0x10: lambda: self.scr,
            0x14: lambda: self.ccr,
            0x18: lambda: self._priorities(4),
            0x1C: lambda: self._priorities(8),
            0x20: lambda: self._priorities(12),
            0x24: self._shcsr,
            0x28: lambda: int(self.core.faults.cfsr),
            0x2C: lambda: int(self.core.faults.hfsr),
            0x30: lambda: int(self.core.debug.dfsr),
            0x34: lambda: self.core.faults.mmfar,
            0x38: lambda: self.core.faults.bfar,
        }
        self._writers: dict[int, Callable[[int], None]] = {
            0x04: self._write_icsr,
            0x08: self._write_vtor,
            0x0C: self._write_aircr,
            0x10: self._write_scr,
            0x14: self._write_ccr,
            0x18: lambda value: self._set_priorities(4, value),
            0x1C: lambda value: self._set_priorities(8, value),
            0x20: lambda value: self._set_priorities(12, value),
            0x24: self._write_shcsr,
            0x28: self._clear_cfsr,
            0x2C: self._clear_hfsr,
            0x30: self._clear_dfsr,
            0x34: self._write_mmfar,
            0x38: self._write_bfar,
        }
        if not self.profile.mainline:
            self._readers = {offset: call for offset, call in self._readers.items() if offset in _ARMV6M}
            self._writers = {offset: call for offset, call in self._writers.items() if offset in _ARMV6M - {0x14}}

    def reset(self) -> None:
        """System reset. CCR.STKALIGN is 0 after reset in r1p1, 1 from r2p0 on (DDI0337, DDI0403E B3.2.8)."""
        self.prigroup = 0
        self.scr = 0
        old_m3 = self.cpuid == PROFILES["cortex-m3"].cpuid
        self._write_ccr(0 if old_m3 else 0x200 if self.profile.mainline else 0x208)
        self._write_scr(0)

    def read(self, offset: int) -> int:
        """Word at ``offset`` from 0xE000ED00; what is reserved reads 0."""
        if offset in self.words:
            return self.words[offset]
        reader = self._readers.get(offset)
        if reader is not None:
            return reader()
        index = (offset - 0x40) // 4
        return self.profile.features[index] if self.profile.mainline and 0 <= index < len(self.profile.features) else 0

    def write(self, offset: int, value: int) -> None:
        """Store a word there; what is reserved or read-only ignores it."""
        writer = self._writers.get(offset)
        if writer is not None:
            writer(value)

    # --- ICSR, VTOR, AIRCR

    def _icsr(self) -> int:
        exceptions = self.core.exceptions
        pending = exceptions.pending
        active = self.core.engine.read_registers()[16] & 0x1FF
        value = active | exceptions.candidate() << 12
        value |= bool(pending >> 16) << 22
        value |= (pending >> Number.SYSTICK & 1) << 26
        value |= (pending >> Number.PENDSV & 1) << 28
        value |= (pending >> Number.NMI & 1) << 31
        only_one = not exceptions.active & ~(1 << active)
        return value | only_one << 11

    def _write_icsr(self, value: int) -> None:
        core = self.core
        for bit, number in ((31, Number.NMI), (28, Number.PENDSV), (26, Number.SYSTICK)):
            if value >> bit & 1:
                core.pend(number)
        for bit, number in ((27, Number.PENDSV), (25, Number.SYSTICK)):
            if value >> bit & 1:
                core.exceptions.unpend(number)

    def _write_vtor(self, value: int) -> None:
        self.core.exceptions.vtor = value & self.profile.vector_mask

    def _write_aircr(self, value: int) -> None:
        if value >> 16 != _VECTKEY:
            return
        self.prigroup = value >> 8 & 7 if self.profile.mainline else 0
        self.core.exceptions.set_priority_group(self.prigroup)
        if value & 2 and self.core.debug.halted:  # VECTCLRACTIVE: only in debug state
            self.core.exceptions.active = 0
        if value & 4:
            self.on_reset_request()
        elif value & 1 and not self.profile.secure_era:
            self.on_core_reset()

    # --- SCR, CCR, SHPR, SHCSR

    def _write_scr(self, value: int) -> None:
        self.scr = value & 0x16
        self.core.sleep_on_exit = bool(value & 2)
        self.core.sleep_deep = bool(value & 4)
        self.core.send_event_on_pend = bool(value & 0x10)

    def _write_ccr(self, value: int) -> None:
        value |= self.profile.fixed_configuration
        self.ccr = value & (self.profile.configuration | self.profile.fixed_configuration)
        core = self.core
        core.exceptions.allow_any_thread_return = bool(value & 1)
        core.exceptions.stack_align = bool(value & 0x200)
        core.port.user_may_trigger = bool(value & 2)
        core.port.trap_unaligned(self.profile.mainline and bool(value & 8))  # ARMv6-M: the engine itself does
        core.exceptions.ignore_limits_in_faults = bool(self.ccr & 0x400)
        core.divide_by_zero_traps = bool(value & 0x10)
        if value & 0x10:
            core.sites.watch_division()

    def _priorities(self, first: int) -> int:
        priorities = self.core.exceptions.priorities
        return sum(max(priorities[first + byte], 0) << 8 * byte for byte in range(4))

    def _set_priorities(self, first: int, value: int) -> None:
        exceptions = self.core.exceptions
        for byte in range(4):
            if first + byte in {4, 5, 6, 11, 12, 14, 15}:
                exceptions.priorities[first + byte] = value >> 8 * byte & exceptions.priority_mask

    def _shcsr(self) -> int:
        exceptions = self.core.exceptions
        value = 0
        active, pending = _SHCSR_LATER if self.profile.secure_era else ((), ())
        for table, source in (
            ((*_SHCSR_ACTIVE, *active), exceptions.active),
            ((*_SHCSR_PENDING, *pending), exceptions.pending),
            (_SHCSR_ENABLE, exceptions.enabled),
        ):
            for bit, number in table:
                value |= (source >> number & 1) << bit
        return value

    def _write_shcsr(self, value: int) -> None:
        exceptions = self.core.exceptions
        exceptions.active = _copy_bits(exceptions.active, value, _SHCSR_ACTIVE)
        exceptions.pending = _copy_bits(exceptions.pending, value, _SHCSR_PENDING)
        if self.profile.mainline:
            exceptions.enabled = _copy_bits(exceptions.enabled, value, _SHCSR_ENABLE)

    # --- fault status: write 1 to clear

    def _clear_cfsr(self, value: int) -> None:
        faults = self.core.faults
        faults.cfsr &= ~CFSR(value & 0xFFFF_FFFF & sum(CFSR))

    def _clear_hfsr(self, value: int) -> None:
        faults = self.core.faults
        faults.hfsr &= ~HFSR(value & sum(HFSR))

    def _clear_dfsr(self, value: int) -> None:
        self.core.debug.write_dfsr(value)

    def _write_mmfar(self, value: int) -> None:
        self.core.faults.mmfar = value

    def _write_bfar(self, value: int) -> None:
        self.core.faults.bfar = value


def _copy_bits(target: int, value: int, table: tuple[tuple[int, int], ...]) -> int:
    for bit, number in table:
        target = target & ~(1 << number) | (value >> bit & 1) << number
    return target
