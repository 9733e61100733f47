"""Option bytes of the STM32L4 and its relatives (RM0351 3.4): registers, a stored copy, and what is in force.

A register that was written shows its new value at once; OPTSTRT stores all registers, and only power or OBL_LAUNCH
puts the stored values into force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..bus import Unmodelled
from ..flash_unit import check_pages
from .words import Word

if TYPE_CHECKING:
    from .ecc_flash import EccFlash

__all__ = ["OptionPlan", "ProtectedArea"]

LEVEL_0, LEVEL_2 = 0xAA, 0xCC
WRPERR = 1 << 4
TZEN = 1 << 31  # of OPTR, on chips with TrustZone
_PAGES = 0x7F_007F
_LOCKED = 1 << 31 | 1 << 30  # CR.LOCK, CR.OPTLOCK


@dataclass(frozen=True)
class ProtectedArea:
    """A WRP register: first and last page of an area that refuses program and erase, when first <= last."""

    register: str
    bank: int
    bits: int = 8
    last_shift: int = 16


@dataclass(frozen=True)
class OptionPlan:
    """``registers`` with their factory values; ``stored``: where each is read as memory, with its complement."""

    registers: dict[str, Word]
    areas: tuple[ProtectedArea, ...]
    stored: dict[str, int]
    memory: tuple[tuple[int, int], ...]  # (base, size) of ROM that holds them
    refuse: tuple[tuple[str, int, int], ...] = ()  # (register, bits, value): what must not come into force
    iwdg_software: int = 1 << 16  # bit of OPTR
    watermarks: tuple[str, ...] = ()  # of each bank: first and last secure page, in force with OPTR.TZEN
    time: int = 26_000_000_000  # erase and program of the option page, ps


class EccOptions:
    """Content, loading and programming."""

    def __init__(self, plan: OptionPlan, flash: EccFlash) -> None:
        self.plan, self.flash = plan, flash
        self.stored = {name: word.reset for name, word in plan.registers.items()}
        self.active = dict(self.stored)
        self.shown = dict(self.stored)
        self._names = {word.offset: name for name, word in plan.registers.items()}

    def map_memories(self) -> None:
        """Put the area on the bus."""
        for base, size in self.plan.memory:
            self.flash.host.bus.add_rom("option bytes", base, b"\xff" * size)

    def manufacture(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """Give the options the values a test wants; at most as many ranges as there are areas."""
        self.stored["OPTR"] = self.stored["OPTR"] & ~0xFF | (0xBB if rdp else LEVEL_0)
        if iwdg_hardware:
            self.stored["OPTR"] &= ~self.plan.iwdg_software
        if self.flash.chip.trustzone:
            self.stored["OPTR"] |= TZEN
            for name in self.plan.watermarks:
                self.stored[name] = self.stored[name] & ~_PAGES | _PAGES & 0xFFFF_0000  # all pages are secure
        free = list(self.plan.areas)
        banks = self.flash.banks
        for first, last in protected:
            check_pages(self.flash.chip, first, last, sum(bank.pages for bank in banks))
            for bank in banks:
                start = max(first - bank.index * banks[0].pages, 0)
                end = min(last - bank.index * banks[0].pages, bank.pages - 1)
                if start <= end:
                    area = next(area for area in free if area.bank == bank.index)
                    free.remove(area)
                    word = self.plan.registers[area.register]
                    limits = ((1 << area.bits) - 1) * (1 | 1 << area.last_shift)
                    self.stored[area.register] = word.reset & ~limits | start | end << area.last_shift
        self._write_memory()

    def _write_memory(self) -> None:
        for name, address in self.plan.stored.items():
            value = self.stored[name]
            content = value.to_bytes(4, "little") + (value ^ 0xFFFF_FFFF).to_bytes(4, "little")
            self.flash.host.bus.patch(address, content)

    # --- what is in force

    def load(self) -> None:
        """Put the stored values into force."""
        for name, bits, value in self.plan.refuse:
            expected = value | (TZEN if name == "OPTR" and self.flash.chip.trustzone else 0)
            if self.stored[name] & bits != expected:
                raise Unmodelled(f"FLASH: the option {name} = 0x{self.stored[name]:08X} asks for what is not modelled")
        self.active = dict(self.stored)
        self.shown = dict(self.stored)
        self._write_memory()

    @property
    def level(self) -> int:
        """Readout protection: 0, 1 or 2."""
        return {LEVEL_0: 0, LEVEL_2: 2}.get(self.active["OPTR"] & 0xFF, 1)

    @property
    def hardware_iwdg(self) -> bool:
        """The independent watchdog starts by itself at reset."""
        return not self.active["OPTR"] & self.plan.iwdg_software

    def protects(self, bank: int, page: int) -> bool:
        """Report whether a page refuses program and erase."""
        if self.level == 1 and self.flash.host.debug_active():
            return True
        return any(first <= page <= last for first, last in (*self._areas(bank), *self._secure(bank)))

    def protects_any(self, bank: int, pages: int) -> bool:
        """Report whether any page of a bank does; its mass erase is refused then."""
        areas = (*self._areas(bank), *self._secure(bank))
        return self.protects(bank, pages) or any(first <= last for first, last in areas)

    def _secure(self, bank: int) -> list[tuple[int, int]]:
        """Secure pages refuse what comes from non-secure registers."""
        if not self.plan.watermarks or not self.active["OPTR"] & TZEN:
            return []
        value = self.active[self.plan.watermarks[bank]]
        return [(value & 0x7F, value >> 16 & 0x7F)]

    def _areas(self, bank: int) -> list[tuple[int, int]]:
        found = []
        for area in self.plan.areas:
            if area.bank == bank:
                value, mask = self.active[area.register], (1 << area.bits) - 1
                found.append((value & mask, value >> area.last_shift & mask))
        return found

    # --- registers

    def has(self, offset: int) -> bool:
        """Report whether an option register is there."""
        return offset in self._names

    def show(self) -> None:
        """System reset: the registers show what is in force."""
        self.shown = dict(self.active)
        for name, word in self.plan.registers.items():
            self.flash.publish(word.offset, self.shown[name])

    def write(self, offset: int, value: int) -> None:
        """Write an option register; nothing while locked or busy."""
        if self.flash.control & _LOCKED or self.flash.busy:
            return
        name = self._names[offset]
        word = self.plan.registers[name]
        self.shown[name] = word.reset & ~word.mask | value & word.mask
        self.flash.publish(offset, self.shown[name])

    def start(self) -> None:
        """OPTSTRT: store the registers. Leaving level 1 erases the flash; level 2 is never left."""
        if self.level == 2:
            self.flash.fail(WRPERR)
            return
        old = dict(self.stored)
        self.flash.control |= 1 << 17
        leaving = self.level == 1 and self.shown["OPTR"] & 0xFF == LEVEL_0
        duration = self.plan.time + (self.flash.plan.timing.erase_all if leaving else 0)
        self.stored = dict(self.shown)
        self.flash.begin(duration, lambda: self._abort(old))
        if leaving:
            self.flash.mass_erase_all()
        self._write_memory()

    def _abort(self, old: dict[str, int]) -> None:
        self.stored = old
        self._write_memory()
