"""The chips as data: STM32F103 in the densities that exist on common boards.

Sizes and identities: RM0008 (rev 21) sections 3.3 "memory map", 31.6.1 "MCU device ID code", 30 "device electronic
signature"; option bytes and page sizes: PM0075 section 2.1. Debug identities were read from real parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import SelectorError
from .selector import nearest

__all__ = ["CHIPS", "ChipModel", "FlashBank", "FlashTiming", "chip_model"]

KIB = 1024
US = 1_000_000
MS = 1_000_000_000


@dataclass(frozen=True)
class FlashTiming:
    """How long the flash takes, in picoseconds (STM32F103 datasheet, "flash memory characteristics", typical)."""

    program: int = 52_500_000  # one half-word; 50.9 to 54.6 us were measured on a real part
    erase_page: int = 20 * MS
    erase_all: int = 20 * MS


@dataclass(frozen=True)
class FlashBank:
    """One flash bank: where it is, how it is divided, where its registers are."""

    base: int
    size: int
    page: int
    registers: int  # offset of KEYR/SR/CR/AR from where bank 1 has them (0 or 0x40)
    first_protection_bit: int = 0


@dataclass(frozen=True)
class ChipModel:
    """What distinguishes one chip from another."""

    name: str
    description: str
    ram: int
    banks: tuple[FlashBank, ...]
    idcode: int  # DBGMCU_IDCODE
    pages_per_protection_bit: int
    boundary_scan_id: int
    rom_table_part: int
    dma2: bool
    ports: str  # GPIO ports that exist
    unique_id: bytes
    interrupts: int
    mpu_regions: int = 0
    timing: FlashTiming = FlashTiming()
    dpidr: int = 0x1BA0_1477
    jtag_id: int = 0x3BA0_0477
    ap_idr: int = 0x1477_0011

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

    @property
    def dev_id(self) -> int:
        """DBGMCU_IDCODE.DEV_ID."""
        return self.idcode & 0xFFF


def _single(size: int, page: int) -> tuple[FlashBank, ...]:
    return (FlashBank(0x0800_0000, size, page, 0),)


def _medium(name: str, flash: int, tail: int) -> ChipModel:
    return ChipModel(
        name=name,
        description=f"{name.upper()}, medium density, {flash // KIB} KiB flash",
        ram=20 * KIB,
        banks=_single(flash, KIB),
        idcode=0x2003_6410,
        pages_per_protection_bit=4,
        boundary_scan_id=0x1641_0041,
        rom_table_part=0x410,
        dma2=False,
        ports="ABCDE",
        unique_id=bytes.fromhex("ff6e0634") + bytes.fromhex("83575034") + bytes([0x67, tail, 0x25, 0x13]),
        interrupts=43,
    )


def _high(name: str, ram: int, idcode: int, boundary: int, banks: tuple[FlashBank, ...]) -> ChipModel:
    return ChipModel(
        name=name,
        description=f"{name.upper()}, {sum(bank.size for bank in banks) // KIB} KiB flash",
        ram=ram,
        banks=banks,
        idcode=idcode,
        pages_per_protection_bit=2,
        boundary_scan_id=boundary,
        rom_table_part=idcode & 0xFFF,
        dma2=True,
        ports="ABCDEFG",
        unique_id=bytes.fromhex("05d9ff39364d383343127543"),
        interrupts=60,
        mpu_regions=8 if len(banks) == 2 else 0,
    )


_XL_BANKS = (
    FlashBank(0x0800_0000, 512 * KIB, 2 * KIB, 0),
    FlashBank(0x0808_0000, 512 * KIB, 2 * KIB, 0x40, first_protection_bit=31),
)

CHIPS: dict[str, ChipModel] = {
    chip.name: chip
    for chip in (
        _medium("stm32f103c8", 64 * KIB, 0x16),
        _medium("stm32f103cb", 128 * KIB, 0x17),
        _high("stm32f103rc", 48 * KIB, 0x1003_6414, 0x0641_4041, _single(256 * KIB, 2 * KIB)),
        _high("stm32f103vg", 96 * KIB, 0x1000_6430, 0x0643_0041, _XL_BANKS),
    )
}


def chip_model(name: str) -> ChipModel:
    """Return the chip called ``name`` (any case). Raises SelectorError that offers the nearest names."""
    try:
        return CHIPS[name.lower()]
    except KeyError:
        raise SelectorError(
            f"There is no simulated chip {name!r}.{nearest(name.lower(), CHIPS)} "
            f"Simulated chips: {', '.join(sorted(CHIPS))}."
        ) from None
