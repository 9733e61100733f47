"""STM32H5 without TrustZone: flash, clocks, chips. RM0481 (H523 to H573), RM0492 (H503).

The controller is that of STM32H7A with other addresses: quad words, sectors of 8 KiB, two banks behind one set of
registers, status that is cleared through a register of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...arm.register import Register, bit, bits
from ..device import KIB, Device, Part, bank_of, memory_map, parts
from ..family import Controller, Family, Flag, Protection, Timing
from ..loaders.stm32h5 import LOADER
from ..memory_map import Region, Sector
from ..steps import Step
from .common import WRITE_CURE, clock_security, debug, kicks, masters, window
from .cortex_m33 import ICACHE_OFF, STACK_LIMITS
from .paged import IWDG_KR, KEYS, WWDG_CFR, WWDG_CR

__all__ = ["DEVICES", "STM32H5", "STM32H50"]

FLASH_START = 0x0800_0000
BASE = 0x4002_2000
RCC = 0x4402_0C00
DBGMCU = 0x4402_4000


class FlashACR(Register, address=BASE):
    """RM0481 7.11.1."""

    LATENCY = bits(0, 4)
    WRHIGHFREQ = bits(4, 2)
    PRFTEN = bit(8)


class FlashNSSR(Register, address=BASE + 0x20):
    """Read-only; NSCCR has the same bits to clear them. OBKERR and OBKWERR not on H503."""

    BSY = bit(0)
    WBNE = bit(1)
    DBNE = bit(3)
    EOP = bit(16)
    WRPERR = bit(17)
    PGSERR = bit(18)
    STRBERR = bit(19)
    INCERR = bit(20)
    OBKERR = bit(21)
    OBKWERR = bit(22)
    OPTCHANGEERR = bit(23)


class FlashNSCR(Register, address=BASE + 0x28):
    """BKSEL and SNB name the bank and sector as they are built, whether the banks are swapped or not."""

    LOCK = bit(0)
    PG = bit(1)
    SER = bit(2)
    BER = bit(3)
    FW = bit(4)
    START = bit(5)
    SNB = bits(6, 7)
    MER = bit(15)
    BKSEL = bit(31)


class FlashOPTSR(Register, address=BASE + 0x50):
    """FLASH_OPTSR_CUR."""

    PRODUCT_STATE = bits(8, 8)
    SWAP_BANK = bit(31)


class FlashOPTSR2(Register, address=BASE + 0x70):
    """FLASH_OPTSR2_CUR; TZEN is reserved on H503."""

    TZEN = bits(24, 8)


class RccCR(Register, address=RCC):
    """HSIDIV: 32 MHz at 1, as after a reset."""

    HSION = bit(0)
    HSIRDY = bit(1)
    HSIDIV = bits(3, 2)


class RccCFGR1(Register, address=RCC + 0x1C):
    """The clock switch."""

    SW = bits(0, 3)
    SWS = bits(3, 3)


class RccCFGR2(Register, address=RCC + 0x20):
    """The core's divider."""

    HPRE = bits(0, 4)


class RccAHB1ENR(Register, address=RCC + 0x88):
    """The bus masters besides the core are DMA and Ethernet."""

    GPDMA1EN = bit(0)
    GPDMA2EN = bit(1)
    FLITFEN = bit(8)
    ETHEN = bit(19)
    ETHTXEN = bit(20)
    ETHRXEN = bit(21)


class WwdgCFR(Register, address=WWDG_CFR):
    """As in all newer families."""

    W = bits(0, 7)
    WDGTB = bits(11, 3)


OPEN, LOCKED = 0xED, 0x5C
"""PRODUCT_STATE: debugging unrestricted; shut for ever."""
TRUSTZONE_ON = 0xB4
"""TZEN."""

DEBUG_SETUP = debug(DBGMCU, low_power=0b110)
STEPS = (
    *STACK_LIMITS,
    ICACHE_OFF,
    Step(
        "FLASH_ACR",
        "wait states and signal delay that are enough for any clock and core voltage",
        FlashACR.address,
        clear=FlashACR.make(LATENCY=0xF, WRHIGHFREQ=3, PRFTEN=1),
        set=FlashACR.make(LATENCY=5, WRHIGHFREQ=2),
    ),
    Step(
        "RCC_CR",
        "HSI is a clock that is always there",
        RccCR.address,
        clear=RccCR.HSIDIV.mask,
        set=RccCR.make(HSION=1, HSIDIV=1),
        wait=RccCR.HSIRDY.mask,
        wait_value=RccCR.HSIRDY.mask,
    ),
    Step(
        "RCC_CFGR1",
        "the core runs from HSI: no overclocking, no dying crystal, a known speed",
        RccCFGR1.address,
        clear=RccCFGR1.SW.mask,
        wait=RccCFGR1.SWS.mask,
    ),
    Step("RCC_CFGR2", "the core runs undivided", RccCFGR2.address, clear=RccCFGR2.HPRE.mask),
    clock_security("RCC_CICR", RCC + 0x58, 1 << 10),
    masters(
        "RCC_AHB1ENR",
        RccAHB1ENR.address,
        off=RccAHB1ENR.make(GPDMA1EN=1, GPDMA2EN=1, ETHEN=1, ETHTXEN=1, ETHRXEN=1),
        on=RccAHB1ENR.FLITFEN.mask,
    ),
    window(WwdgCFR.address, WwdgCFR.WDGTB.mask),
)

