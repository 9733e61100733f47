"""STM32WB and WL: flash, clocks, chips. RM0434 (WB55), RM0471, RM0473, RM0478 (WB1x), RM0453 (WL5x), RM0461 (WLE)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...arm.register import Register, bit, bits
from ..device import KIB, Device, Part, bank_of, memory_map, parts
from ..family import EmptyFlag, Family, Timing
from ..memory_map import Region, Sector
from .common import caches, clock, clock_security, debug, low_power_run, masters, window
from .paged import BSY, CFGBSY, EMPTY, WRP_BANK_1, WWDG_CFR, describe

__all__ = ["DEVICES"]

FLASH_START = 0x0800_0000
BASE = 0x5800_4000
FLASH_SIZE = 0x1FFF_75E0
PWR_CR1 = 0x5800_0400


class FlashACR(Register, address=BASE):
    """RM0434, RM0453, FLASH_ACR."""

    LATENCY = bits(0, 3)
    PRFTEN = bit(8)
    ICEN = bit(9)
    DCEN = bit(10)
    ICRST = bit(11)
    DCRST = bit(12)
    PES = bit(15)


class FlashSFR(Register, address=BASE + 0x80):
    """RM0434, FLASH_SFR: pages from SFSA on belong to the other core, unless FSD."""

    SFSA = bits(0, 8)
    FSD = bit(8)


class RccCR(Register, address=0x5800_0000):
    """RM0434, RM0453, RCC_CR."""

    HSION = bit(8)
    HSIRDY = bit(10)


class RccCFGR(Register, address=0x5800_0008):
    """RM0434, RM0453, RCC_CFGR."""

    SW = bits(0, 2)
    SWS = bits(2, 2)
    HPRE = bits(4, 4)


class RccAHB1ENR(Register, address=0x5800_0048):
    """RM0434, RM0453, RCC_AHB1ENR."""

    DMA1EN = bit(0)
    DMA2EN = bit(1)


class RccAHB3ENR(Register, address=0x5800_0050):
    """RM0434, RM0453, RCC_AHB3ENR."""

    FLASHEN = bit(25)


class WwdgCFR(Register, address=WWDG_CFR):
    """RM0434, RM0453, WWDG_CFR."""

    W = bits(0, 7)
    WDGTB = bits(11, 3)


HSI16 = 1
"""SW and SWS."""


def _described(name: str, manual: str, wait_states: int, erase: Timing) -> Family:
    return describe(
        name=name,
        manual=manual,
        base=BASE,
        busy=BSY | CFGBSY,
        bank=0,
        areas=WRP_BANK_1,
        width=8 if name == "STM32WB" else 7,
        erase=erase,
        program=Timing(81.7e-6, 90.8e-6),
        steps=(
            caches(
                FlashACR.address,
                latency=FlashACR.LATENCY.mask | FlashACR.PES.mask,
                wait_states=wait_states,
                enables=FlashACR.make(PRFTEN=1, ICEN=1, DCEN=1),
                resets=FlashACR.make(ICRST=1, DCRST=1),
            ),
            low_power_run(PWR_CR1),
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
            masters("RCC_AHB1ENR", RccAHB1ENR.address, off=RccAHB1ENR.make(DMA1EN=1, DMA2EN=1)),
            masters("RCC_AHB3ENR", RccAHB3ENR.address, off=0, on=RccAHB3ENR.FLASHEN.mask),
            window(WwdgCFR.address, WwdgCFR.WDGTB.mask),
        ),
        debug_setup=debug(0xE004_2000, low_power=0b111, freeze=0x3C),
        empty=EmptyFlag(FlashACR.address, EMPTY, toggles=False),
    )


def _with_secure_part(family: Family) -> Family:
    """The other core's pages are as good as write-protected."""
    plain = family.protection.guarded

    def reserved(words: Mapping[str, int], sector: Sector) -> bool:
        secure = FlashSFR(words["SFR"])
        return not secure.FSD and sector.number >= secure.SFSA

    def guarded(words: Mapping[str, int], sector: Sector) -> bool:
        return plain(words, sector) or reserved(words, sector)

    protection = replace(
        family.protection,
        registers={**family.protection.registers, "SFR": FlashSFR.address},
        guarded=guarded,
        reserved=reserved,
        write_cure=f"{family.protection.write_cure} Pages from SFR.SFSA on belong to the radio's firmware.",
    )
    return replace(family, protection=protection)


STM32WB = _with_secure_part(_described("STM32WB", "RM0434", 3, Timing(22.02e-3, 24.5e-3)))
STM32WL = _described("STM32WL", "RM0453", 2, Timing(22.02e-3, 25e-3))

WB1, WB5, WL = 0x494, 0x495, 0x497
CONTIGUOUS_KIB = 256
"""WB55 with all its SRAM1: SRAM2 follows it at 0x20030000."""
WL_ROWS = "WL54 CJC, WL55 CJC, WLE4 CJ8 20, WLE4 CJB 48, WLE4 CJC, WLE5 CJ8 20, WLE5 CJB 48, WLE5 CJC"


def _regions(part: Part, _options: int) -> tuple[Region, ...]:
    page = 4 * KIB if part.dev_id == WB5 else 2 * KIB
    sram2 = {WB1: 36, WB5: 64}.get(part.dev_id, 0)
    ram = [("SRAM", 0x2000_0000, part.ram_kib * KIB)]
    if sram2:
        ram.append(("SRAM2 for code", 0x1000_0000, sram2 * KIB))
    if sram2 and part.ram_kib < CONTIGUOUS_KIB:
        ram.append(("SRAM2", 0x2003_0000, sram2 * KIB))
    return memory_map(
        flash=tuple(bank_of(1, FLASH_START, (part.flash_kib * KIB // page, page))),
        ram=ram,
        rom=[("system memory, OTP, option bytes", 0x1FFF_0000, 0x1_0000)],
        bit_band=part.dev_id != WL,
    )


ROWS: tuple[tuple[int, str, Family, int, str], ...] = (
    (WB1, "STM32WB1x", STM32WB, 12, "WB10 CC 12 320, WB15 CC 12 320"),
    (
        WB5,
        "STM32WB3x/5x",
        STM32WB,
        32,
        "WB30 CE, WB35 CC/CE, WB50 CG 64, WB55 CRVC 64, WB55 CRVE/CRVG/VY 256",
    ),
    (
        WL,
        "STM32WL",
        STM32WL,
        64,
        "WL54 CJC, WL55 CJC, WLE4 CJ8 20, WLE4 CJB 48, WLE4 CJC, WLE5 CJ8 20, WLE5 CJB 48, WLE5 CJC",
    ),
)

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        family,
        parts(dev_id, ram_kib, rows),
        FLASH_SIZE,
        _regions,
        marking=marking,
    )
    for dev_id, marking, family, ram_kib, rows in ROWS
)
