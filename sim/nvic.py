"""NVIC registers (DDI0403E B3.4): enable, pending, active and priority of external interrupts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Nvic"]

_FIRST = 16


class Nvic:
    """ISER, ICER, ISPR, ICPR, IABR, IPR and STIR; bits of interrupts the chip has not are 0."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.exceptions = core.exceptions
        self.implemented = (1 << core.exceptions.irqs) - 1

    def read(self, offset: int) -> int:
        """Word at ``offset`` from 0xE000E000, 0x100 to 0x4EF."""
        exceptions = self.exceptions
        if offset >= 0x400:
            return sum(self._priority(offset - 0x400 + byte) << 8 * byte for byte in range(4))
        source = (exceptions.enabled, exceptions.pending, exceptions.active)[(offset - 0x100) >> 8]
        return (source >> _FIRST & self.implemented) >> 32 * (offset >> 2 & 0x1F) & 0xFFFF_FFFF

    def write(self, offset: int, value: int) -> None:
        """Store a word there."""
        if offset >= 0x400:
            for byte in range(4):
                self._set_priority(offset - 0x400 + byte, value >> 8 * byte & 0xFF)
            return
        bits = (value << 32 * (offset >> 2 & 0x1F) & self.implemented) << _FIRST
        exceptions = self.exceptions
        bank = offset & 0xF80
        if bank == 0x100:
            exceptions.enabled |= bits
        elif bank == 0x180:
            exceptions.enabled &= ~bits
        elif bank == 0x200:
            self._pend(bits)
        elif bank == 0x280:
            exceptions.pending &= ~bits

    def trigger(self, number: int) -> None:
        """STIR: pend an interrupt by its number."""
        self._pend(1 << _FIRST + number & self.implemented << _FIRST)

    def _pend(self, bits: int) -> None:
        number = 0
        while bits:
            if bits & 1:
                self.core.pend(number)
            bits >>= 1
            number += 1

    def _priority(self, irq: int) -> int:
        return self.exceptions.priorities[_FIRST + irq] if irq < self.exceptions.irqs else 0

    def _set_priority(self, irq: int, value: int) -> None:
        if irq < self.exceptions.irqs:
            self.exceptions.priorities[_FIRST + irq] = value & self.exceptions.priority_mask
