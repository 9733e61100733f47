"""STM32L0 and L1: flash that is erased to zeros and programmed by half pages; clocks, chips.

RM0367 (L0x3), RM0377 (L0x1), RM0376 (L0x2), RM0451 (L0x0), RM0038 (L1); section numbers of RM0367. L01x and L02x have
2 KiB of RAM and a loader of their own, which fits there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...arm.register import Word, bit
from ..device import KIB, Device, Part, bank_of, memory_map, parts
from ..family import Controller, Family, Flag, LoaderCode, Protection, Timing
from ..loaders.stm32l0 import LOADER as L0_LOADER
from ..loaders.stm32l0_small import LOADER as L0_SMALL_LOADER
from ..loaders.stm32l1 import LOADER as L1_LOADER
from ..memory_map import Region, Sector
from ..steps import Step
from .common import READOUT_CURE, WRITE_CURE, clock, clock_security, debug, kicks, masters
from .paged import IWDG_KR, rdp_level

__all__ = ["DEVICES"]

FLASH_START = 0x0800_0000
L0_BASE, L1_BASE = 0x4002_2000, 0x4002_3C00
L0_RCC, L1_RCC = 0x4002_1000, 0x4002_3800
PWR_CR, PWR_CSR = 0x4000_7000, 0x4000_7004
PEKEYS, PRGKEYS = (0x89AB_CDEF, 0x0203_0405), (0x8C9D_AEBF, 0x1314_1516)
WRITE_PROTECTION_GRAIN = 4096
WRPR = (0x20, 0x80, 0x84, 0x88)
"""RM0367 3.7.9, RM0038 3.9.9: a bit that is 1 protects 4 KiB."""


class SR(Word):
    """RM0367 3.7.7. Errors and EOP are cleared by writing 1. NOTZEROERR, FWWERR, RDERR on L0 alone."""

    BSY = bit(0)
    EOP = bit(1)
    READY = bit(3)
    WRPERR = bit(8)
    PGAERR = bit(9)
    SIZERR = bit(10)
    OPTVERR = bit(11)
    RDERR = bit(13)
    NOTZEROERR = bit(16)
    FWWERR = bit(17)


class PECR(Word):
    """RM0367 3.7.2."""

    PELOCK = bit(0)
    PRGLOCK = bit(1)
    OPTLOCK = bit(2)
    PROG = bit(3)
    DATA = bit(4)
    ERASE = bit(9)
    FPRG = bit(10)
    EOPIE = bit(16)
    ERRIE = bit(17)
    OBL_LAUNCH = bit(18)


MSI_ON, MSI_READY = 1 << 8, 1 << 9
MSI_RANGE, MSI_2_MHZ = 7 << 13, 5 << 13
"""RCC_ICSCR, RM0367 7.3.2: 2.097 MHz, which needs no wait states at any core voltage (RM0367 table 13)."""
SW_AND_HPRE, SWS = 0xF3, 0xC
LPRUN, REGLPF = 1 << 14, 1 << 5
PWREN, WWDGEN = 1 << 28, 1 << 11


def _steps(rcc: int, cfgr: int, apb1enr: int, security: Step, dma: Step) -> tuple[Step, ...]:
    on, switch = clock(rcc, on=MSI_ON, ready=MSI_READY, switch=(SW_AND_HPRE, 0, SWS, 0))
    return (
        Step("RCC_APB1ENR", "PWR has a clock, the window watchdog has none", apb1enr, clear=WWDGEN, set=PWREN),
        Step(
            "PWR_CR",
            "flash cannot be programmed in low-power run mode (RM0367)",
            PWR_CR,
            clear=LPRUN,
            gated=True,
            wait_at=PWR_CSR,
            wait=REGLPF,
        ),
        Step("RCC_ICSCR", "MSI at a speed that every core voltage allows", rcc + 4, clear=MSI_RANGE, set=MSI_2_MHZ),
        on,
        Step(switch.name, switch.why, cfgr, clear=SW_AND_HPRE, wait=SWS),
        security,
        dma,
    )


L0_DEBUG = debug(0x4001_5800, low_power=0b111, clock=("RCC_APB2ENR", L0_RCC + 0x34, 1 << 22))
L1_DEBUG = debug(0xE004_2000, low_power=0b111)
L0_STEPS = _steps(
    L0_RCC,
    L0_RCC + 0x0C,
    L0_RCC + 0x38,
    clock_security("RCC_CICR", L0_RCC + 0x18, 1 << 8),
    masters("RCC_AHBENR", L0_RCC + 0x30, off=1 << 0, on=1 << 8),
)
L1_STEPS = _steps(
    L1_RCC,
    L1_RCC + 0x08,
    L1_RCC + 0x24,
    clock_security("RCC_CIR", L1_RCC + 0x0C, 1 << 23, shared=True),
    masters("RCC_AHBENR", L1_RCC + 0x1C, off=3 << 24, on=1 << 15),
)

COMMON_ERRORS = (
    Flag("WRPERR", SR.WRPERR.mask, "the page is write-protected"),
    Flag("PGAERR", SR.PGAERR.mask, "the address was not that of a half page"),
    Flag("SIZERR", SR.SIZERR.mask, "the data came in pieces of a wrong size"),
)
L0_ERRORS = (
    *COMMON_ERRORS,
    Flag("NOTZEROERR", SR.NOTZEROERR.mask, "the place to be programmed was not erased"),
    Flag("FWWERR", SR.FWWERR.mask, "the operation was interrupted"),
)


def _described(*, low: bool, words: int) -> Family:
    """``low``: STM32L0; ``words``: registers of write protection."""
    base = L0_BASE if low else L1_BASE
    registers = {f"WRPR{n + 1}": base + WRPR[n] for n in range(words)}
    loader: LoaderCode = L0_LOADER if low else L1_LOADER
    errors = L0_ERRORS if low else COMMON_ERRORS
    time = Timing(3.28e-3, 3.94e-3)

    def guarded(seen: Mapping[str, int], sector: Sector) -> bool:
        index = (sector.start - FLASH_START) // WRITE_PROTECTION_GRAIN
        return bool(seen.get(f"WRPR{index // 32 + 1}", 0) >> index % 32 & 1)

    return Family(
        name="STM32L0" if low else "STM32L1",
        manual="RM0367" if low else "RM0038",
        base=base,
        controllers=(
            Controller(
                "FLASH",
                0x00,
                key=base + 0x0C,
                status=base + 0x18,
                control=base + 0x04,
                further=((PECR.PRGLOCK.mask, base + 0x10, PRGKEYS),),
            ),
        ),
        keys=PEKEYS,
        lock=PECR.PELOCK.mask,
        start=PECR.OBL_LAUNCH.mask,
        busy=SR.BSY.mask,
        errors=errors,
        clear_status=SR.make(EOP=1, OPTVERR=1, RDERR=low) | sum(flag.mask for flag in errors),
        program_unit=64 if low else 128,
        erased=0x00,
        erase=lambda _size: time,
        program=time,
        verify_per_byte=5.2e-6,
        protection=Protection(
            registers={"OBR": base + 0x1C, **registers},
            level=lambda seen: rdp_level(seen["OBR"] & 0xFF),
            guarded=guarded,
            readout_cure=READOUT_CURE,
            write_cure=WRITE_CURE,
        ),
        preparations=(L0_STEPS[0], *L0_DEBUG, *L0_STEPS[1:], kicks(IWDG_KR)) if low else (*L1_DEBUG, *L1_STEPS),
        debug_setup=L0_DEBUG if low else L1_DEBUG,
        watchdog_key=IWDG_KR,
        loader=loader,
        erase_word=lambda _sector: PECR.make(ERASE=1, PROG=1),
        program_word=PECR.make(FPRG=1, PROG=1),
    )


TWO_BANKS = (0x436, 0x437)
"""RM0038 3.3.1: equal halves, one after the other; parts of 256 KiB have one bank."""


def _regions(part: Part, _options: int) -> tuple[Region, ...]:
    low = part.line.startswith("L0")
    page = 128 if low else 256
    banks = 2 if part.dev_id in TWO_BANKS and part.flash != "C" else 1
    half = part.flash_kib * KIB // banks
    flash = [r for n in range(banks) for r in bank_of(n + 1, FLASH_START + n * half, (half // page, page))]
    return memory_map(
        flash=flash,
        ram=[("SRAM", 0x2000_0000, part.ram_kib * KIB)],
        rom=[("data EEPROM", 0x0808_0000, 0x4000), ("system memory, option bytes, ids", 0x1FF0_0000, 0x10_0000)],
        bit_band=not low,
    )


L07_ROWS = "L071 CKV8/CKRVB/CKRVZ, L072 V8/CKRVB/CKRVZ, L073 V8/CRVB/CRVZ, L081 CB/CKZ, L082 KB/CKZ, L083 V8/CRVB/CRVZ"
ROWS: tuple[tuple[int, str, Family, int, int, str], ...] = (
    (
        0x457,
        "STM32L01x/02x",
        replace(_described(low=True, words=1), loader=L0_SMALL_LOADER, verify_per_byte=9.5e-6),
        0x1FF8_007C,
        2,
        "L010 FK4, L011 DEFGK3/DEFGK4, L021 DFGK4",
    ),
    (
        0x425,
        "STM32L03x/04x",
        _described(low=True, words=1),
        0x1FF8_007C,
        8,
        "L031 CEFGK4/CEFGK6, L041 C4/CEFGK6, L010 C6",
    ),
    (
        0x417,
        "STM32L05x/06x",
        _described(low=True, words=1),
        0x1FF8_007C,
        8,
        "L051 CKRT6/CKRT8, L052 CKRT6/CKRT8, L053 CR6/CR8, L062 CK8, L063 CR8, L010 KR8",
    ),
    (0x447, "STM32L07x/08x", _described(low=True, words=2), 0x1FF8_007C, 20, L07_ROWS + ", L010 RB"),
    (
        0x416,
        "STM32L1xx6/8/B",
        _described(low=False, words=1),
        0x1FF8_004C,
        10,
        "L151 CR6/CRV8, L151 CRVB 16, L152 CR6/CRV8, L152 CRVB 16, L100 C6 4, L100 R8 8, L100 RB",
    ),
    (
        0x429,
        "STM32L1xx6/8/B-A",
        _described(low=False, words=1),
        0x1FF8_004C,
        16,
        "L151 CR6-A, L151 CRV8-A/CRVB-A 32, L152 CR6-A, L152 CRV8-A/CRVB-A 32, L100 C6-A 4, L100 R8-A 8, L100 RB-A",
    ),
    (
        0x427,
        "STM32L1xxC",
        _described(low=False, words=2),
        0x1FF8_00CC,
        32,
        "L151 CRUVC, L152 CRUVC, L162 RVC, L100 RC 16",
    ),
    (
        0x436,
        "STM32L1xxD, xC-A",
        _described(low=False, words=3),
        0x1FF8_00CC,
        32,
        "L151 QZC/RVC-A, L151 QRVZD 48, L152 QZC/RVC-A, L152 QRVZD 48, L162 QZC/RVC-A, L162 QRVZD 48",
    ),
    (
        0x437,
        "STM32L1xxE, xD-X",
        _described(low=False, words=4),
        0x1FF8_00CC,
        80,
        "L151 VD-X/QRVZE, L152 VD-X/QRVZE, L162 VD-X/RVZE",
    ),
)
SIZES = {0x436: lambda word: {0: 384, 1: 256}.get(word, word), 0x429: lambda word: word & 0xFF}
"""RM0038: a code in 0x436, the low byte alone in 0x429."""

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        family,
        parts(dev_id, ram_kib, rows),
        size_register,
        _regions,
        marking=marking,
        size_of=SIZES.get(dev_id, int),
    )
    for dev_id, marking, family, size_register, ram_kib, rows in ROWS
)
