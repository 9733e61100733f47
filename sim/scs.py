"""System control space, 0xE000E000 (DDI0403E B3.1): routes each word to SysTick, NVIC, SCB, MPU or debug logic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bus import Peripheral, Unmodelled
from .nvic import Nvic
from .romtable import core_ids
from .scb import Scb
from .systick import SysTick

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Scs"]

_BYTE_WRITABLE = ((0x400, 0x4F0), (0xD18, 0xD24), (0xD28, 0xD2C))


class Scs(Peripheral):
    """Reserved words read 0 and ignore writes, as on silicon."""

    name = "SCS"
    base = 0xE000_E000
    size = 0x1000

    def __init__(self, core: Core, model: str) -> None:
        self.core = core
        self.systick = SysTick(core)
        self.nvic = Nvic(core)
        self.scb = Scb(core)
        self.auxiliary = 0
        self._mpu_end = 0xDC8 if core.profile.secure_era else 0xDC0
        self.ids = core_ids(model).scs

    def become_secure(self) -> None:
        """TrustZone is there and the core in secure state, which it cannot leave here: what shows it to a debugger."""
        self.scb.words[0x44] = 0x210  # ID_PFR1
        self.ids = self.ids | {0xFB8: 0xFF, 0xE08: 1 << 16}  # DAUTHSTATUS: all debug allowed; DSCSR.CDS
        self.core.debug.secure = True
        self.core.exceptions.become_secure()

    def reset(self) -> None:
        """System reset; debug registers are reset with the core's debug logic."""
        self.systick.reset()
        self.scb.reset()
        self.core.mpu.reset()
        if self.core.fpu is not None:
            self.core.fpu.reset()
        self.auxiliary = 0

    def read(self, offset: int, width: int) -> int:
        """Return a register; a part of one is taken out of its word."""
        word = self._read_word(offset & ~3)
        return word >> 8 * (offset & 3) & (1 << 8 * width) - 1

    def write(self, offset: int, value: int, width: int) -> None:
        """Store a register. Bytes and half-words only where the manual allows them (priorities, CFSR)."""
        if width != 4:
            if not any(first <= offset < last for first, last in _BYTE_WRITABLE):
                raise Unmodelled(f"SCS: a store of {width} bytes to 0x{self.base + offset:08X} is UNPREDICTABLE")
            shift = 8 * (offset & 3)
            kept = 0 if 0xD28 <= offset < 0xD2C else self._read_word(offset & ~3) & ~((1 << 8 * width) - 1 << shift)
            value = kept | value << shift
        self._write_word(offset & ~3, value)

    def _read_word(self, offset: int) -> int:
        fpu = self.core.fpu
        if fpu is not None and (value := fpu.read(offset)) is not None:
            return value
        if 0x010 <= offset < 0x020:
            return self.systick.read(offset - 0x010)
        if 0x100 <= offset < 0x380 or 0x400 <= offset < 0x4F0:
            return self.nvic.read(offset)
        if 0xD90 <= offset < self._mpu_end:
            return self.core.mpu.read(offset - 0xD90)
        if 0xD00 <= offset < 0xDF0:
            return self.scb.read(offset - 0xD00)
        debug = self.core.debug
        if offset == 0xDF0:
            return debug.read_dhcsr()
        if offset == 0xDF8:
            return debug.dcrdr
        if offset == 0xDFC:
            return debug.read_demcr()
        if offset == 0x004 and self.core.profile.mainline:
            return (self.core.exceptions.irqs - 1) // 32
        return self.auxiliary if offset == 0x008 else self.ids.get(offset, 0)

    def _write_word(self, offset: int, value: int) -> None:
        if self.core.fpu is not None and self.core.fpu.write(offset, value):
            return
        if 0x010 <= offset < 0x020:
            self.systick.write(offset - 0x010, value)
        elif 0x100 <= offset < 0x300 or 0x400 <= offset < 0x4F0:
            self.nvic.write(offset, value)
        elif 0xD90 <= offset < self._mpu_end:
            self.core.mpu.write(offset - 0xD90, value)
        elif 0xD00 <= offset < 0xDF0:
            self.scb.write(offset - 0xD00, value)
        elif 0xDF0 <= offset < 0xE00:
            self._write_debug(offset, value)
        elif offset == 0xF00:
            self.nvic.trigger(value & 0x1FF)
        elif offset == 0x008:
            self.auxiliary = value & 7
            self.core.port.buffered = not value & 2

    def _write_debug(self, offset: int, value: int) -> None:
        """Only the debugger reaches DHCSR and DCRSR; DCRDR and DEMCR are open to software (C1.6)."""
        debug = self.core.debug
        if offset == 0xDFC:
            debug.write_demcr(value)
        elif offset == 0xDF8:
            debug.dcrdr = value
        elif self.core.bus.from_debugger and offset == 0xDF0:
            debug.write_dhcsr(value)
        elif self.core.bus.from_debugger and offset == 0xDF4:
            debug.write_dcrsr(value)
