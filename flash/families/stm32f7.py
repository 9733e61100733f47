"""STM32F7: flash, clocks, chips. RM0385 (F74x, F75x), RM0410 (F76x, F77x), RM0431 (F72x, F73x).

Registers, clocks and loaders as in STM32F4, whose module has them; section numbers of RM0385.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...arm.register import Register, bit, bits
from ..device import KIB, Device, Part, Remap, bank_of, memory_map, parts
from ..family import Family, Flag, Timing
from ..memory_map import Region, Sector
from ..steps import Step
from .common import kicks
from .cortex_m7 import CACHES_OFF
from .stm32f4 import CLOCK_AND_MASTERS, DEBUG_SETUP, STM32F4, FlashOPTCR

__all__ = ["DEVICES"]

FLASH_START = 0x0800_0000
BASE = 0x4002_3C00


class FlashACR(Register, address=BASE):
    """RM0385 3.7.1: the accelerator serves the flash at 0x00200000."""

    LATENCY = bits(0, 4)
    PRFTEN = bit(8)
    ARTEN = bit(9)
    ARTRST = bit(11)


class FlashSR(Register, address=BASE + 0x0C):
    """RM0385 3.7.4. RDERR on F72x and F73x alone."""

    EOP = bit(0)
    OPERR = bit(1)
    WRPERR = bit(4)
    PGAERR = bit(5)
    PGPERR = bit(6)
    ERSERR = bit(7)
    RDERR = bit(8)
    BSY = bit(16)


N_DBANK = 1 << 29
"""OPTCR, RM0410 3.7.6: 0 for two banks; F76x, F77x alone."""
BANK_1_BITS = 6
"""RM0410 3.7.6: with two banks a bit of nWRP guards two sectors, the first six those of bank 1."""

PREPARATIONS = (
    *DEBUG_SETUP,
    kicks(STM32F4.watchdog_key),
    CACHES_OFF,
    Step(
        "FLASH_ACR",
        "the accelerator would keep what is programmed over, and is emptied before it goes on again (3.3.2)",
        FlashACR.address,
        clear=FlashACR.make(PRFTEN=1, ARTEN=1, ARTRST=1),
        flush=FlashACR.ARTRST.mask,
    ),
    *CLOCK_AND_MASTERS,
)

FULL = {16: (0.25, 0.5), 32: (0.25, 0.5), 64: (0.55, 1.1), 128: (1.0, 2.0), 256: (2.0, 4.0)}
LOW = {16: (0.3, 0.6), 32: (0.3, 0.6), 64: (0.7, 1.4), 128: (1.3, 2.6), 256: (2.6, 5.2)}
"""Erasing a sector of so many KiB by words and by half-words; data sheets, memory characteristics."""


def _guarded(words: Mapping[str, int], sector: Sector) -> bool:
    return not words["OPTCR"] >> FlashOPTCR.NWRP.lsb >> sector.number & 1


def _guarded_by_pairs(words: Mapping[str, int], sector: Sector) -> bool:
    if words["OPTCR"] & N_DBANK:
        return _guarded(words, sector)
    number = sector.number // 2 + (BANK_1_BITS if sector.bank == 2 else 0)
    return not words["OPTCR"] >> FlashOPTCR.NWRP.lsb >> number & 1


def _like(f4: Family, times: dict[int, tuple[float, float]], *, pairs: bool) -> Family:
    """The controller of an STM32F4, as it is here."""
    errors = (
        *(flag for flag in f4.errors if flag.name != "PGSERR"),
        Flag("ERSERR", FlashSR.ERSERR.mask, "the controller was not set up as the operation needs it"),
    )
    return replace(
        f4,
        name="STM32F7",
        manual="RM0410" if pairs else "RM0385",
        errors=errors,
        erase=lambda size: Timing(*times[size // KIB]),
        protection=replace(f4.protection, guarded=_guarded_by_pairs if pairs else _guarded),
        preparations=PREPARATIONS,
        below=_like(f4.below, LOW, pairs=pairs) if f4.below else None,
    )


STM32F7 = _like(STM32F4, FULL, pairs=False)
STM32F76 = _like(STM32F4, FULL, pairs=True)
F72, F74, F76 = 0x452, 0x449, 0x451


def _bank(bank: int, start: int, kib: int, small: int) -> Iterator[Region]:
    """Four sectors of ``small`` KiB, one four times as large, the rest eight times (RM0385 table 3, RM0410 table 4)."""
    few = min(4, kib // small)
    middle = 1 if kib > 4 * small else 0
    sectors = ((few, small * KIB), (middle, 4 * small * KIB), ((kib - 8 * small) // (8 * small), 8 * small * KIB))
    return bank_of(bank, start, *sectors)


def _banks(part: Part, options: int) -> Iterator[Region]:
    if part.dev_id == F76 and not options & N_DBANK:
        half = part.flash_kib // 2
        yield from _bank(1, FLASH_START, half, 16)
        yield from _bank(2, FLASH_START + half * KIB, half, 16)
    else:
        yield from _bank(1, FLASH_START, part.flash_kib, 16 if part.dev_id == F72 else 32)


def _regions(part: Part, options: int) -> tuple[Region, ...]:
    return memory_map(
        flash=tuple(_banks(part, options)),
        ram=[("DTCM and SRAM", 0x2000_0000, part.ram_kib * KIB), ("ITCM", 0x0000_0000, 16 * KIB)],
        rom=[
            ("system memory at ITCM", 0x0010_0000, 0x1_0000),
            ("flash at ITCM", 0x0020_0000, part.flash_kib * KIB),
            ("system memory, OTP, ids", 0x1FF0_0000, 0x1_0000),
            ("option bytes", 0x1FFF_0000, 0x1_0000),
        ],
        bit_band=False,
        boot_alias=False,
    )


ROWS: tuple[tuple[int, str, Family, int, str], ...] = (
    (F74, "STM32F74x/75x", STM32F7, 320, "F746 BINVZE/BINVZG, F745 IVZE/IVZG, F750 NVZ8, F756 BINVZG"),
    (
        F76,
        "STM32F76x/77x",
        STM32F76,
        512,
        "F767 BINVZG/BINVZI, F765 BINVZG/BINVZI, F768 AI, F769 ABING/ABINI, F777 BINVZI, F778 AI, F779 ABINI",
    ),
    (F72, "STM32F72x/73x", STM32F7, 256, "F722 IRVZC/IRVZE, F723 IVZC/IVZE, F730 IRVZ8, F732 IRVZE, F733 IVZE"),
)

REMAP = Remap(0x4001_3800, 1 << 8, 0x4002_3844, 1 << 14)
"""RM0410, SYSCFG_MEMRMP.SWP_FB; set by the boot ROM where the option bytes say so, or by firmware."""

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        family,
        parts(dev_id, ram_kib, rows),
        0x1FF0_7A22 if dev_id == F72 else 0x1FF0_F442,
        _regions,
        marking=marking,
        options=FlashOPTCR.address if dev_id == F76 else 0,
        usual=N_DBANK,
        remap=REMAP,
    )
    for dev_id, marking, family, ram_kib, rows in ROWS
)
"""Flash size: device electronic signature in RM0385, RM0431."""
