"""STM32H7: flash, clocks, chips; section numbers of RM0433.

RM0433 is for H742 to H753, RM0399 for H745 to H757, RM0468 for H72x and H73x, RM0455 for H7A3 to
H7B3. STM32H7R and H7S have another controller and are not described here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...arm.register import Register, Word, bit, bits
from ..device import KIB, Device, Part, bank_of, memory_map, parts
from ..family import Controller, Family, Flag, LoaderCode, Protection, Timing
from ..loaders.stm32h7 import LOADER as BY_256_BITS
from ..loaders.stm32h7a import LOADER as BY_128_BITS
from ..memory_map import Region, Sector
from ..steps import Step
from .common import READOUT_CURE, WRITE_CURE, clock_security, kicks, masters, window
from .cortex_m7 import CACHES_OFF
from .paged import KEYS, rdp_level

__all__ = ["DEVICES"]

BASE = 0x5200_2000
BANK_STARTS = (0x0800_0000, 0x0810_0000)
BANK_2_REGISTERS = 0x100
IWDG_KR = 0x5800_4800
WWDG_CR = 0x5000_3000


class FlashACR(Register, address=BASE):
    """RM0433 4.9.1."""

    LATENCY = bits(0, 4)
    WRHIGHFREQ = bits(4, 2)


class FlashSR1(Register, address=BASE + 0x10):
    """RM0433 4.9.5. Read-only; CCR1 has the same bits to clear them."""

    BSY = bit(0)
    WBNE = bit(1)
    QW = bit(2)
    EOP = bit(16)
    WRPERR = bit(17)
    PGSERR = bit(18)
    STRBERR = bit(19)
    INCERR = bit(21)
    OPERR = bit(22)
    RDPERR = bit(23)
    RDSERR = bit(24)
    SNECCERR = bit(25)
    DBECCERR = bit(26)
    CRCEND = bit(27)
    CRCRDERR = bit(28)


class CR(Word):
    """RM0433 4.9.4."""

    LOCK = bit(0)
    PG = bit(1)
    SER = bit(2)
    BER = bit(3)
    PSIZE = bits(4, 2)
    FW = bit(6)
    START = bit(7)
    SNB = bits(8, 3)


class CRH7A(Word):
    """RM0455, FLASH_CR."""

    LOCK = bit(0)
    PG = bit(1)
    SER = bit(2)
    BER = bit(3)
    FW = bit(4)
    START = bit(5)
    SNB = bits(6, 7)


class FlashOPTSR(Register, address=BASE + 0x1C):
    """RM0433 4.9.8, FLASH_OPTSR_CUR."""

    RDP = bits(8, 8)
    SWAP_BANK_OPT = bit(31)


class RccCR(Register, address=0x5802_4400):
    """RM0433 8.7.2."""

    HSION = bit(0)
    HSIRDY = bit(2)
    HSIDIV = bits(3, 2)


class RccCFGR(Register, address=0x5802_4410):
    """RM0433 8.7.6."""

    SW = bits(0, 3)
    SWS = bits(3, 3)


class RccD1CFGR(Register, address=0x5802_4418):
    """RM0433 8.7.7."""

    HPRE = bits(0, 4)
    D1CPRE = bits(8, 4)


class RccAHB3ENR(Register, address=0x5802_44D4):
    """RM0433 8.7.40: MDMA alone reaches DTCM."""

    MDMAEN = bit(0)


class WwdgCFR(Register, address=WWDG_CR + 4):
    """RM0433, WWDG_CFR."""

    W = bits(0, 7)
    WDGTB = bits(11, 3)


class DbgmcuCR(Register, address=0x5C00_1004):
    """RM0433, DBGMCU_CR. The freeze registers can be reached only with the domains' debug clocks on."""

    DBG_SLEEPD1 = bit(0)
    DBG_STOPD1 = bit(1)
    DBG_STANDBYD1 = bit(2)
    DBG_CKD1EN = bit(21)
    DBG_CKD3EN = bit(22)


class DbgmcuAPB3FZ1(Register, address=0x5C00_1034):
    """RM0433, DBGMCU."""

    DBG_WWDG1 = bit(6)


class DbgmcuAPB4FZ1(Register, address=0x5C00_1054):
    """RM0433, DBGMCU."""

    DBG_IWDG1 = bit(18)


