"""The flash controller of the STM32H5 (RM0481 7): quad-words with ECC, one register set for both banks.

As on the H7, SR is read-only, its flags are cleared through CCR, and a quad-word that is programmed without having
been erased keeps the bits that both contents have and is no longer what its ECC says: ECCDETR.ECCD and an NMI when it
is read.
OPSR tells after a reset which operation it interrupted, and where.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..bus import Unmodelled
from ..chip import ChipModel, FlashBank
from ..errors import SelectorError
from ..flash_unit import check_pages
from ..fpec import KeySequence
from .family import FlashHost
from .operation import Operation
from .quad_bank import BER, FW, LOCK, MER, PG, PGSERR, SER, STRT, WRPERR, OneTimeArea, QuadBank
from .strict import StrictShadow

__all__ = ["QuadFlash", "QuadPlan"]

ACR, KEYR, OPTKEYR, OPSR, OPTCR, SR, CR, CCR = 0x00, 0x04, 0x0C, 0x18, 0x1C, 0x20, 0x28, 0x30
OPTSR_CUR, OPTSR_PRG, OPTSR2_CUR, OPTSR2_PRG, ECCDETR = 0x50, 0x54, 0x70, 0x74, 0x104
PROTECTION = ((0xE8, 0xEC), (0x1E8, 0x1EC))  # WRPxR_CUR and _PRG of each bank
ACR_RESET, ACR_MASK = 0x13, 0x13F
BSY, WBNE, EOP = 1 << 0, 1 << 1, 1 << 16
FLAGS = 0x00FF_0000
BLOCKING = FLAGS & ~EOP
BKSEL, EOPIE = 1 << 31, 1 << 16
SNB_SHIFT, SNB_MASK = 6, 0x7F
CR_MASK = PG | SER | BER | SNB_MASK << SNB_SHIFT | MER | FLAGS | BKSEL
OPTLOCK, OPTSTRT, SWAP = 1 << 0, 1 << 1, 1 << 31
OPTSR_FACTORY, OPTSR_MASK = 0x2D30_EDF8, 0xBFF3_FFDF
PRODUCT_STATE, IWDG_SOFTWARE = 0xFF << 8, 1 << 3
OPTSR2_FACTORY, OPTSR2_MASK, TZEN = 0xC300_0034, 0xFF00_017C, 0xFF << 24
KEYS, OPTION_KEYS = (0x4567_0123, 0xCDEF_89AB), (0x0819_2A3B, 0x4C5D_6E7F)
SECTORS_PER_BIT = 4
ECCD, BANK_OF_ECC = 1 << 31, 1 << 22
BANK_OF_OPERATION = 1 << 22
CODE_PROGRAM, CODE_SECTOR, CODE_BANK, CODE_MASS, CODE_OPTIONS = 1, 3, 4, 5, 6
CONSTANTS = {
    **dict.fromkeys((0x08, 0x10, 0x14, 0x24, 0x2C, 0x34, 0x3C, 0x48, 0x60, 0x68, 0x90, 0x94, 0x100, 0x108), 0),
    **dict.fromkeys((0x40, 0x44), 0x01FF_0000),
    **dict.fromkeys((0x80, 0x84), 0x0800_00C3),
    **dict.fromkeys((0x88, 0x8C), 0x0C00_00C3),
    **dict.fromkeys((0xE0, 0xE4, 0xF8, 0xFC, 0x1E0, 0x1E4, 0x1F8, 0x1FC), 0x0000_007F),
    **dict.fromkeys((0xF0, 0xF4, 0x1F0, 0x1F4), 0),
}
"""Registers of secure state, option keys, boot addresses, hidden areas: nothing of it is switched on."""
DEAD = (0x08, 0x24, 0x2C, 0x34, 0x100)
"""Secure registers, which ignore writes while TrustZone is off, and the one of corrected errors."""


@dataclass(frozen=True)
class QuadPlan:
    """Typical times in ps; the array's interrupt."""

    program: int
    sector: int
    bank: int
    options: int
    irq: int
    one_time: tuple[int, int]
    base: int = 0x4002_2000


