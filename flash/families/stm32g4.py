"""STM32G4: flash, clocks, chips. RM0440."""

from __future__ import annotations

from collections.abc import Iterator

from ...arm.register import Register, bit, bits
from ..device import KIB, Device, Part, Remap, bank_of, memory_map, parts
from ..family import Family, Timing
from ..memory_map import Region
from ..steps import Step
from .common import caches, clock, clock_security, debug, low_power_run, masters, window
from .paged import BSY, WRP_BANK_1, WRP_BANK_2, WWDG_CFR, describe, with_width

__all__ = ["DEVICES"]

FLASH_START = 0x0800_0000
BASE = 0x4002_2000
OPTR = BASE + 0x20
FLASH_SIZE = 0x1FFF_75E0
DBANK = 1 << 22
"""OPTR, RM0440 3.7.8."""


class FlashACR(Register, address=BASE):
    """RM0440 3.7.1."""

    LATENCY = bits(0, 4)
    PRFTEN = bit(8)
    ICEN = bit(9)
    DCEN = bit(10)
    ICRST = bit(11)
    DCRST = bit(12)


class RccCR(Register, address=0x4002_1000):
    """RM0440 7.4.1."""

    HSION = bit(8)
    HSIRDY = bit(10)


class RccCFGR(Register, address=0x4002_1008):
    """RM0440 7.4.3."""

    SW = bits(0, 2)
    SWS = bits(2, 2)
    HPRE = bits(4, 4)


class RccAHB1ENR(Register, address=0x4002_1048):
    """RM0440 7.4.14."""

    DMA1EN = bit(0)
    DMA2EN = bit(1)
    FLASHEN = bit(8)


class RccAPB1ENR1(Register, address=0x4002_1058):
    """RM0440 7.4.17. WWDGEN cannot be cleared."""

    WWDGEN = bit(11)
    PWREN = bit(28)


class WwdgCFR(Register, address=WWDG_CFR):
    """RM0440, WWDG_CFR."""

    W = bits(0, 7)
    WDGTB = bits(11, 3)


HSI16 = 1
"""SW and SWS."""


def _described(bank: int, areas: dict[str, tuple[int, int]]) -> Family:
    return describe(
        name="STM32G4",
        manual="RM0440",
        base=BASE,
        busy=BSY,
        bank=bank,
        areas=areas,
        width=7,
        erase=Timing(22.02e-3, 24.47e-3),
        program=Timing(81.7e-6, 83.35e-6),
        steps=(
            Step(
                "RCC_APB1ENR1",
                "PWR can be read only with its clock on",
                RccAPB1ENR1.address,
                set=RccAPB1ENR1.PWREN.mask,
            ),
            caches(
                FlashACR.address,
                latency=FlashACR.LATENCY.mask,
                wait_states=4,
                enables=FlashACR.make(PRFTEN=1, ICEN=1, DCEN=1),
                resets=FlashACR.make(ICRST=1, DCRST=1),
            ),
            low_power_run(0x4000_7000, gated=True),
            *clock(
                RccCR.address,
                on=RccCR.HSION.mask,
                ready=RccCR.HSIRDY.mask,
                switch=(
                    RccCFGR.SW.mask | RccCFGR.HPRE.mask,
                    RccCFGR.make(SW=HSI16),
                    RccCFGR.SWS.mask,
                    RccCFGR.make(SWS=HSI16),
                ),
            ),
            clock_security("RCC_CICR", RccCR.address + 0x20, 1 << 8),
            masters(
                "RCC_AHB1ENR",
                RccAHB1ENR.address,
                off=RccAHB1ENR.make(DMA1EN=1, DMA2EN=1),
                on=RccAHB1ENR.make(FLASHEN=1),
            ),
            window(WwdgCFR.address, WwdgCFR.WDGTB.mask),
        ),
        debug_setup=debug(0xE004_2000, low_power=0b111),
    )


STM32G4 = _described(0, WRP_BANK_1)
STM32G47 = _described(1 << 11, WRP_BANK_1 | WRP_BANK_2)
"""G47x, G48x: up to two banks."""

TWO_BANKS = 0x469
BANK_2 = 0x0804_0000
"""RM0440 table 6: where the second bank begins, however much flash there is."""
CCM_KIB = {0x468: 10, 0x469: 32, 0x479: 16}
"""At 0x10000000; it also continues the SRAM at 0x20000000."""


def _banks(part: Part, options: int) -> Iterator[Region]:
    size = part.flash_kib * KIB
    if part.dev_id == TWO_BANKS and options & DBANK:
        yield from bank_of(1, FLASH_START, (size // 2 // (2 * KIB), 2 * KIB))
        yield from bank_of(2, BANK_2, (size // 2 // (2 * KIB), 2 * KIB))
    else:
        page = 4 * KIB if part.dev_id == TWO_BANKS else 2 * KIB
        yield from bank_of(1, FLASH_START, (size // page, page))


def _regions(part: Part, options: int) -> tuple[Region, ...]:
    ccm = CCM_KIB[part.dev_id] * KIB
    return memory_map(
        flash=tuple(_banks(part, options)),
        ram=[("SRAM", 0x2000_0000, part.ram_kib * KIB), ("CCM SRAM", 0x1000_0000, ccm)],
        rom=[("system memory, OTP, option bytes", 0x1FFF_0000, 0x1_0000)],
        bit_band=True,
    )


G47_ROWS = "G471 CMQRVC/CMQRVE, G473 CMPQRVB/CMPQRVC/CMPQRVE, G474 CMPQRVB/CMPQRVC/CMPQRVE, G483 CMPQRVE, G484 CMPQRVE"
ROWS = (
    (0x468, "STM32G43x/44x", 32, "G431 CKMRV6/CKMRV8/CKMRVB, G441 CKMRVB"),
    (0x469, "STM32G47x/48x", 128, G47_ROWS),
    (0x479, "STM32G49x/4Ax", 112, "G491 CKMRVC/CKMRVE, G4A1 CKMRVE"),
)

WIDTHS = {0x468: 6}
"""Bits of a page number in WRP1AR, where not 7."""

REMAP = Remap(0x4001_0000, 1 << 8, 0x4002_1060, 1 << 0)
"""RM0440, SYSCFG_MEMRMP.FB_MODE; set by the boot ROM where the option bytes say so, or by firmware."""

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        STM32G47 if dev_id == TWO_BANKS else with_width(STM32G4, WIDTHS.get(dev_id, 7)),
        parts(dev_id, ram_kib, rows),
        FLASH_SIZE,
        _regions,
        marking=marking,
        options=OPTR if dev_id == TWO_BANKS else 0,
        usual=DBANK,
        remap=REMAP,
    )
    for dev_id, marking, ram_kib, rows in ROWS
)