DEBUG_SETUP = (
    Step(
        "DBGMCU_CR",
        "sleep modes keep the debug port alive, and the freeze registers have a clock",
        DbgmcuCR.address,
        set=DbgmcuCR.make(DBG_SLEEPD1=1, DBG_STOPD1=1, DBG_STANDBYD1=1, DBG_CKD1EN=1, DBG_CKD3EN=1),
        survives_reset=True,
    ),
    *(
        Step(name, "the watchdogs stand still while the core is halted", address, set=mask, survives_reset=True)
        for name, address, mask in (
            ("DBGMCU_APB3FZ1", DbgmcuAPB3FZ1.address, DbgmcuAPB3FZ1.DBG_WWDG1.mask),
            ("DBGMCU_APB4FZ1", DbgmcuAPB4FZ1.address, DbgmcuAPB4FZ1.DBG_IWDG1.mask),
        )
    ),
)

PREPARATIONS = (
    *DEBUG_SETUP,
    CACHES_OFF,
    Step(
        "FLASH_ACR",
        "wait states and signal delay that are enough for any clock and core voltage",
        FlashACR.address,
        clear=FlashACR.LATENCY.mask,
        set=FlashACR.make(LATENCY=7, WRHIGHFREQ=3),
    ),
    Step(
        "RCC_CR",
        "HSI, undivided, is a clock that is always there",
        RccCR.address,
        clear=RccCR.HSIDIV.mask,
        set=RccCR.HSION.mask,
        wait=RccCR.HSIRDY.mask,
        wait_value=RccCR.HSIRDY.mask,
    ),
    Step(
        "RCC_CFGR",
        "the core runs from HSI: no overclocking, no dying crystal, a known speed",
        RccCFGR.address,
        clear=RccCFGR.SW.mask,
        wait=RccCFGR.SWS.mask,
    ),
    Step(
        "RCC_D1CFGR",
        "the core and its buses run undivided",
        RccD1CFGR.address,
        clear=RccD1CFGR.HPRE.mask | RccD1CFGR.D1CPRE.mask,
    ),
    clock_security("RCC_CICR", 0x5802_4468, 1 << 10),
    masters("RCC_AHB3ENR", RccAHB3ENR.address, off=RccAHB3ENR.MDMAEN.mask),
    window(WwdgCFR.address, WwdgCFR.WDGTB.mask),
    kicks(IWDG_KR),
)

ERROR_MEANINGS = {
    "WRPERR": "the sector is write-protected",
    "PGSERR": "the controller was not set up as the operation needs it",
    "STRBERR": "a byte was written twice before the flash word was complete",
    "INCERR": "a flash word was left incomplete",
    "OPERR": "the operation failed",
}


CLEARABLE = FlashSR1.make(
    EOP=1, WRPERR=1, PGSERR=1, STRBERR=1, INCERR=1, RDPERR=1, RDSERR=1, SNECCERR=1, DBECCERR=1, CRCEND=1, CRCRDERR=1
)


@dataclass(frozen=True, slots=True)
class Kind:
    """In what the controllers differ. ``group``: sectors per bit of write protection."""

    name: str
    manual: str
    controls: type[Word]
    unit: int
    group: int
    banks: int
    loader: LoaderCode
    erase: Timing
    program: Timing


def _described(kind: Kind) -> Family:
    make = kind.controls.make
    psize = {"PSIZE": 3} if "PSIZE" in kind.controls.fields else {}
    with_operr = "PSIZE" in kind.controls.fields  # RM0455: H7A and H7B have neither
    offsets = {1: 0, 2: BANK_2_REGISTERS}
    banks = range(1, kind.banks + 1)

    def guarded(words: Mapping[str, int], sector: Sector) -> bool:
        return not words[f"WPSN_CUR{sector.bank}"] >> sector.number // kind.group & 1

    return Family(
        name=kind.name,
        manual=kind.manual,
        base=BASE,
        controllers=tuple(
            Controller(
                f"FLASH bank {bank}",
                offsets[bank],
                key=BASE + offsets[bank] + 0x04,
                status=BASE + offsets[bank] + 0x10,
                control=BASE + offsets[bank] + 0x0C,
                clear=BASE + offsets[bank] + 0x14,
            )
            for bank in banks
        ),
        keys=KEYS,
        lock=make(LOCK=1),
        start=make(START=1),
        busy=FlashSR1.make(BSY=1, WBNE=1, QW=1),
        unfinished=FlashSR1.WBNE.mask,
        errors=tuple(
            Flag(name, FlashSR1.fields[name].mask, meaning)
            for name, meaning in ERROR_MEANINGS.items()
            if with_operr or name != "OPERR"
        ),
        clear_status=FlashSR1.make(CLEARABLE, OPERR=with_operr),
        program_unit=kind.unit,
        erased=0xFF,
        erase=lambda _size: kind.erase,
        program=kind.program,
        verify_per_byte=0.25e-6,
        protection=Protection(
            registers={
                "OPTSR_CUR": FlashOPTSR.address,
                **{f"WPSN_CUR{bank}": BASE + offsets[bank] + 0x38 for bank in banks},
            },
            level=lambda words: rdp_level(FlashOPTSR(words["OPTSR_CUR"]).RDP),
            guarded=guarded,
            readout_cure=READOUT_CURE,
            write_cure=WRITE_CURE,
        ),
        preparations=PREPARATIONS,
        debug_setup=DEBUG_SETUP,
        watchdog_key=IWDG_KR,
        window_watchdog=WWDG_CR,
        loader=kind.loader,
        erase_word=lambda sector: make(SER=1, SNB=sector.number, **psize),
        program_word=make(PG=1, **psize),
        patience=33.0,
    )


