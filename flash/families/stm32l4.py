"""The flash of STM32L4. RM0351 (L47x to L4Ax), RM0392 (L471), RM0394 (L41x to L46x); section numbers of RM0351."""

from __future__ import annotations

import dataclasses

from ...arm.register import Register, bit, bits
from ..family import Controller, EmptyFlag, Family, Timing
from ..loaders.stm32l4 import LOADER
from ..memory_map import Sector
from ..steps import Step
from .paged import CR, ERRORS, KEYS, SR, WRP, clear_word, protection

__all__ = ["FLASH_SIZE", "FLASH_START", "OPTR_ADDRESS", "STM32L4", "STM32L4_SMALL"]

FLASH_START = 0x0800_0000
BASE = 0x4002_2000
OPTR_ADDRESS = BASE + 0x20
FLASH_SIZE = 0x1FFF_75E0
"""RM0351 49.2: flash in KiB, 16 bits."""
IWDG_KR = 0x4000_3000
WWDG_CR = 0x4000_2C00


class FlashACR(Register, address=BASE):
    """RM0351 3.7.1. The caches can be reset only while they are off."""

    LATENCY = bits(0, 3)
    PRFTEN = bit(8)
    ICEN = bit(9)
    DCEN = bit(10)
    ICRST = bit(11)
    DCRST = bit(12)


class FlashSR(Register, address=BASE + 0x10):
    """RM0394 3.7.5; the other bits in ``paged``."""

    PEMPTY = bit(17)


class PwrCR1(Register, address=0x4000_7000):
    """RM0351 5.4.1."""

    LPR = bit(14)


class PwrSR2(Register, address=0x4000_7014):
    """RM0351 5.4.6."""

    REGLPF = bit(9)


class RccCR(Register, address=0x4002_1000):
    """RM0351 6.4.1."""

    HSION = bit(8)
    HSIRDY = bit(10)


class RccCFGR(Register, address=0x4002_1008):
    """RM0351 6.4.3."""

    SW = bits(0, 2)
    SWS = bits(2, 2)
    HPRE = bits(4, 4)


class RccAHB1ENR(Register, address=0x4002_1048):
    """RM0351 6.4.16: the bus masters besides the core are the DMA controllers."""

    DMA1EN = bit(0)
    DMA2EN = bit(1)
    FLASHEN = bit(8)
    DMA2DEN = bit(17)


class RccAPB1ENR1(Register, address=0x4002_1058):
    """RM0351 6.4.19. WWDGEN cannot be cleared."""

    WWDGEN = bit(11)
    PWREN = bit(28)


class WwdgCFR(Register, address=0x4000_2C04):
    """RM0351 37.4.2."""

    W = bits(0, 7)
    WDGTB = bits(7, 2)


class DbgmcuCR(Register, address=0xE004_2004):
    """RM0351 48.16.3. Only a power-on reset clears it."""

    DBG_SLEEP = bit(0)
    DBG_STOP = bit(1)
    DBG_STANDBY = bit(2)


class DbgmcuAPB1FZR1(Register, address=0xE004_2008):
    """RM0351 48.16.4."""

    DBG_WWDG_STOP = bit(11)
    DBG_IWDG_STOP = bit(12)


HSI16 = 1
"""SW and SWS."""
SAFE_LATENCY = 4
"""Wait states for the highest clock there is, more than 16 MHz needs at any core voltage (RM0351 3.3.3)."""

DEBUG_SETUP = (
    Step(
        "DBGMCU_CR",
        "sleep modes keep the debug port alive",
        DbgmcuCR.address,
        set=DbgmcuCR.make(DBG_SLEEP=1, DBG_STOP=1, DBG_STANDBY=1),
        survives_reset=True,
    ),
    Step(
        "DBGMCU_APB1FZR1",
        "the watchdogs stand still while the core is halted",
        DbgmcuAPB1FZR1.address,
        set=DbgmcuAPB1FZR1.make(DBG_WWDG_STOP=1, DBG_IWDG_STOP=1),
        survives_reset=True,
    ),
)

