"""The flash of STM32F2 and STM32F4; section numbers of RM0090.

RM0090 is for F405 to F439, RM0033 for F2; the other F4 have RM0368, RM0383, RM0386, RM0390, RM0401, RM0402, RM0430.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ...arm.register import Register, bit, bits
from ..family import Controller, Family, Flag, Protection, Timing
from ..loaders.stm32f4 import LOADER as BY_WORDS
from ..loaders.stm32f4_half import LOADER as BY_HALF_WORDS
from ..memory_map import Sector
from ..steps import Step
from .common import READOUT_CURE, WRITE_CURE, clock_security
from .paged import rdp_level

__all__ = [
    "CLOCK_AND_MASTERS",
    "DEBUG_SETUP",
    "FLASH_SIZE",
    "FLASH_START",
    "STM32F2",
    "STM32F4",
    "STM32F4_TWO_BANKS",
    "FlashOPTCR",
]

FLASH_START = 0x0800_0000
BASE = 0x4002_3C00
FLASH_SIZE = 0x1FFF_7A22
"""RM0090 39.2: flash in KiB, 16 bits."""
IWDG_KR = 0x4000_3000
KIB = 1024


class FlashACR(Register, address=BASE):
    """RM0090 3.9.1. The caches can be reset only while they are off."""

    LATENCY = bits(0, 4)
    PRFTEN = bit(8)
    ICEN = bit(9)
    DCEN = bit(10)
    ICRST = bit(11)
    DCRST = bit(12)


class FlashSR(Register, address=BASE + 0x0C):
    """RM0090 3.9.4. All but BSY are cleared by writing 1. RDERR is reserved on F2 and F40x."""

    EOP = bit(0)
    OPERR = bit(1)
    WRPERR = bit(4)
    PGAERR = bit(5)
    PGPERR = bit(6)
    PGSERR = bit(7)
    RDERR = bit(8)
    BSY = bit(16)


class FlashCR(Register, address=BASE + 0x10):
    """RM0090 3.9.5. The second bank's sectors are numbered from 16 on."""

    PG = bit(0)
    SER = bit(1)
    MER = bit(2)
    SNB = bits(3, 5)
    PSIZE = bits(8, 2)
    MER2 = bit(15)
    STRT = bit(16)
    EOPIE = bit(24)
    ERRIE = bit(25)
    LOCK = bit(31)


class FlashOPTCR(Register, address=BASE + 0x14):
    """RM0090 3.9.7; a bit of NWRP that is 0 protects. With SPRMOD it protects against reading code, where it is 1."""

    RDP = bits(8, 8)
    NWRP = bits(16, 12)
    DB1M = bit(30)
    SPRMOD = bit(31)


class FlashOPTCR1(Register, address=BASE + 0x18):
    """RM0090 3.9.8: the same for the sectors of bank 2; reserved where there is none."""

    NWRP = bits(16, 12)


class RccCR(Register, address=0x4002_3800):
    """RM0090 6.3.1."""

    HSION = bit(0)
    HSIRDY = bit(1)
    CSSON = bit(19)


class RccCFGR(Register, address=0x4002_3808):
    """RM0090 6.3.3."""

    SW = bits(0, 2)
    SWS = bits(2, 2)
    HPRE = bits(4, 4)


class RccAHB1ENR(Register, address=0x4002_3830):
    """RM0090 6.3.10: the bus masters besides the core are DMA, Ethernet and the high-speed USB."""

    DMA1EN = bit(21)
    DMA2EN = bit(22)
    DMA2DEN = bit(23)
    ETHMACEN = bit(25)
    ETHMACTXEN = bit(26)
    ETHMACRXEN = bit(27)
    OTGHSEN = bit(29)


class RccAPB1ENR(Register, address=0x4002_3840):
    """RM0090 6.3.13."""

    WWDGEN = bit(11)


class DbgmcuCR(Register, address=0xE004_2004):
    """RM0090 38.16.3. Only a power-on reset clears it."""

    DBG_SLEEP = bit(0)
    DBG_STOP = bit(1)
    DBG_STANDBY = bit(2)


class DbgmcuAPB1FZ(Register, address=0xE004_2008):
    """RM0090 38.16.4."""

    DBG_WWDG_STOP = bit(11)
    DBG_IWDG_STOP = bit(12)


DEBUG_SETUP = (
    Step(
        "DBGMCU_CR",
        "sleep modes keep the debug port alive",
        DbgmcuCR.address,
        set=DbgmcuCR.make(DBG_SLEEP=1, DBG_STOP=1, DBG_STANDBY=1),
        survives_reset=True,
    ),
    Step(
        "DBGMCU_APB1_FZ",
        "the watchdogs stand still while the core is halted",
        DbgmcuAPB1FZ.address,
        set=DbgmcuAPB1FZ.make(DBG_WWDG_STOP=1, DBG_IWDG_STOP=1),
        survives_reset=True,
    ),
)

