"""The flash of STM32F1. PM0075 for the controller; RM0008, for F100 RM0041, for RCC, DBGMCU, IWDG."""

from __future__ import annotations

from collections.abc import Mapping

from ...arm.register import Register, bit, bits
from ..family import Controller, Family, Flag, Protection, Timing
from ..loaders.stm32f1 import LOADER
from ..memory_map import Sector
from ..steps import Step
from .common import READOUT_CURE, WRITE_CURE, clock_security

__all__ = ["BANK_2", "FLASH_SIZE", "FLASH_START", "RCC_CFGR_STEP", "RCC_CIR_STEP", "RCC_CR_STEP", "STM32F1"]

FLASH_START = 0x0800_0000
BANK_2 = 0x0808_0000
"""XL density only: the second bank, with registers of its own."""

BASE = 0x4002_2000
IWDG_KR = 0x4000_3000
FLASH_SIZE = 0x1FFF_F7E0
"""RM0008 30.1.1: flash in KiB, 16 bits."""

WRITE_PROTECTION_GRAIN = 4096
LAST_WRITE_PROTECTION_BIT = 31


class FlashSR(Register, address=BASE + 0x0C):
    """PM0075 3.4. All but BSY are cleared by writing 1. Bit 1 is reserved, yet reads 1 on silicon while busy."""

    BSY = bit(0)
    PGERR = bit(2)
    WRPRTERR = bit(4)
    EOP = bit(5)


class FlashCR(Register, address=BASE + 0x10):
    """PM0075 3.5."""

    PG = bit(0)
    PER = bit(1)
    MER = bit(2)
    OPTPG = bit(4)
    OPTER = bit(5)
    STRT = bit(6)
    LOCK = bit(7)
    OPTWRE = bit(9)
    ERRIE = bit(10)
    EOPIE = bit(12)


class FlashOBR(Register, address=BASE + 0x1C):
    """PM0075 3.7: the option bytes as loaded at reset."""

    OPTERR = bit(0)
    RDPRT = bit(1)


class FlashWRPR(Register, address=BASE + 0x20):
    """PM0075 3.8: bit n guards 4 KiB (four pages of 1 KiB, two of 2 KiB); bit 31 of the large parts all the rest."""

    WRP = bits(0, 32)


class RccCR(Register, address=0x4002_1000):
    """RM0008 7.3.1."""

    HSION = bit(0)
    HSIRDY = bit(1)
    CSSON = bit(19)


class RccCFGR(Register, address=0x4002_1004):
    """RM0008 7.3.2."""

    SW = bits(0, 2)
    SWS = bits(2, 2)
    HPRE = bits(4, 4)


class RccAHBENR(Register, address=0x4002_1014):
    """RM0008 7.3.6, 8.3.6: the bus masters besides the core are the DMA controllers and Ethernet."""

    DMA1EN = bit(0)
    DMA2EN = bit(1)
    ETHMACEN = bit(14)
    ETHMACTXEN = bit(15)
    ETHMACRXEN = bit(16)


class RccAPB1ENR(Register, address=0x4002_101C):
    """RM0008 7.3.8."""

    WWDGEN = bit(11)


class DbgmcuCR(Register, address=0xE004_2004):
    """RM0008 31.16.3. Only a power-on reset clears it."""

    DBG_SLEEP = bit(0)
    DBG_STOP = bit(1)
    DBG_STANDBY = bit(2)
    DBG_IWDG_STOP = bit(8)
    DBG_WWDG_STOP = bit(9)


def _readout_level(words: Mapping[str, int]) -> int:
    return int(FlashOBR(words["OBR"]).RDPRT)


def _write_protected(words: Mapping[str, int], sector: Sector) -> bool:
    """A bit that is 0 protects."""
    bit_number = min((sector.start - FLASH_START) // WRITE_PROTECTION_GRAIN, LAST_WRITE_PROTECTION_BIT)
    return not words["WRPR"] >> bit_number & 1


DEBUG_SETUP = (
    Step(
        "DBGMCU_CR",
        "the watchdogs stand still while the core is halted, and sleep modes keep the debug port alive",
        DbgmcuCR.address,
        set=DbgmcuCR.make(DBG_SLEEP=1, DBG_STOP=1, DBG_STANDBY=1, DBG_IWDG_STOP=1, DBG_WWDG_STOP=1),
        survives_reset=True,
    ),
)

RCC_CR_STEP = Step(
    "RCC_CR",
    "flash is timed by HSI (RM0008 3.3.3), which firmware may have switched off; a crystal that fails makes no NMI",
    RccCR.address,
    clear=RccCR.CSSON.mask,
    set=RccCR.make(HSION=1),
    wait=RccCR.HSIRDY.mask,
    wait_value=RccCR.HSIRDY.mask,
)
RCC_CFGR_STEP = Step(
    "RCC_CFGR",
    "the core runs from HSI, undivided: no overclocking, no dying crystal, a known speed",
    RccCFGR.address,
    clear=RccCFGR.SW.mask | RccCFGR.HPRE.mask,
    wait=RccCFGR.SWS.mask,
    wait_value=0,
)
RCC_CIR_STEP = clock_security("RCC_CIR", 0x4002_1008, 1 << 23, shared=True)
"""RM0008 7.3.3. The same registers and bits on F0 and F3."""

PREPARATIONS = (
    *DEBUG_SETUP,
    RCC_CR_STEP,
    RCC_CFGR_STEP,
    RCC_CIR_STEP,
    Step(
        "RCC_AHBENR",
        "DMA and Ethernet would write into the loader's memory",
        RccAHBENR.address,
        clear=RccAHBENR.make(DMA1EN=1, DMA2EN=1, ETHMACEN=1, ETHMACTXEN=1, ETHMACRXEN=1),
    ),
    Step(
        "RCC_APB1ENR",
        "the window watchdog counts while the loader runs; without its clock it stands still",
        RccAPB1ENR.address,
        clear=RccAPB1ENR.make(WWDGEN=1),
    ),
)

STM32F1 = Family(
    name="STM32F1",
    manual="PM0075",
    base=BASE,
    controllers=(
        Controller("FLASH", 0x00, key=BASE + 0x04, status=FlashSR.address, control=FlashCR.address),
        Controller("FLASH bank 2", 0x40, key=BASE + 0x44, status=BASE + 0x4C, control=BASE + 0x50),
    ),
    keys=(0x4567_0123, 0xCDEF_89AB),
    lock=FlashCR.LOCK.mask,
    start=FlashCR.STRT.mask,
    busy=FlashSR.BSY.mask,
    errors=(
        Flag("PGERR", FlashSR.PGERR.mask, "the place to be programmed was not erased"),
        Flag("WRPRTERR", FlashSR.WRPRTERR.mask, "the page is write-protected"),
    ),
    clear_status=FlashSR.make(PGERR=1, WRPRTERR=1, EOP=1),
    program_unit=2,
    erased=0xFF,
    erase=lambda _size: Timing(20e-3, 40e-3),
    program=Timing(52.5e-6, 70e-6),
    verify_per_byte=1.1e-6,
    protection=Protection(
        registers={"OBR": FlashOBR.address, "WRPR": FlashWRPR.address},
        level=_readout_level,
        guarded=_write_protected,
        readout_cure=READOUT_CURE,
        write_cure=WRITE_CURE,
    ),
    preparations=PREPARATIONS,
    debug_setup=DEBUG_SETUP,
    watchdog_key=IWDG_KR,
    loader=LOADER,
)
