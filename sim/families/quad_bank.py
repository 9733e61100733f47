"""One bank of an STM32H5's flash: gathers the bytes of a quad-word and programs it (RM0481 7.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..bus import Unmodelled
from ..chip import FlashBank
from ..damage import Damage, EccArray

if TYPE_CHECKING:
    from .quad_flash import QuadFlash

__all__ = [
    "BER",
    "FW",
    "INCERR",
    "LOCK",
    "MER",
    "PG",
    "PGSERR",
    "SER",
    "STRBERR",
    "STRT",
    "WORD",
    "WRPERR",
    "OneTimeArea",
    "QuadBank",
]

LOCK, PG, SER, BER, FW, STRT, MER = (1 << n for n in (0, 1, 2, 3, 4, 5, 15))  # NSCR
WRPERR, PGSERR, STRBERR, INCERR = (1 << n for n in (17, 18, 19, 20))  # NSSR
WORD = 16


class QuadBank(EccArray):
    """Is the bus's FlashController for the array."""

    def __init__(self, flash: QuadFlash, index: int, bank: FlashBank) -> None:
        self.flash, self.index = flash, index
        self.base, self.size, self.page = bank.base, bank.size, bank.page
        self.sectors = bank.size // bank.page
        self.programmed: set[int] = set()
        self.damage = Damage(WORD, lambda address: flash.met(self, address))
        self.drop()

    def drop(self) -> None:
        """Forget the bytes of a quad-word that is not complete."""
        self.word_address = 0
        self.data: dict[int, int] = {}

    def holds(self, address: int, length: int) -> bool:
        """Report whether any of these bytes is in this bank."""
        return address < self.base + self.size and address + length > self.base

    def busy_until(self) -> int:
        """See FlashController."""
        return self.flash.busy_until(self.index)

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Take bytes of a quad-word into the write buffer."""
        flash = self.flash
        flash.settle()
        others = [bank for bank in flash.banks if bank is not self and bank.data]
        if flash.control & (LOCK | SER | BER | MER) or not flash.control & PG or flash.blocked:
            flash.fail(PGSERR)
        elif flash.protects(self.index, (address - self.base) // self.page):
            flash.fail(WRPERR)
        elif others or (self.data and address // WORD != self.word_address // WORD):
            flash.fail(INCERR)
        else:
            self.word_address = address // WORD * WORD
            self._gather(address - self.word_address, value, width)

    def _gather(self, offset: int, value: int, width: int) -> None:
        if any(offset + n in self.data for n in range(width)):
            self.flash.fail(STRBERR)
            return
        for n in range(width):
            self.data[offset + n] = value >> 8 * n & 0xFF
        if len(self.data) == WORD:
            self.program()
        else:
            self.flash.show()

    def program(self) -> None:
        """Program what was gathered; bytes that were not given stay erased (FW)."""
        flash, bus, address = self.flash, self.flash.host.bus, self.word_address
        old = bus.peek(address, WORD)
        new = bytes(self.data.get(n, 0xFF) for n in range(WORD))
        content = bytes(was & now for was, now in zip(old, new, strict=True))
        if (address in self.programmed or old != b"\xff" * WORD) and old != new:
            self.damage.spoil(address, WORD)
        self.programmed.add(address)
        self.drop()
        left = bytes(was & (now | 0x55) for was, now in zip(old, content, strict=True))
        flash.begin(flash.plan.program, 1, address, lambda: self._tear(address, old, left))
        bus.patch(address, content)

    def wipe(self, start: int, length: int) -> Callable[[], None]:
        """Erase; the result makes of it an erase that was interrupted."""
        bus = self.flash.host.bus
        old = bus.peek(start, length)
        left = bytes(byte | 0xAA for byte in old)
        self.programmed = {at for at in self.programmed if not start <= at < start + length}
        bus.patch(start, b"\xff" * length)
        self.damage.heal(start, length)
        return lambda: self._tear(start, old, left)

    def _tear(self, address: int, old: bytes, left: bytes) -> None:
        self.flash.host.bus.patch(address, left)
        self.torn(address, old, left)


class OneTimeArea:
    """One-time programmable half-words; programming them is not modelled, as it could never be undone."""

    def busy_until(self) -> int:
        """See FlashController."""
        return 0

    def flash_write(self, address: int, value: int, width: int) -> None:
        """See FlashController."""
        raise Unmodelled(f"FLASH: programming OTP at 0x{address:08X} (0x{value:X}, {width} bytes)")
