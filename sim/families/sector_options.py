"""Option bytes of the STM32F4 and its relatives (RM0090 3.7): OPTCR and OPTCR1, stored by OPTSTRT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..bus import Unmodelled
from ..flash_unit import check_pages
from .words import Word

if TYPE_CHECKING:
    from .sector_flash import SectorFlash

__all__ = ["SectorOptionPlan", "SectorOptions"]

OPTLOCK, OPTSTRT, WDG_SW = 1 << 0, 1 << 1, 1 << 5
LEVEL_0, LEVEL_2 = 0xAA, 0xCC
WRPERR = 1 << 4


@dataclass(frozen=True)
class SectorOptionPlan:
    """``registers`` with their factory values, OPTCR first.

    ``write_protection``: register, first bit and count of nWRP bits, in the order of the sectors. ``memory``: where
    the bytes are read as memory, as (address, register, shift) of each half-word.
    """

    registers: dict[str, Word]
    write_protection: tuple[tuple[str, int, int], ...]
    memory: tuple[tuple[int, str, int], ...]
    refuse: tuple[tuple[str, int, int], ...] = ()  # (register, bits, value): what must not be stored otherwise
    software_watchdog: int = WDG_SW
    sectors_per_bit: int = 1
    time: int = 250_000_000_000


class SectorOptions:
    """Content and programming; what was stored is in force at once, but for what only a reset looks at."""

    def __init__(self, plan: SectorOptionPlan, flash: SectorFlash) -> None:
        self.plan, self.flash = plan, flash
        self.stored = {name: word.reset for name, word in plan.registers.items()}
        self.active = dict(self.stored)
        self.shown = dict(self.stored)
        self.locked = True
        self._storing: dict[str, int] | None = None
        self._names = {word.offset: name for name, word in plan.registers.items()}

    def map_memories(self) -> None:
        """Put the bytes on the bus."""
        pages = sorted({address & ~0xF for address, _, _ in self.plan.memory})
        for base in pages:
            self.flash.host.bus.add_rom("option bytes", base, b"\xff" * 16)

    def manufacture(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """Give the options the values a test wants; ``protected`` are ranges of sectors."""
        self.stored["OPTCR"] = self.stored["OPTCR"] & ~0xFF00 | (0x55 if rdp else LEVEL_0) << 8
        if iwdg_hardware:
            self.stored["OPTCR"] &= ~self.plan.software_watchdog
        count = sum(len(bank.sectors) for bank in self.flash.banks)
        for first, last in protected:
            check_pages(self.flash.chip, first, last, count)
            for sector in range(first, last + 1):
                register, bit = self._protection_bit(sector)
                self.stored[register] &= ~(1 << bit)
        self._write_memory()

    def _protection_bit(self, sector: int) -> tuple[str, int]:
        left = sector // self.plan.sectors_per_bit
        for register, first, count in self.plan.write_protection:
            if left < count:
                return register, first + left
            left -= count
        register, first, count = self.plan.write_protection[-1]
        return register, first + count - 1

    def _write_memory(self) -> None:
        for address, register, shift in self.plan.memory:
            self.flash.host.bus.patch(address, (self.stored[register] >> shift & 0xFFFF).to_bytes(2, "little"))

    # --- what is in force

    def load(self) -> None:
        """Power-on: the stored values come into force, the protection level among them."""
        for name, bits, value in self.plan.refuse:
            if self.stored[name] & bits != value:
                raise Unmodelled(f"FLASH: {name} = 0x{self.stored[name]:08X} asks for what is not modelled")
        self.active = dict(self.stored)
        self._write_memory()

    def reset(self) -> None:
        """System reset."""
        self.locked = True
        self._storing = None
        level = self.active["OPTCR"] & 0xFF00
        self.load()
        self.active["OPTCR"] = self.active["OPTCR"] & ~0xFF00 | level  # the level changes with power (RM0090 3.7.3)
        self.shown = dict(self.stored)
        self.show()

    @property
    def level(self) -> int:
        """Readout protection: 0, 1 or 2."""
        return {LEVEL_0: 0, LEVEL_2: 2}.get(self.active["OPTCR"] >> 8 & 0xFF, 1)

    @property
    def hardware_iwdg(self) -> bool:
        """The independent watchdog starts by itself at reset."""
        return not self.active["OPTCR"] & self.plan.software_watchdog

    def protects(self, sector: int) -> bool:
        """Report whether a sector refuses program and erase."""
        if self.level == 1 and self.flash.host.debug_active():
            return True
        register, bit = self._protection_bit(sector)
        return not self.active[register] >> bit & 1

    # --- registers

    def has(self, offset: int) -> bool:
        """Report whether an option register is there."""
        return offset in self._names

    def show(self) -> None:
        """Publish the registers."""
        for name, word in self.plan.registers.items():
            value = self.shown[name] & ~(OPTLOCK | OPTSTRT) if name == "OPTCR" else self.shown[name]
            if name == "OPTCR":
                value |= (OPTLOCK if self.locked else 0) | (OPTSTRT if self._storing is not None else 0)
            self.flash.publish(word.offset, value)

    def unlock(self) -> None:
        """Clear OPTLOCK, after the right keys."""
        self.locked = False
        self.show()

    def lock(self) -> None:
        """Set OPTLOCK."""
        self.locked = True
        self.show()

    def write(self, offset: int, value: int, width: int) -> None:
        """Write an option register; nothing while locked."""
        self.flash.settle()
        if self.locked:
            return
        name = self._names[offset & ~3]
        word = self.plan.registers[name]
        if width != 4:
            shift = offset % 4 * 8
            lanes = ((1 << width * 8) - 1) << shift
            value = self.shown[name] & ~lanes | value << shift & lanes
        self.shown[name] = word.reset & ~word.mask | value & word.mask
        if name == "OPTCR" and value & OPTLOCK:
            self.flash.option_keys.reset()
            self.locked = True
        elif name == "OPTCR" and value & OPTSTRT:
            self._start()
        self.show()

    def _start(self) -> None:
        for name, bits, value in self.plan.refuse:
            if self.shown[name] & bits != value:
                raise Unmodelled(f"FLASH: {name} = 0x{self.shown[name]:08X} asks for what is not modelled")
        if self.level == 2:
            self.flash.fail(WRPERR)
            return
        self._storing = dict(self.shown)
        leaving = self.level == 1 and self.shown["OPTCR"] >> 8 & 0xFF == LEVEL_0
        duration = self.plan.time + (self.flash.plan.timing.bank[2] if leaving else 0)
        self.flash.begin(duration, lambda: None, tuple(range(len(self.flash.banks))))
        if leaving:
            self.flash.mass_erase_all()

    def finished(self) -> None:
        """An operation of the flash has ended; if it stored options, they are in force now."""
        if self._storing is None:
            return
        level = self.active["OPTCR"] & 0xFF00
        leaving = self._storing["OPTCR"] & 0xFF00 == LEVEL_0 << 8
        self.stored, self._storing = self._storing, None
        self.active = dict(self.stored)
        if not leaving:
            self.active["OPTCR"] = self.active["OPTCR"] & ~0xFF00 | level
        self._write_memory()
        self.show()
