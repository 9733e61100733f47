"""What the relatives of the STM32L4's flash controller share, and in what they differ (RM0351 3.7)."""

from __future__ import annotations

from dataclasses import dataclass

from ..chip import MS
from .ecc_options import OptionPlan

__all__ = [
    "ACR_EMPTY",
    "BLOCKING",
    "BSY",
    "CFGBSY",
    "DBG_SWEN",
    "DCEN",
    "DCRST",
    "EOP",
    "EOPIE",
    "ERRIE",
    "FASTERR",
    "FAST_LIMIT",
    "FSTPG",
    "ICEN",
    "ICRST",
    "KEYS",
    "LOCK",
    "MER1",
    "MISERR",
    "OBL_LAUNCH",
    "OPERR",
    "OPTION_KEYS",
    "OPTLOCK",
    "OPTSTRT",
    "OPTVERR",
    "PEMPTY",
    "PER",
    "PG",
    "PGAERR",
    "PGSERR",
    "POWER_DOWN_KEYS",
    "PROGERR",
    "RDERR",
    "RDERRIE",
    "RUN_PD",
    "SIZERR",
    "STRT",
    "WRPERR",
    "EccPlan",
    "EccTiming",
]

# SR (RM0351 3.7.5)
EOP, OPERR, PROGERR, WRPERR, PGAERR, SIZERR, PGSERR, MISERR, FASTERR = (1 << n for n in (0, 1, 3, 4, 5, 6, 7, 8, 9))
RDERR, OPTVERR, BSY, PEMPTY, CFGBSY = 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18
BLOCKING = PROGERR | WRPERR | PGAERR | SIZERR | PGSERR | MISERR | FASTERR

# CR (RM0351 3.7.6)
PG, PER, MER1, STRT, OPTSTRT, FSTPG = 1 << 0, 1 << 1, 1 << 2, 1 << 16, 1 << 17, 1 << 18
EOPIE, ERRIE, RDERRIE, OBL_LAUNCH, OPTLOCK, LOCK = 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 30, 1 << 31

RUN_PD, ICEN, DCEN, ICRST, DCRST = 1 << 13, 1 << 9, 1 << 10, 1 << 11, 1 << 12
ACR_EMPTY, DBG_SWEN = 1 << 16, 1 << 18
KEYS, OPTION_KEYS = (0x4567_0123, 0xCDEF_89AB), (0x0819_2A3B, 0x4C5D_6E7F)
POWER_DOWN_KEYS = (0x0415_2637, 0xFAFB_FCFD)
FAST_LIMIT = 7 * MS  # FSTPG may not stay longer (RM0351 3.3.7)


@dataclass(frozen=True)
class EccTiming:
    """Typical times in ps: one unit, one unit of a fast row, a page, a whole bank."""

    program: int
    fast: int
    erase_page: int
    erase_all: int


@dataclass(frozen=True)
class EccPlan:
    """One member of the family. ``registers``: offset by name; ``acr``: (reset value, writable bits)."""

    registers: dict[str, int]
    acr: tuple[int, int]
    timing: EccTiming
    options: OptionPlan
    page_bits: tuple[int, int] = (3, 8)  # first bit and width of CR.PNB
    bank_bit: int | None = None  # CR.BKER
    mass_bits: tuple[int, ...] = (MER1,)  # CR.MER1, MER2
    flags: int = EOP | OPERR | BLOCKING | RDERR | OPTVERR
    unit: int = 8
    row: int = 256  # bytes of a fast row; 0: none
    control: int = EOPIE | ERRIE | RDERRIE
    base: int = 0x4002_2000
    irq: int = 4
    empty: str = ""  # where "the flash is empty" is shown: "SR" (a write of 1 toggles), "ACR" (a plain bit), ""
    shows_configuration: bool = False  # SR.CFGBSY
    second_busy: int = 0  # SR.BSY2 where bank 2 has its own
    one_time: tuple[int, int] | None = None  # OTP area
    waiting: int = 0  # SR.WDW: words of a unit are missing
    burst: tuple[int, int, int] | None = None  # bit of CR, bytes, ps of what is programmed in one go
    ecc_bank: int = 0  # ECCR.BK_ECC
    ecc_step: int = 1  # bytes that one step of ECCR.ADDR_ECC stands for
    stalls_control: bool = False  # a write to CR while busy stalls the bus; else it is ignored
