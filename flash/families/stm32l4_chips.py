"""The STM32L4 part numbers. DEV_IDs: RM0351, RM0394, DBGMCU_IDCODE. RAM: the data sheets; here that at 0x20000000."""

from __future__ import annotations

from collections.abc import Iterator

from ..device import KIB, Device, Part, Remap, bank_of, memory_map, parts
from ..family import Family
from ..memory_map import Region
from .paged import with_width
from .stm32l4 import FLASH_SIZE, FLASH_START, OPTR_ADDRESS, STM32L4, STM32L4_PLUS, STM32L4_SMALL

__all__ = ["DEVICES"]

DUALBANK = 1 << 21
"""OPTR, RM0351 3.7.8: L47x to L4Ax below 1 MiB; parts of 1 MiB always have two banks."""
DB1M, DBANK = 1 << 21, 1 << 22
"""OPTR, RM0432 3.7.8: two banks, in parts with half of the flash there could be, and in those with all of it."""
PLUS_KIB = {0x470: 2048, 0x471: 1024}
"""L4+: the largest flash."""
TWO_BANKS = (0x415, 0x461)
SRAM2_KIB = {0x415: 32, 0x435: 16, 0x461: 64, 0x462: 32, 0x464: 8, 0x470: 64, 0x471: 64}
"""At 0x10000000; on all but 0x415 it also continues the SRAM at 0x20000000 (on L4+ counted there)."""


def _geometry(part: Part, options: int) -> tuple[bool, int]:
    """Whether there are two banks, and the size of a page."""
    if part.dev_id in PLUS_KIB:
        dual = bool(options & (DBANK if part.flash_kib == PLUS_KIB[part.dev_id] else DB1M))
        return dual, 4 * KIB if dual else 8 * KIB
    return part.dev_id in TWO_BANKS and (part.flash == "G" or bool(options & DUALBANK)), 2 * KIB


def _banks(part: Part, options: int) -> Iterator[Region]:
    dual, page = _geometry(part, options)
    half = part.flash_kib * KIB // (2 if dual else 1)
    for bank in range(2 if dual else 1):
        yield from bank_of(bank + 1, FLASH_START + bank * half, (half // page, page))


def _regions(part: Part, options: int) -> tuple[Region, ...]:
    sram2 = SRAM2_KIB[part.dev_id]
    more = 0 if part.dev_id == 0x415 or part.dev_id in PLUS_KIB else sram2
    return memory_map(
        flash=tuple(_banks(part, options)),
        ram=[("SRAM", 0x2000_0000, (part.ram_kib + more) * KIB), ("SRAM2", 0x1000_0000, sram2 * KIB)],
        rom=[("system memory, OTP, option bytes", 0x1FFF_0000, 0x1_0000)],
        bit_band=True,
    )


ROWS = (
    (0x464, "STM32L41x/42x", 32, "L412 CKRT8/CKRTB, L422 CKRTB"),
    (0x435, "STM32L43x/44x", 48, "L431 CKRB/CKRVC, L432 KB/KC, L433 CRB/CRVC, L442 KC, L443 CRVC"),
    (0x462, "STM32L45x/46x", 128, "L451 CRVC/CRVE, L452 CRVC/CRVE, L462 CRVE"),
    (0x415, "STM32L47x/48x", 96, "L471 QRVZE/QRVZG, L475 RVC/RVE/RVG, L476 RVC/JMQRVZE/JMQRVZG, L486 JQRVZG"),
    (0x461, "STM32L49x/4Ax", 256, "L496 AQRVZE/AQRVWZG, L4A6 AQRVZG"),
    (0x470, "STM32L4Rx/4Sx", 640, "L4R5 AQVZG/AQVZI, L4R7 AVZI, L4R9 AVZG/AVZI, L4S5 AQVZI, L4S7 AVZI, L4S9 AVZI"),
    (0x471, "STM32L4Px/4Qx", 320, "L4P5 ACQRVZE/ACQRVZG, L4Q5 ACQRVZG"),
)


WIDTHS = {0x464: 6, 0x435: 7, 0x462: 8}
"""Bits of a page number in WRP1AR (RM0394 3.7.11 and the headers)."""


def _family(dev_id: int) -> Family:
    if dev_id in PLUS_KIB:
        return with_width(STM32L4_PLUS, 7) if dev_id == 0x471 else STM32L4_PLUS
    return STM32L4 if dev_id in TWO_BANKS else with_width(STM32L4_SMALL, WIDTHS[dev_id])


REMAP = Remap(0x4001_0000, 1 << 8, 0x4002_1060, 1 << 0)
"""RM0351, SYSCFG_MEMRMP.FB_MODE; set by the boot ROM where the option bytes say so, or by firmware."""

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        _family(dev_id),
        parts(dev_id, ram_kib, rows),
        FLASH_SIZE,
        _regions,
        marking=marking,
        options=OPTR_ADDRESS if dev_id in TWO_BANKS or dev_id in PLUS_KIB else 0,
        usual=DUALBANK | DBANK,
        remap=REMAP,
    )
    for dev_id, marking, ram_kib, rows in ROWS
)
