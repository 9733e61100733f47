"""The chips as data. Those of the STM32F103 are here, those of other families beside their family's description.

Sizes and identities: RM0008 (rev 21) sections 3.3 "memory map", 31.6.1 "MCU device ID code", 30 "device electronic
signature"; option bytes and page sizes: PM0075 section 2.1. Debug identities were read from real parts.
"""

from __future__ import annotations

from .chip import KIB, SRAM, ChipModel, FlashBank, FlashTiming, Ram
from .errors import SelectorError
from .families import FAMILY_CHIPS
from .selector import nearest

__all__ = ["CHIPS", "ChipModel", "FlashBank", "FlashTiming", "Ram", "chip_model"]


def _single(size: int, page: int) -> tuple[FlashBank, ...]:
    return (FlashBank(0x0800_0000, size, page, 0),)


def _medium(name: str, flash: int, tail: int) -> ChipModel:
    return ChipModel(
        name=name,
        description=f"{name.upper()}, medium density, {flash // KIB} KiB flash",
        rams=(Ram("SRAM", SRAM, 20 * KIB),),
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
        rams=(Ram("SRAM", SRAM, ram),),
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
        _high("stm32f103re", 64 * KIB, 0x1003_6414, 0x0641_4041, _single(512 * KIB, 2 * KIB)),
        _high("stm32f103vg", 96 * KIB, 0x1000_6430, 0x0643_0041, _XL_BANKS),
        *FAMILY_CHIPS,
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