class QuadFlash(StrictShadow):
    """The register block and the operations; one :class:`QuadBank` per bank takes the stores."""

    name = "FLASH"
    size = 0x400
    open_lock_refuses_keys = False

    def __init__(self, plan: QuadPlan, chip: ChipModel, host: FlashHost) -> None:
        super().__init__()
        self.plan, self.chip, self.host = plan, chip, host
        self.base = plan.base
        self.banks = [QuadBank(self, index, bank) for index, bank in enumerate(chip.banks)]
        self.keys, self.option_keys = KeySequence(*KEYS), KeySequence(*OPTION_KEYS)
        self.stored = self.active = self.requested = OPTSR_FACTORY
        self.requested2 = OPTSR2_FACTORY
        self.stored_protection = [0xFFFF_FFFF for _ in self.banks]
        self.protection, self.requested_protection = list(self.stored_protection), list(self.stored_protection)
        self.flags, self.control, self.acr = 0, LOCK, ACR_RESET
        self.options_locked = True
        self.spoilt = self.interrupted = 0
        self.operation = Operation(host.clock, self._finish)
        self._busy_banks: tuple[int, ...] = ()
        self._doing = 0
        self._at_end: Callable[[], None] = _nothing
        self._writers: dict[int, Callable[[int], None]] = {
            ACR: self._write_acr,
            KEYR: self._write_key,
            OPTKEYR: self._write_option_key,
            OPTCR: self._write_option_control,
            SR: _ignore,
            CR: self._write_control,
            CCR: self._clear,
            OPSR: _ignore,
            OPTSR_CUR: _ignore,
            OPTSR2_CUR: _ignore,
            OPTSR_PRG: self._write_options,
            OPTSR2_PRG: self._write_options2,
            ECCDETR: self._clear_ecc,
        }
        self._writers |= dict.fromkeys(DEAD, _ignore)
        for index, (current, wanted) in enumerate(PROTECTION):
            self._writers |= {current: _ignore, wanted: self._protection_writer(index)}

    # --- what the chip asks

    def controller(self, bank: FlashBank) -> QuadBank:
        """See FamilyFlash."""
        return self.banks[self.chip.banks.index(bank)]

    def map_memories(self) -> None:
        """See FamilyFlash: the option bytes are only in registers."""
        base, size = self.plan.one_time
        self.host.bus.add_flash("OTP", base, size, OneTimeArea())

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """See FamilyFlash; four sectors share a bit of protection."""
        if rdp:
            raise SelectorError(f"The {self.chip.name} has product states in place of rdp=1; only Open is modelled.")
        if iwdg_hardware:
            self.stored &= ~IWDG_SOFTWARE
        for first, last in protected:
            check_pages(self.chip, first, last, sum(bank.sectors for bank in self.banks))
            for sector in range(first, last + 1):
                index, number = divmod(sector, self.banks[0].sectors)
                self.stored_protection[index] &= ~(1 << number // SECTORS_PER_BIT)

    @property
    def hardware_iwdg(self) -> bool:
        """See FamilyFlash."""
        return not self.active & IWDG_SOFTWARE

    @property
    def boots_system_memory(self) -> bool:
        """See FamilyFlash."""
        return False

    @property
    def hides_flash(self) -> bool:
        """See FlashUnit."""
        return False

    @property
    def debug_disabled(self) -> bool:
        """See FlashUnit."""
        return False

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        """See FlashUnit."""
        del writing
        return max((bank.busy_until() for bank in self.banks if bank.holds(address, length)), default=0)

    # --- resets

    def power_on(self) -> None:
        """Power-on reset: nothing was interrupted that could be told of."""
        self.reset()
        self.interrupted = 0
        self.show()

    def reset(self) -> None:
        """System reset: an operation under way is torn, and OPSR says which; the options are loaded."""
        self.interrupted = self._doing if self.operation.busy else 0
        self.operation.abort()
        self._busy_banks = ()
        self.keys.reset()
        self.option_keys.reset()
        self.options_locked = True
        self.flags, self.control, self.acr, self.spoilt = 0, LOCK, ACR_RESET, 0
        self.requested2 = OPTSR2_FACTORY
        self._load()
        self.host.nmi(False)
        for bank in self.banks:
            bank.drop()
        for offset, value in CONSTANTS.items():
            self.publish(offset, value)
        self.show()

    def _load(self) -> None:
        self.active = self.requested = self.stored
        self.protection, self.requested_protection = list(self.stored_protection), list(self.stored_protection)

    def show(self) -> None:
        """Publish what is not constant."""
        busy = (BSY if self.operation.busy else 0) | (WBNE if any(bank.data for bank in self.banks) else 0)
        words = {ACR: self.acr, KEYR: 0, OPTKEYR: 0, SR: self.flags | busy, CR: self.control, CCR: 0}
        words |= {OPSR: self.interrupted, OPTCR: OPTLOCK if self.options_locked else 0, ECCDETR: self.spoilt}
        words |= {OPTSR_CUR: self.active, OPTSR_PRG: self.requested}
        words |= {OPTSR2_CUR: OPTSR2_FACTORY, OPTSR2_PRG: self.requested2}
        for index, (current, wanted) in enumerate(PROTECTION):
            words |= {current: self.protection[index], wanted: self.requested_protection[index]}
        for offset, value in words.items():
            self.publish(offset, value)

    # --- registers

    def write(self, offset: int, value: int, width: int) -> None:
        """Whole words."""
        writer = self._writers.get(offset)
        if writer is None or width != 4:
            raise Unmodelled(f"FLASH: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        writer(value)
        self.show()

    def _write_acr(self, value: int) -> None:
        self.acr = value & ACR_MASK

    def _write_key(self, value: int) -> None:
        if not self.control & LOCK:
            self.keys.locked_out = True  # keys to an open lock are a wrong sequence
            self.control |= LOCK
        elif self.keys.offer(value):
            self.control &= ~LOCK

    def _write_option_key(self, value: int) -> None:
        if not self.options_locked:
            self.option_keys.locked_out = self.options_locked = True
        elif self.option_keys.offer(value):
            self.options_locked = False

    def _clear(self, value: int) -> None:
        self.flags &= ~(value & FLAGS)

    def _clear_ecc(self, value: int) -> None:
        if value & ECCD:
            self.spoilt &= ~ECCD
            self.host.nmi(False)

    def _write_control(self, value: int) -> None:
        self.settle()
        if self.control & LOCK or self.operation.busy:
            return
        self.control = value & CR_MASK
        if value & LOCK:
            self.keys.reset()
            self.control |= LOCK
        if not value & PG or value & LOCK:
            for bank in self.banks:
                bank.drop()
        if value & LOCK:
            return
        waiting = next((bank for bank in self.banks if bank.data), None)
        if value & FW and waiting is not None:
            waiting.program()
        elif value & STRT:
            self._erase()

    # --- option bytes

    def _write_options(self, value: int) -> None:
        if not self.options_locked:
            self.requested = self.requested & ~OPTSR_MASK | value & OPTSR_MASK

    def _write_options2(self, value: int) -> None:
        if not self.options_locked:
            self.requested2 = self.requested2 & ~OPTSR2_MASK | value & OPTSR2_MASK

    def _protection_writer(self, index: int) -> Callable[[int], None]:
        def write(value: int) -> None:
            if not self.options_locked:
                self.requested_protection[index] = value

        return write

    def _write_option_control(self, value: int) -> None:
        self.settle()
        if self.options_locked or self.operation.busy:
            return
        if value & SWAP:
            raise Unmodelled("FLASH: swapped banks")
        if value & OPTLOCK:
            self.option_keys.reset()
            self.options_locked = True
        elif value & OPTSTRT:
            self._store_options()

    def _store_options(self) -> None:
        if (self.requested ^ OPTSR_FACTORY) & (PRODUCT_STATE | SWAP) or self.requested2 != OPTSR2_FACTORY:
            raise Unmodelled(
                f"FLASH: OPTSR 0x{self.requested:08X}, OPTSR2 0x{self.requested2:08X}: another product state, "
                "TrustZone, swapped banks or ECC of RAM"
            )
        self.begin(self.plan.options, CODE_OPTIONS, 0, _nothing, self._options_stored)

    def _options_stored(self) -> None:
        self.stored, self.stored_protection = self.requested, list(self.requested_protection)
        self._load()

    # --- operations

    @property
    def blocked(self) -> bool:
        """An error flag is set: nothing is begun before it is cleared."""
        return bool(self.flags & BLOCKING)

    def busy_until(self, index: int) -> int:
        """Until when a bank answers neither accesses nor fetches; the other can be read meanwhile."""
        return self.operation.end if index in self._busy_banks else 0

    def settle(self) -> None:
        """See Operation."""
        self.operation.settle()

    def protects(self, index: int, sector: int) -> bool:
        """Report whether a sector refuses program and erase."""
        return not self.protection[index] >> sector // SECTORS_PER_BIT & 1

    def fail(self, flag: int) -> None:
        """Refuse with a flag; the operation does not take place."""
        for bank in self.banks:
            bank.drop()
        self.flags |= flag
        if self.control & flag:  # the interrupt enables stand at the flags' places
            self.host.irq(self.plan.irq)
        self.show()

    def met(self, bank: QuadBank, address: int) -> None:
        """Somebody has read a quad-word that is not what its ECC says: the first one is noted, and told by NMI."""
        if not self.spoilt & ECCD:
            self.spoilt = ECCD | (BANK_OF_ECC if bank.index else 0) | (address - bank.base) // 16 & 0xFFFF
            self.show()
            self.host.nmi(True)

    def begin(
        self,
        duration: int,
        code: int,
        address: int,
        on_abort: Callable[[], None],
        at_end: Callable[[], None] | None = None,
    ) -> None:
        """Be busy; ``code`` and ``address`` are what OPSR tells if a reset comes in between."""
        banks = [bank for bank in self.banks if bank.holds(address, 1)]
        self._busy_banks = tuple(bank.index for bank in (self.banks if code == CODE_MASS else banks))
        place = (address - banks[0].base) // 16 & 0xF_FFFF if banks and code in {CODE_PROGRAM, CODE_SECTOR} else 0
        second = BANK_OF_OPERATION if banks and banks[0].index else 0
        self._doing = code << 29 | second | place
        self._at_end = at_end or _nothing
        self.operation.begin(duration, on_abort)
        self.show()

    def _finish(self) -> None:
        self.control &= ~STRT
        self.flags |= EOP
        self._at_end()
        if self.control & EOPIE:
            self.host.irq(self.plan.irq)
        self.show()

    def _erase(self) -> None:
        control, index = self.control, int(bool(self.control & BKSEL))
        kinds = [bit for bit in (SER, BER, MER) if control & bit]
        bank, number = self.banks[index], control >> SNB_SHIFT & SNB_MASK
        if self.blocked or control & PG or len(kinds) != 1:
            self.fail(PGSERR)
        elif control & SER:
            self._wipe([bank], range(number, number + 1), self.plan.sector, CODE_SECTOR)
        elif control & BER:
            self._wipe([bank], range(bank.sectors), self.plan.bank, CODE_BANK)
        else:
            self._wipe(self.banks, range(bank.sectors), len(self.banks) * self.plan.bank, CODE_MASS)

    def _wipe(self, banks: list[QuadBank], sectors: range, duration: int, code: int) -> None:
        if any(self.protects(bank.index, sector) for bank in banks for sector in sectors):
            self.fail(WRPERR)
            return
        self.control |= STRT
        pieces = [(bank.base + sectors.start * bank.page, len(sectors) * bank.page, bank) for bank in banks]
        torn = [bank.wipe(start, length) for start, length, bank in pieces]

        def tear() -> None:
            for one in torn:
                one()

        self.begin(duration, code, pieces[0][0], tear)


def _nothing() -> None:
    return


def _ignore(_: int) -> None:
    return