ERRORS = (
    Flag("WRPERR", FlashNSSR.WRPERR.mask, "the sector is write-protected"),
    Flag("PGSERR", FlashNSSR.PGSERR.mask, "the controller was not set up as the operation needs it"),
    Flag("STRBERR", FlashNSSR.STRBERR.mask, "a byte was written twice before the quad word was complete"),
    Flag("INCERR", FlashNSSR.INCERR.mask, "a quad word was left incomplete"),
)


def _level(words: Mapping[str, int]) -> int:
    return {OPEN: 0, LOCKED: 2}.get(FlashOPTSR(words["OPTSR_CUR"]).PRODUCT_STATE, 1)


def _erase_word(sector: Sector) -> int:
    return FlashNSCR.make(SER=1, SNB=sector.number, BKSEL=sector.bank == 2)


def _described(name: str, manual: str, group: int) -> Family:
    """``group``: sectors per bit of write protection."""

    def guarded(words: Mapping[str, int], sector: Sector) -> bool:
        return not words[f"WRP{sector.bank}R_CUR"] >> sector.number // group & 1

    return Family(
        name=name,
        manual=manual,
        base=BASE,
        controllers=(
            Controller(
                "FLASH",
                0x00,
                key=BASE + 0x04,
                status=FlashNSSR.address,
                control=FlashNSCR.address,
                clear=BASE + 0x30,
            ),
        ),
        keys=KEYS,
        lock=FlashNSCR.LOCK.mask,
        start=FlashNSCR.START.mask,
        busy=FlashNSSR.make(BSY=1, WBNE=1, DBNE=1),
        errors=ERRORS,
        clear_status=FlashNSSR.make(
            EOP=1, WRPERR=1, PGSERR=1, STRBERR=1, INCERR=1, OBKERR=1, OBKWERR=1, OPTCHANGEERR=1
        ),
        program_unit=16,
        erased=0xFF,
        erase=lambda _size: Timing(2e-3, 10e-3),
        program=Timing(30e-6, 200e-6),
        verify_per_byte=0.4e-6,
        protection=Protection(
            registers={
                "OPTSR_CUR": FlashOPTSR.address,
                "OPTSR2_CUR": FlashOPTSR2.address,
                "WRP1R_CUR": BASE + 0xE8,
                "WRP2R_CUR": BASE + 0x1E8,
            },
            level=_level,
            guarded=guarded,
            secure=lambda words: FlashOPTSR2(words["OPTSR2_CUR"]).TZEN == TRUSTZONE_ON,
            readout_cure="let ST's debug authentication do a regression, with the board's password or certificate.",
            write_cure=WRITE_CURE,
        ),
        preparations=(*DEBUG_SETUP, *STEPS, kicks(IWDG_KR)),
        debug_setup=DEBUG_SETUP,
        watchdog_key=IWDG_KR,
        window_watchdog=WWDG_CR,
        ecc=(BASE + 0x104,),
        loader=LOADER,
        erase_word=_erase_word,
        program_word=FlashNSCR.PG.mask,
    )


STM32H5 = _described("STM32H5", "RM0481", 4)
STM32H50 = _described("STM32H503", "RM0492", 1)
PAGE = 8 * KIB


def _regions(part: Part, options: int) -> tuple[Region, ...]:
    return memory_map(
        flash=tuple(_banks(part, options)),
        ram=[("SRAM", 0x2000_0000, part.ram_kib * KIB)],
        rom=[("OTP, ids", 0x08FF_F000, 0x1000), ("system memory", 0x0BF8_0000, 0x8_0000)],
        bit_band=False,
        boot_alias=False,
    )


def _banks(part: Part, options: int) -> Iterator[Region]:
    half = part.flash_kib * KIB // 2
    order = (2, 1) if FlashOPTSR(options).SWAP_BANK else (1, 2)
    for place, bank in enumerate(order):
        yield from bank_of(bank, FLASH_START + place * half, (half // PAGE, PAGE))


H56_ROWS = "H562 AIRVZG/AIRVZI, H563 AIRVZG/AIMRVZI, H573 AIMRVZI"
ROWS: tuple[tuple[int, str, Family, int, str], ...] = (
    (0x474, "STM32H503", STM32H50, 32, "H503 CEKRB"),
    (0x478, "STM32H523/533", STM32H5, 272, "H523 CRVZC/CHRVZE, H533 CHRVZE"),
    (0x484, "STM32H56x/573", STM32H5, 640, H56_ROWS),
)

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        family,
        parts(dev_id, ram_kib, rows),
        0x08FF_F80C,
        _regions,
        marking=marking,
        options=FlashOPTSR.address,
    )
    for dev_id, marking, family, ram_kib, rows in ROWS
)
