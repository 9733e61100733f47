"""What there is to know of a chip before it runs: memories, identities, sizes. The chips themselves: sim/chips.py."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KIB", "MS", "SRAM", "US", "ChipModel", "FlashBank", "FlashTiming", "Ram"]

KIB = 1024
US = 1_000_000
MS = 1_000_000_000
SRAM = 0x2000_0000


@dataclass(frozen=True)
class FlashTiming:
    """How long the flash takes, in picoseconds (STM32F103 datasheet, "flash memory characteristics", typical)."""

    program: int = 52_500_000  # one half-word; 50.9 to 54.6 us were measured on a real part
    erase_page: int = 20 * MS
    erase_all: int = 21_900_000_000  # 21.0 to 22.8 ms were measured on a real part


@dataclass(frozen=True)
class FlashBank:
    """One flash bank: where it is, how it is divided, where its registers are."""

    base: int
    size: int
    page: int  # bytes per page; of the smallest sector where ``sectors`` are given
    registers: int = 0  # F1: offset of KEYR/SR/CR/AR from where bank 1 has them (0 or 0x40)
    first_protection_bit: int = 0
    sectors: tuple[int, ...] = ()  # sizes, where they differ


@dataclass(frozen=True)
class Ram:
    """One RAM: where it is, where else it is seen, and whether instructions can be fetched from it."""

    name: str
    base: int
    size: int
    aliases: tuple[int, ...] = ()
    executable: bool = True


@dataclass(frozen=True)
class ChipModel:
    """What distinguishes one chip from another."""

    name: str
    description: str
    rams: tuple[Ram, ...]
    banks: tuple[FlashBank, ...]
    idcode: int  # DBGMCU_IDCODE
    boundary_scan_id: int  # of ST's own TAP; 0 where there is no JTAG
    rom_table_part: int  # part number in the ROM table that the access port points to
    ports: str  # GPIO ports that exist
    unique_id: bytes
    interrupts: int
    family: str = "f1"
    core: str = "cortex-m3"
    core_hz: int = 8_000_000  # after reset
    priority_bits: int = 4
    mpu_regions: int = 0
    timing: FlashTiming = FlashTiming()
    dpidr: int = 0x1BA0_1477
    jtag_id: int = 0x3BA0_0477  # 0 where there is no JTAG
    ap_idr: int = 0x1477_0011
    dma2: bool = False
    pages_per_protection_bit: int = 1
    erased: int = 0xFF  # what an erased byte reads as
    flash_at_0: bool = True  # the array is seen at 0 too
    flash_at_itcm: int = 0  # and here, for reads alone; 0: it is not
    flash_at_secure: int = 0  # where secure code sees it, on chips with TrustZone
    trustzone: bool = False  # TZEN is set
    core_words: tuple[tuple[int, int], ...] = ()  # what the core's identification differs in: (offset in the SCB, word)
    core_ap: int = 0  # number of the access port behind which core and memory are; ``ap_idr`` is its
    side_aps: tuple[tuple[int, int], ...] = ()  # (number, IDR) of access ports that reach neither

    @property
    def ram(self) -> int:
        """Bytes of RAM from 0x20000000 on."""
        pieces = sorted((base, one.size) for one in self.rams for base in (one.base, *one.aliases))
        end = SRAM
        for base, size in pieces:
            end = base + size if base == end else end
        return end - SRAM

    @property
    def rom_table(self) -> int:
        """BASE of the access port: where the first ROM table is, with the bits for "32 bits wide, present"."""
        return {"cortex-m0+": 0xF000_0003, "cortex-m7": 0xE00F_D003, "cortex-m33": 0xE00F_E003}.get(
            self.core, 0xE00F_F003
        )

    @property
    def flash_base(self) -> int:
        """First address of the flash array."""
        return self.banks[0].base

    @property
    def flash_size(self) -> int:
        """Bytes in all banks."""
        return sum(bank.size for bank in self.banks)

    @property
    def page(self) -> int:
        """Bytes per flash page."""
        return self.banks[0].page

    def aliases_of(self, bank: FlashBank) -> tuple[int, ...]:
        """Where else a bank is seen."""
        places = ((0,) if self.flash_at_0 else ()) + ((self.flash_at_itcm,) if self.flash_at_itcm else ())
        places += (self.flash_at_secure,) if self.trustzone else ()
        return tuple(place + bank.base - self.flash_base for place in places)

    def in_flash(self, address: int, length: int) -> bool:
        """Report whether any of these bytes lies in the array or its alias at 0."""
        ranges = [(start, bank.size) for bank in self.banks for start in (bank.base, *self.aliases_of(bank))]
        return any(address < base + size and address + length > base for base, size in ranges)

    @property
    def dev_id(self) -> int:
        """DBGMCU_IDCODE.DEV_ID."""
        return self.idcode & 0xFFF
