"""The flash of STM32L4. RM0351 (L47x to L4Ax), RM0392 (L471), RM0394 (L41x to L46x); section numbers of RM0351."""

from __future__ import annotations

import dataclasses

from ...arm.register import Register, bit, bits
from ..family import EmptyFlag, Timing
from ..steps import Step
from .common import caches, clock, clock_security, debug, low_power_run, masters, window
from .paged import BSY, WRP_BANK_1, WRP_BANK_2, describe

__all__ = ["FLASH_SIZE", "FLASH_START", "OPTR_ADDRESS", "STM32L4", "STM32L4_PLUS", "STM32L4_SMALL"]

FLASH_START = 0x0800_0000
BASE = 0x4002_2000
OPTR_ADDRESS = BASE + 0x20
FLASH_SIZE = 0x1FFF_75E0
"""RM0351, device electronic signature: flash in KiB, 16 bits."""


class FlashACR(Register, address=BASE):
    """RM0351 3.7.1, RM0432 3.7.1 (LATENCY has 3 bits on L4). The caches can be reset only while they are off."""

    LATENCY = bits(0, 4)
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
    """RM0351 6.4.16: the bus masters besides the core are the DMA controllers; on L4+ GFXMMU, too."""

    DMA1EN = bit(0)
    DMA2EN = bit(1)
    FLASHEN = bit(8)
    DMA2DEN = bit(17)
    GFXMMUEN = bit(18)


class RccAHB2ENR(Register, address=0x4002_104C):
    """RM0432 6.4.17: on L4+ SDMMC is a bus master."""

    SDMMC1EN = bit(22)


class RccAPB1ENR1(Register, address=0x4002_1058):
    """RM0351 6.4.19. WWDGEN cannot be cleared."""

    WWDGEN = bit(11)
    PWREN = bit(28)


class WwdgCFR(Register, address=0x4000_2C04):
    """RM0351, WWDG_CFR."""

    W = bits(0, 7)
    WDGTB = bits(7, 2)


class DbgmcuCR(Register, address=0xE004_2004):
    """RM0351, DBGMCU_CR. Only a power-on reset clears it."""

    DBG_SLEEP = bit(0)
    DBG_STOP = bit(1)
    DBG_STANDBY = bit(2)


HSI16 = 1
"""SW and SWS."""
SAFE_LATENCY = 4
"""Wait states for the highest clock there is, more than 16 MHz needs at any core voltage (RM0351 3.3.3)."""

DEBUG_SETUP = debug(
    0xE004_2000,
    low_power=DbgmcuCR.make(DBG_SLEEP=1, DBG_STOP=1, DBG_STANDBY=1),
)

PREPARATIONS = (
    Step(
        "RCC_APB1ENR1",
        "PWR can be read only with its clock on",
        RccAPB1ENR1.address,
        set=RccAPB1ENR1.make(PWREN=1),
    ),
    caches(
        FlashACR.address,
        latency=FlashACR.LATENCY.mask,
        wait_states=SAFE_LATENCY,
        enables=FlashACR.make(PRFTEN=1, ICEN=1, DCEN=1),
        resets=FlashACR.make(ICRST=1, DCRST=1),
    ),
    low_power_run(PwrCR1.address, gated=True),
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
        off=RccAHB1ENR.make(DMA1EN=1, DMA2EN=1, DMA2DEN=1, GFXMMUEN=1),
        on=RccAHB1ENR.make(FLASHEN=1),
    ),
    window(WwdgCFR.address, WwdgCFR.WDGTB.mask),
)
SDMMC = masters("RCC_AHB2ENR", RccAHB2ENR.address, off=RccAHB2ENR.make(SDMMC1EN=1))

STM32L4 = describe(
    name="STM32L4",
    manual="RM0351",
    base=BASE,
    busy=BSY,
    bank=1 << 11,
    areas=WRP_BANK_1 | WRP_BANK_2,
    width=8,
    erase=Timing(22.02e-3, 24.47e-3),
    program=Timing(81.69e-6, 90.76e-6),
    steps=PREPARATIONS,
    debug_setup=DEBUG_SETUP,
)
EMPTY_AT_POWER_ON = EmptyFlag(BASE + 0x10, FlashSR.PEMPTY.mask, toggles=True)
"""L41x to L46x and L4+ note at power-on whether the flash is blank (3.3.1); the others look at each reset."""
STM32L4_SMALL = describe(
    name="STM32L4",
    manual="RM0394",
    base=BASE,
    busy=BSY,
    bank=0,
    areas=WRP_BANK_1,
    width=7,
    erase=Timing(22.02e-3, 24.47e-3),
    program=Timing(81.69e-6, 90.76e-6),
    steps=PREPARATIONS,
    debug_setup=DEBUG_SETUP,
    empty=EMPTY_AT_POWER_ON,
)
STM32L4_PLUS = dataclasses.replace(
    STM32L4,
    name="STM32L4+",
    manual="RM0432",
    preparations=(*STM32L4.preparations, SDMMC),
    empty=EMPTY_AT_POWER_ON,
)