BIG, SMALL = (Timing(1.0, 4.0), Timing(100e-6, 400e-6)), (Timing(2e-3, 10e-3), Timing(30e-6, 200e-6))
"""Sector erase and programming of a word; data sheets of STM32H743, STM32H7A3, memory characteristics."""
STM32H7 = _described(Kind("STM32H7", "RM0433", CR, 32, 1, 2, BY_256_BITS, *BIG))
STM32H72 = _described(Kind("STM32H72x/73x", "RM0468", CR, 32, 1, 1, BY_256_BITS, *BIG))
STM32H7A = _described(Kind("STM32H7A/H7B", "RM0455", CRH7A, 16, 4, 2, BY_128_BITS, *SMALL))
"""RM0455: a bit of WPSG guards four sectors."""
H72, H7A = 0x483, 0x480
AXI_KIB = {0x450: 512, 0x480: 1024, 0x483: 320}


def _banks(part: Part, options: int) -> Iterator[Region]:
    page = 8 * KIB if part.dev_id == H7A else 128 * KIB
    size = part.flash_kib * KIB
    if part.dev_id == H72 or part.flash == "B":
        yield from bank_of(1, BANK_STARTS[0], (size // page, page))
        return
    order = (2, 1) if FlashOPTSR(options).SWAP_BANK_OPT else (1, 2)
    for bank, start in zip(order, BANK_STARTS, strict=True):
        yield from bank_of(bank, start, (size // 2 // page, page))


def _regions(part: Part, options: int) -> tuple[Region, ...]:
    return memory_map(
        flash=tuple(_banks(part, options)),
        ram=[
            ("DTCM", 0x2000_0000, part.ram_kib * KIB),
            ("ITCM", 0x0000_0000, 64 * KIB),
            ("AXI SRAM", 0x2400_0000, AXI_KIB[part.dev_id] * KIB),
            ("SRAM of the other domains", 0x3000_0000, 0x1000_0000),
        ],
        rom=[("OTP, ids", 0x08FF_F000, 0x1000), ("system memory", 0x1FF0_0000, 0x2_0000)],
        bit_band=False,
        boot_alias=False,
    )


H74_ROWS = (
    "H743 ABIVXZG/ABIVXZI, H742 ABIVXZG/ABIVXZI, H745 BIXZG/BIXZI, H747 ABIXG/ABIXZI, H750 IVXZB, H753 ABIVXZI, "
    "H755 BIXZI, H757 ABIXZI"
)
H72_ROWS = "H723 VZE/VZG, H725 AIRVZE/AIRVZG, H730 AIVZB, H733 VZG, H735 AIRVZG"
ROWS: tuple[tuple[int, str, Family, int, str], ...] = (
    (0x450, "STM32H742 to H757", STM32H7, 0x1FF1_E880, H74_ROWS),
    (
        H72,
        "STM32H72x/73x",
        STM32H72,
        0x1FF1_E880,
        "H723 VZE/VZG, H725 AIRVZE/AIRVZG, H730 AIVZB, H733 VZG, H735 AIRVZG",
    ),
    (H7A, "STM32H7A3/7B0/7B3", STM32H7A, 0x08FF_F80C, "H7A3 AILNRVZG/AILNQRVZI, H7B0 AIRVZB, H7B3 AILNQRVZI"),
)

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        family,
        parts(dev_id, 128, rows),
        size_register,
        _regions,
        marking=marking,
        options=FlashOPTSR.address if dev_id != H72 else 0,
    )
    for dev_id, marking, family, size_register, rows in ROWS
)
