"""The flash controller of the STM32F4 and its relatives F2 and F7 (RM0090 3): sectors, widths, no ECC.

A store programs at once, 1 to 0 only, in the width that PSIZE says and the supply allows. While an operation runs,
writes to CR and OPTCR stall the bus, as do accesses to the bank.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..bus import BusFault, Unmodelled
from ..chip import ChipModel, FlashBank
from ..fpec import KeySequence
from .family import FlashHost
from .operation import Operation
from .sector_bank import LOCK, PG, STARVED, WRPERR, OneTimeArea, SectorBank
from .sector_options import SectorOptionPlan, SectorOptions
from .strict import StrictShadow

__all__ = ["SectorFlash", "SectorPlan", "SectorTiming"]

# SR (RM0090 3.9.5)
EOP, OPERR, PGSERR, RDERR, BSY = (1 << n for n in (0, 1, 7, 8, 16))
# CR (RM0090 3.9.7)
SER, MER, MER1, STRT, EOPIE, ERRIE = (1 << n for n in (1, 2, 15, 16, 24, 25))
SNB_SHIFT, PSIZE_SHIFT = 3, 8
SECOND_BANK = 0x10  # of SNB
ICEN, DCEN, ICRST, DCRST = (1 << n for n in (9, 10, 11, 12))
KEYS, OPTION_KEYS = (0x4567_0123, 0xCDEF_89AB), (0x0819_2A3B, 0x4C5D_6E7F)


@dataclass(frozen=True)
class SectorTiming:
    """Typical times in ps. Erase by sector size and bank, each for PSIZE x8, x16, x32."""

    program: int
    sectors: dict[int, tuple[int, int, int]]
    bank: tuple[int, int, int]


@dataclass(frozen=True)
class SectorPlan:
    """One member of the family. ``flags``: bits of SR that exist. ``sector_bits``: width of SNB."""

    acr: tuple[int, int]
    flags: int
    sector_bits: int
    timing: SectorTiming
    options: SectorOptionPlan
    mass_bits: tuple[int, ...] = (MER,)
    registers: tuple[tuple[str, int], ...] = (("ACR", 0), ("KEYR", 4), ("OPTKEYR", 8), ("SR", 0xC), ("CR", 0x10))
    one_time: tuple[int, int] = (0x1FFF_7800, 0x210)
    sequence_error: int = PGSERR
    supply: tuple[float, float, float] = (1.8, 2.1, 2.7)  # volts that PSIZE x8, x16, x32 need (RM0090 3.6.2)
    base: int = 0x4002_3C00
    irq: int = 4


class SectorFlash(StrictShadow):
    """The register block and the operations; one :class:`SectorBank` per bank takes the stores."""

    name = "FLASH"
    size = 0x400
    open_lock_refuses_keys = False

    def __init__(self, plan: SectorPlan, chip: ChipModel, host: FlashHost) -> None:
        super().__init__()
        self.plan, self.chip, self.host = plan, chip, host
        self.base = plan.base
        self.banks = [SectorBank(self, index, bank) for index, bank in enumerate(chip.banks)]
        self.options = SectorOptions(plan.options, self)
        self.keys = KeySequence(*KEYS)
        self.option_keys = KeySequence(*OPTION_KEYS)
        self.flags = 0
        self.control = LOCK
        self.acr = plan.acr[0]
        self.offsets = dict(plan.registers)
        self.operation = Operation(host.clock, self._finish)
        self._active_banks: tuple[int, ...] = ()
        self._control_bits = PG | SER | sum(plan.mass_bits) | 3 << PSIZE_SHIFT | EOPIE | ERRIE
        self._control_bits |= ((1 << plan.sector_bits) - 1) << SNB_SHIFT
        writers = {
            "ACR": self._write_acr,
            "KEYR": self._write_key,
            "OPTKEYR": self._write_option_key,
            "SR": self._write_status,
            "CR": self._write_control,
        }
        self._writers = {self.offsets[name]: write for name, write in writers.items()}

    # --- what the chip asks

    def controller(self, bank: FlashBank) -> SectorBank:
        """See FamilyFlash."""
        return self.banks[self.chip.banks.index(bank)]

    def map_memories(self) -> None:
        """See FamilyFlash."""
        self.options.map_memories()
        base, size = self.plan.one_time
        self.host.bus.add_flash("OTP", base, size, OneTimeArea())

    def set_options(self, *, rdp: bool, iwdg_hardware: bool, protected: tuple[tuple[int, int], ...]) -> None:
        """See FamilyFlash."""
        self.options.manufacture(rdp=rdp, iwdg_hardware=iwdg_hardware, protected=protected)

    @property
    def hardware_iwdg(self) -> bool:
        """See FamilyFlash."""
        return self.options.hardware_iwdg

    @property
    def boots_system_memory(self) -> bool:
        """See FamilyFlash: only the BOOT0 pin could ask for it, and that is low."""
        return False

    @property
    def hides_flash(self) -> bool:
        """See FlashUnit."""
        return self.options.level > 0

    @property
    def debug_disabled(self) -> bool:
        """See FlashUnit."""
        return self.options.level == 2

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        """See FlashUnit."""
        if writing and self.base <= address < self.base + self.size:
            return self.ready_for(address - self.base)
        if not self.chip.in_flash(address, length):
            return 0
        if writing:
            return self.end
        return max(bank.busy_until() for bank in self.banks if bank.holds(address, length))

    def ready_for(self, offset: int) -> int:
        """See Peripheral: CR and the option registers cannot be written while busy (RM0090 3.9.7)."""
        return self.end if offset == self.offsets["CR"] or self.options.has(offset) else 0

    # --- resets

    def power_on(self) -> None:
        """Power-on reset."""
        self.options.load()
        self.reset()

    def reset(self) -> None:
        """System reset: an operation under way is torn, the options are loaded again."""
        self.operation.abort()
        self.keys.reset()
        self.option_keys.reset()
        self.flags = 0
        self.control = LOCK
        self.acr = self.plan.acr[0]
        for offset in self.offsets.values():
            self.publish(offset, 0)
        self.options.reset()
        self.show()

    # --- registers

    def write(self, offset: int, value: int, width: int) -> None:
        """Whole words; OPTCR takes bytes and half-words too (ST's libraries write it so)."""
        if self.options.has(offset & ~3):
            self.options.write(offset, value, width)
            return
        writer = self._writers.get(offset)
        if writer is None or width != 4:
            raise Unmodelled(f"FLASH: write of 0x{value:X} ({width} bytes) at offset 0x{offset:X}")
        writer(value)

    def _write_acr(self, value: int) -> None:
        if self.acr & ICEN:
            value &= ~ICRST  # only a cache that is off can be reset (RM0090 3.9.2)
        if self.acr & DCEN:
            value &= ~DCRST
        self.acr = value & self.plan.acr[1]
        self.show()

    def _write_key(self, value: int) -> None:
        if self._offer(self.keys, value, "KEYR"):
            self.control &= ~LOCK
            self.show()

    def _write_option_key(self, value: int) -> None:
        if self._offer(self.option_keys, value, "OPTKEYR"):
            self.options.unlock()

    def _offer(self, keys: KeySequence, value: int, register: str) -> bool:
        opened = keys.offer(value)
        if opened:
            keys.locked_out = True  # keys to an open lock are a wrong sequence
            return True
        if keys.locked_out:
            if keys is self.keys:
                self.control |= LOCK
            else:
                self.options.lock()
            self.show()
            raise BusFault(self.base + self.offsets[register], "wrong key for the flash; locked until reset")
        return False

    def _write_status(self, value: int) -> None:
        self.flags &= ~(value & self.plan.flags)
        self.show()

    def _write_control(self, value: int) -> None:
        self.settle()
        if self.control & LOCK:
            return
        self.control = value & self._control_bits
        if value & LOCK:
            self.keys.reset()
            self.control |= LOCK
        elif value & STRT:
            self._start()
        self.show()

    def show(self) -> None:
        """Publish ACR, SR and CR."""
        self.publish(self.offsets["SR"], self.flags | (BSY if self.busy else 0))
        self.publish(self.offsets["CR"], self.control)
        self.publish(self.offsets["ACR"], self.acr)

    # --- operations

    @property
    def busy(self) -> bool:
        """SR.BSY."""
        return self.operation.busy

    @property
    def end(self) -> int:
        """Picosecond at which the operation under way ends; 0 when idle."""
        return self.operation.end

    def busy_until(self, index: int) -> int:
        """Until when bank ``index`` answers nothing: the other bank can be read meanwhile (RM0090 3.5)."""
        return self.end if index in self._active_banks else 0

    def fail(self, flag: int) -> None:
        """Refuse with a flag of SR; the operation does not take place."""
        self.flags |= flag & self.plan.flags
        if self.control & ERRIE:
            self.flags |= OPERR  # only set with its interrupt enabled (RM0090 3.9.5)
            self.host.irq(self.plan.irq)
        self.show()

    def begin(self, duration: int, on_abort: Callable[[], None], banks: tuple[int, ...]) -> None:
        """Be busy for ``duration`` ps; ``on_abort`` leaves half-done work behind if a reset comes in between."""
        self.operation.begin(duration, on_abort)
        self._active_banks = banks
        self.show()

    def settle(self) -> None:
        """Finish what ends right now: the bus lets a stalled store through at that very moment."""
        self.operation.settle()

    def _finish(self) -> None:
        self.control &= ~STRT
        if self.control & EOPIE:
            self.flags |= EOP  # only set with its interrupt enabled (RM0090 3.9.5)
            self.host.irq(self.plan.irq)
        self.options.finished()
        self.show()

    # --- erase

    def size_code(self) -> int:
        """Return PSIZE: 0 bytes, 1 half-words, 2 words. Double words need a supply at VPP that no board here has."""
        code = self.control >> PSIZE_SHIFT & 3
        if code == 3:
            raise Unmodelled("FLASH: PSIZE = x64 without an external supply at VPP")
        return code

    @property
    def starved(self) -> bool:
        """The supply is too low for PSIZE: cells keep part of what they held, and no flag tells (RM0090 3.6.2)."""
        return self.host.volts < self.plan.supply[self.size_code()]

    def _start(self) -> None:
        masses = [bit for bit in self.plan.mass_bits if self.control & bit]
        if masses and self.control & SER:
            return  # neither is performed (RM0090 3.9.7)
        if self.control & SER:
            self._erase_sector(self.control >> SNB_SHIFT & (1 << self.plan.sector_bits) - 1)
        elif masses:
            self._erase_banks([self.plan.mass_bits.index(bit) for bit in masses])
        else:
            raise Unmodelled("FLASH: STRT without SER or MER")

    def _erase_sector(self, code: int) -> None:
        index, number = (1, code - SECOND_BANK) if code >= SECOND_BANK else (0, code)
        if index >= len(self.banks) or number >= len(self.banks[index].sectors):
            raise Unmodelled(f"FLASH: erase of sector code {code}, which {self.chip.name} has not")
        bank = self.banks[index]
        if self.options.protects(bank.first_sector + number):
            self.fail(WRPERR)
            return
        start = bank.base + sum(bank.sectors[:number])
        size = bank.sectors[number]
        self._erase([(start, size)], self.plan.timing.sectors[size][self.size_code()], (index,))

    def _erase_banks(self, indices: list[int]) -> None:
        chosen = self.banks if len(self.plan.mass_bits) == 1 else [self.banks[index] for index in indices]
        sectors = [bank.first_sector + n for bank in chosen for n in range(len(bank.sectors))]
        if any(self.options.protects(sector) for sector in sectors):
            self.fail(WRPERR)
            return
        pieces = [(bank.base, bank.size) for bank in chosen]
        self._erase(pieces, self.plan.timing.bank[self.size_code()], tuple(bank.index for bank in chosen))

    def _erase(self, pieces: list[tuple[int, int]], duration: int, banks: tuple[int, ...]) -> None:
        bus = self.host.bus
        torn = [(start, bytes(byte | 0xAA for byte in bus.peek(start, size))) for start, size in pieces]
        erased = [(start, bytes(byte | STARVED for byte in bus.peek(start, size))) for start, size in pieces]
        starved = self.starved
        self.control |= STRT

        def tear() -> None:
            for start, content in torn:
                bus.patch(start, content)

        self.begin(duration, tear, banks)
        for (start, size), (_, rest) in zip(pieces, erased, strict=True):
            bus.patch(start, rest if starved else b"\xff" * size)

    def mass_erase_all(self) -> None:
        """Erase everything at once: what leaving read protection costs."""
        for bank in self.chip.banks:
            self.host.bus.patch(bank.base, b"\xff" * bank.size)
