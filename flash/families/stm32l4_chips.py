"""The STM32L4 part numbers. DEV_IDs: RM0351 48.6.1, RM0394 46.6.1. RAM: the data sheets; here that at 0x20000000."""

from __future__ import annotations

from collections.abc import Iterator

from ..device import KIB, Device, Part, bank_of, memory_map, parts
from ..memory_map import Region
from .stm32l4 import FLASH_SIZE, FLASH_START, OPTR_ADDRESS, STM32L4, STM32L4_SMALL

__all__ = ["DEVICES"]

PAGE = 2 * KIB
DUALBANK = 1 << 21
"""OPTR, RM0351 3.7.8: L47x to L4Ax below 1 MiB; parts of 1 MiB always have two banks."""
TWO_BANKS = (0x415, 0x461)
SRAM2_KIB = {0x415: 32, 0x435: 16, 0x461: 64, 0x462: 32, 0x464: 8}
"""At 0x10000000; on all but 0x415 it also continues the SRAM at 0x20000000."""


def _banks(part: Part, options: int) -> Iterator[Region]:
    size = part.flash_kib * KIB
    dual = part.dev_id in TWO_BANKS and (part.flash == "G" or options & DUALBANK)
    for bank in range(2 if dual else 1):
        half = size // (2 if dual else 1)
        yield from bank_of(bank + 1, FLASH_START + bank * half, (half // PAGE, PAGE))


def _regions(part: Part, options: int) -> tuple[Region, ...]:
    sram2 = SRAM2_KIB[part.dev_id]
    more = 0 if part.dev_id == 0x415 else sram2
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
)

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        STM32L4 if dev_id in TWO_BANKS else STM32L4_SMALL,
        parts(dev_id, ram_kib, rows),
        FLASH_SIZE,
        _regions,
        marking=marking,
        options=OPTR_ADDRESS if dev_id in TWO_BANKS else 0,
        usual=DUALBANK,
    )
    for dev_id, marking, ram_kib, rows in ROWS
)
