"""One bank of an STM32L4's flash: gathers the words of a unit, programs it, keeps the order of a fast row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..bus import Unmodelled
from ..chip import FlashBank
from ..damage import Damage, EccArray
from .ecc_plan import (
    BLOCKING,
    FAST_LIMIT,
    FASTERR,
    FSTPG,
    LOCK,
    MISERR,
    PER,
    PG,
    PGAERR,
    PGSERR,
    PROGERR,
    SIZERR,
    WRPERR,
)

if TYPE_CHECKING:
    from .ecc_flash import EccFlash

__all__ = ["EccBank", "OneTimeArea"]


class EccBank(EccArray):
    """One bank. Gathers the words of a unit and programs it. Is the bus's FlashController for the array."""

    def __init__(self, flash: EccFlash, index: int, bank: FlashBank) -> None:
        self.flash, self.index = flash, index
        self.base, self.size, self.page = bank.base, bank.size, bank.page
        self.pages = bank.size // bank.page
        self.mass_erased = False
        self.damage = Damage(flash.plan.unit, lambda address: flash.report.met(self, address))
        self.drop()

    def drop(self) -> None:
        """Forget the words of a unit that is not complete, and a row."""
        self.unit_address = 0
        self.words = b""
        self.row_next = 0
        self.row_start = 0

    @property
    def waiting(self) -> bool:
        """True between the first and the last word of a unit."""
        return bool(self.words)

    def holds(self, address: int, length: int) -> bool:
        """Report whether any of these bytes is in this bank, or in its alias at 0."""
        low = self.flash.chip.flash_base
        return any(address < base + self.size and address + length > base for base in (self.base, self.base - low))

    def busy_until(self) -> int:
        """See FlashController."""
        return self.flash.busy_until(self.index)

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Take one word of a unit: RM0351 3.3.7."""
        flash = self.flash
        flash.settle()
        if address >= flash.chip.flash_at_secure > 0:
            raise Unmodelled(f"FLASH: a store through the secure alias, to 0x{address:08X}")
        if address < self.base:
            address += flash.chip.flash_base  # through the alias at 0
        control = flash.control
        wrong = control & (LOCK | PER | sum(flash.plan.mass_bits)) or not control & (PG | FSTPG)
        if wrong or flash.flags & BLOCKING:
            flash.fail(PGSERR)
        elif width != 4:
            flash.fail(SIZERR)
        elif flash.options.protects(self.index, (address - self.base) // self.page):
            flash.fail(WRPERR)
        elif control & FSTPG and not self._row_goes_on(address):
            return
        else:
            self._gather(address, value)

    def _gather(self, address: int, value: int) -> None:
        flash, (unit, _) = self.flash, self._unit()
        if not self.words:
            self.unit_address = address
        if self.unit_address % unit or address != self.unit_address + len(self.words):
            flash.fail(PGAERR)
            return
        self.words += value.to_bytes(4, "little")
        if len(self.words) < unit:
            flash.show()
            return
        data, self.words = self.words, b""
        self._program(self.unit_address, data)

    def _unit(self) -> tuple[int, int]:
        """Bytes that are programmed in one go, and the picoseconds it takes."""
        plan, control = self.flash.plan, self.flash.control
        if plan.burst is not None and control & plan.burst[0]:
            return plan.burst[1:]
        return plan.unit, plan.timing.fast if control & FSTPG else plan.timing.program

    def _program(self, address: int, data: bytes) -> None:
        flash = self.flash
        old = flash.host.bus.peek(address, len(data))
        if old != b"\xff" * len(data) and any(data):
            flash.fail(PROGERR)
            return
        fast = bool(flash.control & FSTPG)
        left = bytes(was & (byte | 0x55) for was, byte in zip(old, data, strict=True))
        if not fast:
            self.mass_erased = False
        flash.begin(self._unit()[1], lambda: self._tear(address, old, left), self.index)
        flash.host.bus.patch(address, data)
        self.damage.heal(address, len(data))

    def wipe(self, start: int, length: int) -> Callable[[], None]:
        """Erase; the result makes of it an erase that was interrupted."""
        bus = self.flash.host.bus
        old = bus.peek(start, length)
        left = bytes(byte | 0xAA for byte in old)
        bus.patch(start, b"\xff" * length)
        self.damage.heal(start, length)
        return lambda: self._tear(start, old, left)

    def _tear(self, address: int, old: bytes, left: bytes) -> None:
        self.flash.host.bus.patch(address, left)
        if self.flash.report.exists:
            self.torn(address, old, left)

    def _row_goes_on(self, address: int) -> bool:
        """Judge the order and the pace of a fast row (RM0351 3.3.8)."""
        flash, now = self.flash, self.flash.host.clock.now
        if not self.mass_erased:
            flash.fail(PGSERR)
        elif not self.row_next and address % flash.plan.row:
            flash.fail(PGAERR)
        elif self.row_next and address != self.row_next:
            flash.fail(PGAERR | FASTERR)
        elif self.row_next and not flash.busy and not self.words:
            flash.fail(MISERR | FASTERR)  # the last unit was done before this one came
        elif self.row_next and now - self.row_start > FAST_LIMIT:
            flash.fail(FASTERR)
        else:
            self.row_start = self.row_start or now
            self.row_next = address + 4
            if not self.row_next % flash.plan.row:
                self.row_next = self.row_start = 0
            return True
        return False


class OneTimeArea:
    """One-time programmable units: any unit with a 0 bit keeps its value for ever."""

    def __init__(self, flash: EccFlash) -> None:
        self.flash = flash

    def busy_until(self) -> int:
        """See FlashController."""
        return self.flash.busy_until(0)

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Not modelled: it could never be undone."""
        raise Unmodelled(f"FLASH: programming OTP at 0x{address:08X} (0x{value:X}, {width} bytes)")
