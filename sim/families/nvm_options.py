"""Option bytes of the STM32L0 and L1 (RM0367 3.4, RM0038 3.7): words of a half-word and its complement.

Each is written on its own and erased by that; power or OBL_LAUNCH puts them into force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..bus import Unmodelled

if TYPE_CHECKING:
    from .nvm_flash import NvmFlash

__all__ = ["NvmOptions"]

BASE = 0x1FF8_0000
AREAS = ((0x00, 0x20), (0x80, 0x08))  # the second on parts with four registers of write protection
PROTECTION = (0x08, 0x10, 0x18, 0x80)  # the words of each register, low half first
LEVEL_0, LEVEL_2 = 0xAA, 0xCC
PELOCK, OPTLOCK = 1 << 0, 1 << 2
WRPERR, SIZERR = 1 << 8, 1 << 10


class NvmOptions:
    """Content, loading and programming. Is the bus's FlashController for the area."""

    def __init__(self, flash: NvmFlash) -> None:
        self.flash = flash
        self.areas = AREAS[: 2 if len(flash.plan.protection_registers) > 3 else 1]

    def map_memories(self) -> None:
        """Put the words on the bus."""
        bus = self.flash.host.bus
        for offset, size in self.areas:
            bus.add_flash("option bytes", BASE + offset, size, self)
            bus.patch(BASE + offset, (0xFFFF_0000).to_bytes(4, "little") * (size // 4))

    def manufacture(self, option_word: int, protection: int) -> None:
        """Store what the registers are to hold."""
        self._store(0x00, option_word & 0xFFFF)
        self._store(0x04, option_word >> 16)
        for index in range(len(self.flash.plan.protection_registers)):
            bits = protection >> 32 * index
            self._store(PROTECTION[index], bits & 0xFFFF)
            if index < 3 or len(self.areas) > 1:
                self._store(PROTECTION[index] + 4, bits >> 16 & 0xFFFF)

    def _store(self, offset: int, half: int) -> None:
        self.flash.host.bus.patch(BASE + offset, (half | (half ^ 0xFFFF) << 16).to_bytes(4, "little"))

    def load(self) -> tuple[int, int]:
        """What the words say: OPTR (OBR), and the bits of all WRPR."""
        option_word = self._half(0x00) | self._half(0x04) << 16
        protection = 0
        for index in range(len(self.flash.plan.protection_registers)):
            low, high = self._half(PROTECTION[index]), self._half(PROTECTION[index] + 4)
            protection |= (low | high << 16) << 32 * index
        return option_word, protection

    def _half(self, offset: int) -> int:
        word = int.from_bytes(self.flash.host.bus.peek(BASE + offset, 4), "little")
        if word & 0xFFFF ^ word >> 16 != 0xFFFF:
            raise Unmodelled(f"FLASH: the option word at 0x{BASE + offset:08X} is not matched by its complement")
        return word & 0xFFFF

    # --- FlashController

    def busy_until(self) -> int:
        """See FlashController."""
        return self.flash.end

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Write a word. To bring readout protection from level 1 to 0 erases program memory and EEPROM."""
        flash, bus = self.flash, self.flash.host.bus
        flash.settle()
        if flash.control & (PELOCK | OPTLOCK) or flash.level == 2:
            flash.fail(WRPERR)
            return
        if width != 4:
            flash.fail(SIZERR)
            return
        old = bus.peek(address, 4)
        leaving = address == BASE and flash.level == 1 and value & 0xFF == LEVEL_0
        flash.begin(lambda: bus.patch(address, old))
        bus.patch(address, value.to_bytes(4, "little"))
        if leaving:
            for area in (*flash.areas, flash.eeprom):
                bus.patch(area.base, bytes(area.size))
