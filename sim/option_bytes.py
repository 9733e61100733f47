"""The option bytes of the STM32F1 at 0x1FFFF800 (PM0075 section 2.5): bytes with complements, loaded at reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bus import BusFault

if TYPE_CHECKING:
    from .fpec import FlashBankController, Fpec

__all__ = ["OptionBytes"]

BASE = 0x1FFF_F800
SIZE = 16
RDP_KEY = 0xA5
WDG_SW = 0x01  # USER byte, bit 0: 1 = the watchdog is started by software

# FLASH_CR bits that concern option bytes (PM0075 3.5); kept beside the ones in fpec.py, which owns the register.
_OPTPG, _LOCK, _OPTWRE, _OPERATIONS = 0x10, 0x80, 0x200, 0x37


class OptionBytes:
    """Content, loading and programming. Is the bus's FlashController for the option area."""

    key = RDP_KEY  # what means "not protected"

    def __init__(self, fpec: Fpec) -> None:
        self.fpec = fpec
        self.read_protected = False
        self.write_protection = 0xFFFF_FFFF
        self.user = 0xFF

    @classmethod
    def factory(cls, *, rdp: bool, user: int, write_protection: int) -> bytes:
        """Return the 16 bytes of the area: RDP, USER, DATA0, DATA1, WRP0 to WRP3, each with its complement."""
        values = [0x00 if rdp else cls.key, user, 0xFF, 0xFF, *write_protection.to_bytes(4, "little")]
        return b"".join(bytes([value, value ^ 0xFF]) for value in values)

    def load(self) -> tuple[int, int]:
        """Read the area as the loader does at reset; return FLASH_OBR and FLASH_WRPR.

        A byte that does not match its complement counts as 0xFF and sets OPTERR (PM0075 2.5.3). An erased pair
        (FF FF) is such a mismatch in value only: it sets OPTERR too.
        """
        raw = self.fpec.host.bus.peek(BASE, SIZE)
        values, error = [], 0
        for value, complement in zip(raw[::2], raw[1::2], strict=True):
            good = value ^ complement == 0xFF
            error |= not good
            values.append(value if good else 0xFF)
        rdp, self.user, data0, data1 = values[:4]
        self.read_protected = rdp != self.key
        self.write_protection = int.from_bytes(bytes(values[4:]), "little")
        obr = error | self.read_protected << 1 | self.user << 2 | data0 << 10 | data1 << 18
        return obr, self.write_protection

    @property
    def hardware_watchdog(self) -> bool:
        """Report whether the independent watchdog starts by itself at reset."""
        return not self.user & WDG_SW

    # --- FlashController of the option area

    def busy_until(self) -> int:
        """See FlashController: the area is part of bank 1."""
        return self.fpec.banks[0].busy_until()

    def flash_write(self, address: int, value: int, width: int) -> None:
        """Program one option byte: the low byte counts, the complement is made by the controller (PM0075 2.5.2)."""
        bank = self.fpec.banks[0]
        control = bank.control
        if control & _LOCK or not control & _OPTWRE or control & _OPERATIONS != _OPTPG:
            raise BusFault(address, "the option bytes are not in programming mode")
        if width != 2:
            raise BusFault(address, f"the option bytes take half-words only, not {width} bytes")
        index = (address - BASE) // 2
        value &= 0xFF
        leaving = index == 0 and value == self.key and self.read_protected
        bus = self.fpec.host.bus
        if bus.peek(address, 2) != b"\xff\xff":
            bank.refuse_programmed()
            return
        duration = bank.timing.program
        if leaving:
            self.fpec.mass_erase_all()
            duration += bank.timing.erase_all
        bank.begin(duration, lambda: bus.patch(address, bytes([value, 0xFF])))
        bus.patch(address, bytes([value, value ^ 0xFF]))

    def erase(self, bank: FlashBankController) -> None:
        """Erase the whole area (OPTER and STRT); read protection is then on until RDP is programmed."""
        bus = self.fpec.host.bus
        old = bus.peek(BASE, SIZE)
        bank.begin(bank.timing.erase_page, lambda: bus.patch(BASE, old))
        bus.patch(BASE, b"\xff" * SIZE)
