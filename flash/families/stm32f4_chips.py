"""The STM32F2 and F4 part numbers. DEV_IDs: section "MCU device ID code" of each manual. RAM: the data sheets."""

from __future__ import annotations

from collections.abc import Iterator

from ..device import KIB, Device, Part, Remap, bank_of, memory_map, parts
from ..family import Family
from ..memory_map import Region
from .stm32f4 import FLASH_SIZE, FLASH_START, STM32F2, STM32F4, STM32F4_TWO_BANKS, FlashOPTCR

__all__ = ["DEVICES"]

TWO_BANKS = (0x419, 0x434)
"""RM0090 3.3, RM0386 3.3: parts of 2 MiB always have two banks, those of 1 MiB with OPTCR.DB1M."""
WITH_CCM = (0x413, 0x419, 0x434)


def _bank(bank: int, start: int, kib: int) -> Iterator[Region]:
    """RM0090 tables 5 to 7: four sectors of 16 KiB, one of 64, and as many of 128 as there are."""
    return bank_of(bank, start, (4, 16 * KIB), (1 if kib > 64 else 0, 64 * KIB), ((kib - 128) // 128, 128 * KIB))


def _banks(part: Part, options: int) -> Iterator[Region]:
    kib = part.flash_kib
    if part.dev_id in TWO_BANKS and (kib == 2048 or (kib == 1024 and FlashOPTCR(options).DB1M)):
        yield from _bank(1, FLASH_START, kib // 2)
        yield from _bank(2, FLASH_START + kib // 2 * KIB, kib // 2)
    else:
        yield from _bank(1, FLASH_START, kib)


def _regions(part: Part, options: int) -> tuple[Region, ...]:
    ccm = [("CCM data RAM", 0x1000_0000, 64 * KIB)] if part.dev_id in WITH_CCM else []
    sram2 = [("SRAM2", 0x2001_C000, 16 * KIB)] if part.ram_kib < 112 and part.dev_id == F2_ROW[0] else []
    second = [("option bytes of bank 2", 0x1FFE_C000, 16)] if part.dev_id in TWO_BANKS else []
    return memory_map(
        flash=tuple(_banks(part, options)),
        ram=[("SRAM", 0x2000_0000, part.ram_kib * KIB), *sram2, *ccm],
        rom=[("system memory, OTP, option bytes", 0x1FFF_0000, 0x1_0000), *second],
        bit_band=True,
    )


F2_ROW = (
    0x411,
    "STM32F2xx",
    128,
    "F205 RVB 48, F205 RVZC 80, F205 RVZE/RVZF/RVZG, F207 IVZC/IVZE/IVZF/IVZG, F215 RVZE/RVZG, F217 IVZE/IVZG",
)
F4_ROWS = (
    (0x413, "STM32F405/407/415/417", 128, "F405 OE/ORVZG, F407 IVZE/IVZG, F415 ORVZG, F417 IVZE/IVZG"),
    (
        0x419,
        "STM32F42x/43x",
        192,
        "F427 IVZAG/IVZAI, F429 BINVZE, F429 ABINVZG/ABINVZI, F437 IVZG/IVZAI, F439 BINVZG/ABINVZI",
    ),
    (0x421, "STM32F446", 128, "F446 MRVZC/MRVZE"),
    (0x423, "STM32F401xB/C", 64, "F401 CRVB/CRVC"),
    (0x431, "STM32F411", 128, "F411 CRVC/CRVE"),
    (0x433, "STM32F401xD/E", 96, "F401 CRVD/CRVE"),
    (0x434, "STM32F469/479", 320, "F469 ABINVZE/ABINVZG/ABINVZI, F479 ABINVZG/ABINVZI"),
    (0x441, "STM32F412", 256, "F412 CRVZE/CRVZG"),
    (0x458, "STM32F410", 32, "F410 CRT8/CRTB"),
    (0x463, "STM32F413/423", 320, "F413 CMRVZG/CMRVZH, F423 CMRVZH"),
)


def _family(dev_id: int) -> Family:
    if dev_id == F2_ROW[0]:
        return STM32F2
    return STM32F4_TWO_BANKS if dev_id in TWO_BANKS else STM32F4


REMAP = Remap(0x4001_3800, 1 << 8, 0x4002_3844, 1 << 14)
"""RM0090, SYSCFG_MEMRMP.UFB_MODE; set by the boot ROM where the option bytes say so, or by firmware."""

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        _family(dev_id),
        parts(dev_id, ram_kib, rows),
        FLASH_SIZE,
        _regions,
        marking=marking,
        options=FlashOPTCR.address if dev_id in TWO_BANKS else 0,
        remap=REMAP,
    )
    for dev_id, marking, ram_kib, rows in (F2_ROW, *F4_ROWS)
)