CLOCK_AND_MASTERS = (
    Step(
        "RCC_CR",
        "HSI is a clock that is always there; a crystal that fails makes no NMI",
        RccCR.address,
        clear=RccCR.CSSON.mask,
        set=RccCR.make(HSION=1),
        wait=RccCR.HSIRDY.mask,
        wait_value=RccCR.HSIRDY.mask,
    ),
    Step(
        "RCC_CFGR",
        "the core runs from HSI, undivided: no overclocking, no dying crystal, a known speed",
        RccCFGR.address,
        clear=RccCFGR.SW.mask | RccCFGR.HPRE.mask,
        wait=RccCFGR.SWS.mask,
    ),
    clock_security("RCC_CIR", 0x4002_380C, 1 << 23, shared=True),
    Step(
        "RCC_AHB1ENR",
        "DMA, Ethernet and USB would write into the loader's memory",
        RccAHB1ENR.address,
        clear=RccAHB1ENR.make(DMA1EN=1, DMA2EN=1, DMA2DEN=1, ETHMACEN=1, ETHMACTXEN=1, ETHMACRXEN=1, OTGHSEN=1),
    ),
    Step(
        "RCC_APB1ENR",
        "the window watchdog counts while the loader runs; without its clock it stands still",
        RccAPB1ENR.address,
        clear=RccAPB1ENR.make(WWDGEN=1),
    ),
)
"""The same registers and bits on F7."""

PREPARATIONS = (
    *DEBUG_SETUP,
    Step(
        "FLASH_ACR",
        "the caches would keep what is programmed over, and are emptied before they go on again (3.5.2)",
        FlashACR.address,
        clear=FlashACR.make(PRFTEN=1, ICEN=1, DCEN=1, ICRST=1, DCRST=1),
        flush=FlashACR.make(ICRST=1, DCRST=1),
    ),
    *CLOCK_AND_MASTERS,
)

WORDS, HALF_WORDS = 2, 1
"""PSIZE, RM0090 3.6.2: words from 2.7 V on, half-words from 2.1 V on."""
FULL_VOLTS = 2.7
BANK_2_SECTORS = 16
LAST_WRITE_PROTECTION_BIT = 14
"""RM0430, FLASH_OPTCR: F413, F423 have 15 bits for 16 sectors, the others 12 for 12."""

TIMES = {
    WORDS: {16: Timing(0.25, 0.5), 64: Timing(0.55, 1.1), 128: Timing(1.0, 2.0)},
    HALF_WORDS: {16: Timing(0.3, 0.6), 64: Timing(0.7, 1.4), 128: Timing(1.3, 2.6)},
}
"""By PSIZE and KiB; data sheets of STM32F405/407 and F42x, memory characteristics."""
STORE = Timing(16e-6, 100e-6)


def _write_protected(words: Mapping[str, int], sector: Sector) -> bool:
    word = words["OPTCR1" if sector.bank == 2 else "OPTCR"] >> FlashOPTCR.NWRP.lsb
    return bool(word >> min(sector.number, LAST_WRITE_PROTECTION_BIT) & 1) == FlashOPTCR(words["OPTCR"]).SPRMOD


def _described(psize: int, banks: int, below: Family | None = None) -> Family:
    """The controller as it is with this parallelism and number of banks."""
    registers = {"OPTCR": FlashOPTCR.address, "OPTCR1": FlashOPTCR1.address}

    def erase_word(sector: Sector) -> int:
        number = sector.number + (BANK_2_SECTORS if sector.bank == 2 else 0)
        return FlashCR.make(SER=1, SNB=number, PSIZE=psize)

    stores = 1 if psize == WORDS else 2
    return Family(
        name="STM32F4",
        manual="RM0090",
        base=BASE,
        controllers=(Controller("FLASH", 0x00, key=BASE + 0x04, status=FlashSR.address, control=FlashCR.address),),
        keys=(0x4567_0123, 0xCDEF_89AB),
        lock=FlashCR.LOCK.mask,
        start=FlashCR.STRT.mask,
        busy=FlashSR.BSY.mask,
        errors=(
            Flag("OPERR", FlashSR.OPERR.mask, "the operation failed"),
            Flag("WRPERR", FlashSR.WRPERR.mask, "the sector is write-protected"),
            Flag("PGAERR", FlashSR.PGAERR.mask, "the data crossed a row of 128 bits"),
            Flag("PGPERR", FlashSR.PGPERR.mask, "the access was not as wide as PSIZE says"),
            Flag("PGSERR", FlashSR.PGSERR.mask, "the controller was not set up as the operation needs it"),
        ),
        clear_status=FlashSR.make(EOP=1, OPERR=1, WRPERR=1, PGAERR=1, PGPERR=1, PGSERR=1, RDERR=1),
        program_unit=4,
        erased=0xFF,
        erase=lambda size: TIMES[psize][size // KIB],
        program=Timing(stores * STORE.typical, stores * STORE.maximum),
        verify_per_byte=0.65e-6,
        protection=Protection(
            registers=dict(list(registers.items())[:banks]),
            level=lambda words: rdp_level(FlashOPTCR(words["OPTCR"]).RDP),
            guarded=_write_protected,
            readout_cure=READOUT_CURE,
            write_cure=WRITE_CURE,
        ),
        preparations=PREPARATIONS,
        debug_setup=DEBUG_SETUP,
        watchdog_key=IWDG_KR,
        loader=BY_WORDS if psize == WORDS else BY_HALF_WORDS,
        erase_word=erase_word,
        program_word=FlashCR.make(PG=1, PSIZE=psize),
        patience=33.0,
        volts=FULL_VOLTS if below else 0.0,
        below=below,
    )


STM32F4 = _described(WORDS, 1, below=_described(HALF_WORDS, 1))
STM32F4_TWO_BANKS = _described(WORDS, 2, below=_described(HALF_WORDS, 2))
"""F42x, F43x, F46x, F47x: whether a part uses both is in its option bytes."""
STM32F2 = dataclasses.replace(STM32F4, name="STM32F2", manual="RM0033")
