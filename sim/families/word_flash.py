"""The flash controller of the STM32H74x and H75x (RM0433 4): words of 256 bits with ECC, one register set per bank.

SR is read-only; its flags are cleared through CCR. A word that is programmed without having been erased keeps the
bits that both contents have and is no longer what its ECC says: DBECCERR and a bus error when it is read. A second word
waits on the bus until the first is programmed; silicon takes one ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..bus import Unmodelled
from ..chip import ChipModel, FlashBank
from ..clock import Event
from ..flash_unit import check_pages
from ..fpec import KeySequence
from .family import FlashHost
from .strict import StrictShadow
from .word_bank import BANK, WordBank

__all__ = ["WordFlash", "WordPlan", "WordTiming"]

# option registers
OPTLOCK, OPTSTART, SWAP = 1 << 0, 1 << 1, 1 << 31
OPTSR_FACTORY, OPTSR_MASK = 0x13C6_AAF0, 0xA7FE_FFFC
IWDG_SOFTWARE = 1 << 4
OPTION_KEYS = (0x0819_2A3B, 0x4C5D_6E7F)
ACR_RESET, ACR_MASK = 0x37, 0x3F
SHARED = {"ACR": 0x00, "OPTKEYR": 0x08, "OPTCR": 0x18, "OPTSR_CUR": 0x1C, "OPTSR_PRG": 0x20, "OPTCCR": 0x24}
CONSTANTS = {0x28: 0xFF, 0x2C: 0xFF, 0x30: 0xFF, 0x34: 0xFF, 0x40: 0x1FF0_0800, 0x44: 0x1FF0_0800, 0x60: 0}


@dataclass(frozen=True)
class WordTiming:
    """Typical times in ps by PSIZE (x8, x16, x32, x64): a flash word, a sector, a bank."""

    program: tuple[int, int, int, int]
    sector: tuple[int, int, int, int]
    bank: tuple[int, int, int, int]


@dataclass(frozen=True)
class WordPlan:
    """One member of the family."""

    timing: WordTiming
    base: int = 0x5200_2000
    irq: int = 4
    option_time: int = 250_000_000_000


class WordFlash(StrictShadow):
    """The shared registers; one :class:`WordBank` per bank has the rest."""

    name = "FLASH"
    size = 0x400
    open_lock_refuses_keys = False

    def __init__(self, plan: WordPlan, chip: ChipModel, host: FlashHost) -> None:
        super().__init__()
        self.plan, self.chip, self.host = plan, chip, host
        self.base = plan.base
        self.banks = [WordBank(self, index, bank) for index, bank in enumerate(chip.banks)]
        self.option_keys = KeySequence(*OPTION_KEYS)
        self.stored = OPTSR_FACTORY
        self.active = self.requested = self.stored
        self.options_locked = True
        self.acr = ACR_RESET
        self._storing: Event | None = None
        shared: dict[str, Callable[[int], None]] = {
            "ACR": self._write_acr,
            "OPTKEYR": self._write_option_key,
            "OPTCR": self._write_option_control,
            "OPTSR_CUR": _ignore,
            "OPTSR_PRG": self._write_options,
            "OPTCCR": _ignore,
        }
        self._writers: dict[int, Callable[[int], None]] = {}
        for bank in self.banks:
            for name, offset in SHARED.items():
                self._writers[offset + bank.shift] = shared[name]
            self._writers |= {BANK[name] + bank.shift: write for name, write in bank.writers.items()}

    # --- what the chip asks

    def controller(self, bank: FlashBank) -> WordBank:
        """See FamilyFlash."""
        return self.banks[self.chip.banks.index(bank)]

    def map_memories(self) -> None:
        """See FamilyFlash: the option bytes are only in registers."""

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """See FamilyFlash; ``protected`` are ranges of sectors, 8 in each bank."""
        self.stored = self.stored & ~0xFF00 | (0x5500 if rdp else 0xAA00)
        if iwdg_hardware:
            self.stored &= ~IWDG_SOFTWARE
        for first, last in protected:
            check_pages(self.chip, first, last, sum(bank.sectors for bank in self.banks))
            for sector in range(first, last + 1):
                bank = self.banks[sector // self.banks[0].sectors]
                bank.stored_protection &= ~(1 << sector % self.banks[0].sectors)

    @property
    def hardware_iwdg(self) -> bool:
        """See FamilyFlash."""
        return not self.active & IWDG_SOFTWARE

    @property
    def boots_system_memory(self) -> bool:
        """See FamilyFlash."""
        return False

    @property
    def level(self) -> int:
        """Readout protection: 0, 1 or 2."""
        return {0xAA: 0, 0xCC: 2}.get(self.active >> 8 & 0xFF, 1)

    @property
    def hides_flash(self) -> bool:
        """See FlashUnit."""
        return self.level > 0

    @property
    def debug_disabled(self) -> bool:
        """See FlashUnit."""
        return self.level == 2

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        """See FlashUnit."""
        del writing
        return max((bank.busy_until() for bank in self.banks if bank.holds(address, length)), default=0)

    # --- resets

    def power_on(self) -> None:
        """Power-on reset: options are loaded."""
        self.load()
        self.reset()

    def load(self) -> None:
        """Put the stored options into force."""
        self.active = self.requested = self.stored
        for bank in self.banks:
            bank.protection = bank.requested_protection = bank.stored_protection

    def reset(self) -> None:
        """System reset: operations under way are torn."""
        if self._storing is not None:
            self._storing.cancel()
            self._storing = None
        self.option_keys.reset()
        self.options_locked = True
        self.acr = ACR_RESET
        self.load()
        for bank in self.banks:
            bank.reset()
            for offset, value in CONSTANTS.items():
                self.publish(offset + bank.shift, value)
        self.show()

    def show(self) -> None:
        """Publish the shared registers, in both places."""
        control = (OPTLOCK if self.options_locked else 0) | (OPTSTART if self._storing is not None else 0)
        busy = 1 if self._storing is not None else 0
        words = {"ACR": self.acr, "OPTCR": control, "OPTSR_CUR": self.active | busy, "OPTSR_PRG": self.requested}
        words |= {"OPTKEYR": 0, "OPTCCR": 0}
        for bank in self.banks:
            for name, value in words.items():
                self.publish(SHARED[name] + bank.shift, value)

    # --- registers

    def write(self, offset: int, value: int, width: int) -> None:
        """Whole words."""
        writer = self._writers.get(offset)
        if writer is None or width != 4:
            raise Unmodelled(f"FLASH: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        writer(value)

    def _write_acr(self, value: int) -> None:
        self.acr = value & ACR_MASK
        self.show()

    def _write_option_key(self, value: int) -> None:
        if self.options_locked and self.option_keys.offer(value):
            self.options_locked = False
        elif not self.options_locked:
            self.option_keys.locked_out = self.options_locked = True
        self.show()

    def _write_option_control(self, value: int) -> None:
        if self.options_locked or self._storing is not None:
            return
        if value & OPTLOCK:
            self.option_keys.reset()
            self.options_locked = True
        elif value & 1 << 4:
            raise Unmodelled("FLASH: OPTCR.MER, the erase of both banks")
        elif value & OPTSTART:
            self._store_options()
        self.show()

    def _write_options(self, value: int) -> None:
        if self.options_locked:
            return
        if value & SWAP:
            raise Unmodelled("FLASH: swapped banks")
        self.requested = self.requested & ~OPTSR_MASK | value & OPTSR_MASK
        self.show()

    def _store_options(self) -> None:
        if self.level == 2:
            return
        leaving = self.level == 1 and self.requested >> 8 & 0xFF == 0xAA
        due = self.host.clock.now + self.plan.option_time + (self.plan.timing.bank[3] if leaving else 0)
        self._storing = self.host.clock.at(due, self._options_stored)
        if leaving:
            for bank in self.banks:
                self.host.bus.patch(bank.base, b"\xff" * bank.size)

    def _options_stored(self) -> None:
        self._storing = None
        self.stored = self.requested
        for bank in self.banks:
            bank.stored_protection = bank.requested_protection
            bank.show()
        self.load()
        self.show()
        for bank in self.banks:
            bank.show()


def _ignore(_: int) -> None:
    return