PREPARATIONS = (
    *DEBUG_SETUP,
    Step(
        "RCC_APB1ENR1",
        "PWR can be read only with its clock on",
        RccAPB1ENR1.address,
        set=RccAPB1ENR1.make(PWREN=1),
    ),
    Step(
        "FLASH_ACR",
        "the caches would keep what is programmed over, and are emptied before they go on again; "
        "wait states that are enough for any clock and core voltage",
        FlashACR.address,
        clear=FlashACR.make(LATENCY=7, PRFTEN=1, ICEN=1, DCEN=1, ICRST=1, DCRST=1),
        set=FlashACR.make(LATENCY=SAFE_LATENCY),
        flush=FlashACR.make(ICRST=1, DCRST=1),
    ),
    Step(
        "PWR_CR1",
        "in low-power run mode the clock may not exceed 2 MHz (5.3.2)",
        PwrCR1.address,
        clear=PwrCR1.LPR.mask,
        wait_at=PwrSR2.address,
        wait=PwrSR2.REGLPF.mask,
    ),
    Step(
        "RCC_CR",
        "HSI16 is a clock that is always there",
        RccCR.address,
        set=RccCR.make(HSION=1),
        wait=RccCR.HSIRDY.mask,
        wait_value=RccCR.HSIRDY.mask,
    ),
    Step(
        "RCC_CFGR",
        "the core runs from HSI16, undivided: no overclocking, no crawling MSI, a known speed",
        RccCFGR.address,
        clear=RccCFGR.SW.mask | RccCFGR.HPRE.mask,
        set=RccCFGR.make(SW=HSI16),
        wait=RccCFGR.SWS.mask,
        wait_value=RccCFGR.make(SWS=HSI16),
    ),
    Step(
        "RCC_AHB1ENR",
        "DMA would write into the loader's memory; the flash interface needs its clock",
        RccAHB1ENR.address,
        clear=RccAHB1ENR.make(DMA1EN=1, DMA2EN=1, DMA2DEN=1),
        set=RccAHB1ENR.make(FLASHEN=1),
    ),
    Step(
        "WWDG_CFR",
        "the window watchdog cannot be stopped (6.4.19): its window is opened and its prescaler slowest, "
        "so that the loader can reload it at any time",
        WwdgCFR.address,
        set=WwdgCFR.make(W=0x7F, WDGTB=3),
    ),
)


def _erase_word(sector: Sector) -> int:
    return CR.make(PER=1, PNB=sector.number, BKER=sector.bank - 1)


def _in_area(word: int, page: int) -> bool:
    area = WRP(word)
    return area.STRT <= page <= area.END


STM32L4 = Family(
    name="STM32L4",
    manual="RM0351",
    base=BASE,
    controllers=(Controller("FLASH", 0x00, key=BASE + 0x08, status=BASE + 0x10, control=BASE + 0x14),),
    keys=KEYS,
    lock=CR.LOCK.mask,
    start=CR.STRT.mask | CR.OPTSTRT.mask | CR.OBL_LAUNCH.mask,
    busy=SR.BSY.mask,
    errors=ERRORS,
    clear_status=clear_word(),
    program_unit=8,
    erased=0xFF,
    erase=lambda _size: Timing(22.02e-3, 24.47e-3),
    program=Timing(81.69e-6, 90.76e-6),
    verify_per_byte=0.65e-6,
    protection=protection(
        OPTR_ADDRESS,
        {
            "WRP1AR": (BASE + 0x2C, 1),
            "WRP1BR": (BASE + 0x30, 1),
            "WRP2AR": (BASE + 0x4C, 2),
            "WRP2BR": (BASE + 0x50, 2),
        },
        _in_area,
    ),
    preparations=PREPARATIONS,
    debug_setup=DEBUG_SETUP,
    watchdog_key=IWDG_KR,
    window_watchdog=WWDG_CR,
    loader=LOADER,
    erase_word=_erase_word,
    program_word=CR.PG.mask,
)
STM32L4_SMALL = dataclasses.replace(
    STM32L4, manual="RM0394", empty=EmptyFlag(BASE + 0x10, FlashSR.PEMPTY.mask, toggles=True)
)
"""L41x to L46x note at power-on whether the flash is blank (3.3.1); the others look at each reset."""
