"""One bank of an STM32F4's flash: judges and carries out stores (RM0090 3.6.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..bus import BusFault, Unmodelled
from ..chip import FlashBank

if TYPE_CHECKING:
    from .sector_flash import SectorFlash

__all__ = ["LOCK", "PG", "PGAERR", "PGPERR", "STARVED", "WRPERR", "OneTimeArea", "SectorBank"]

WRPERR, PGAERR, PGPERR = 1 << 4, 1 << 5, 1 << 6  # SR (RM0090 3.9.5)
PG, LOCK = 1 << 0, 1 << 31  # CR (RM0090 3.9.7)
STARVED = 0xEE  # bits of a byte that change although the supply is too low; the others keep what they held
ROW = 16  # bytes that one program operation may not cross


class SectorBank:
    """One bank. Is the bus's FlashController for the array."""

    def __init__(self, flash: SectorFlash, index: int, bank: FlashBank) -> None:
        self.flash, self.index = flash, index
        self.base, self.size, self.sectors = bank.base, bank.size, bank.sectors
        self._places = (self.base, *flash.chip.aliases_of(bank))
        self.first_sector = sum(len(other.sectors) for other in flash.chip.banks[:index])

    def holds(self, address: int, length: int) -> bool:
        """Report whether any of these bytes is in this bank, or in its alias at 0."""
        return any(address < base + self.size and address + length > base for base in self._places)

    def busy_until(self) -> int:
        """See FlashController."""
        return self.flash.busy_until(self.index)

    def sector(self, address: int) -> int:
        """Return the number of the sector that holds ``address``, counted through all banks."""
        number, end = 0, self.base
        for size in self.sectors:
            end += size
            if address < end:
                break
            number += 1
        return self.first_sector + number

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Program what is stored: RM0090 3.6.5."""
        flash = self.flash
        flash.settle()
        if address < self.base:
            if flash.chip.flash_at_itcm:
                raise BusFault(address, "the flash is only read through the ITCM interface")
            address += flash.chip.flash_base  # through the alias at 0
        if flash.control & LOCK or not flash.control & PG:
            flash.fail(flash.plan.sequence_error)
        elif width != 1 << flash.size_code():
            flash.fail(PGPERR)
        elif address // ROW != (address + width - 1) // ROW:
            flash.fail(PGAERR)
        elif flash.options.protects(self.sector(address)):
            flash.fail(WRPERR)
        else:
            self._program(address, value, width)

    def _program(self, address: int, value: int, width: int) -> None:
        flash, bus = self.flash, self.flash.host.bus
        old = bus.peek(address, width)
        kept = 0xFF ^ STARVED if flash.starved else 0
        data = bytes(was & (new | kept) for was, new in zip(old, value.to_bytes(width, "little"), strict=True))
        torn = bytes(was & (new | 0x55) for was, new in zip(old, data, strict=True))
        flash.begin(flash.plan.timing.program, lambda: bus.patch(address, torn), (self.index,))
        bus.patch(address, data)


class OneTimeArea:
    """One-time programmable bytes; programming them is not modelled, as it could never be undone."""

    def busy_until(self) -> int:
        """See FlashController."""
        return 0

    def flash_write(self, address: int, value: int, width: int) -> None:
        """See FlashController."""
        raise Unmodelled(f"FLASH: programming OTP at 0x{address:08X} (0x{value:X}, {width} bytes)")
