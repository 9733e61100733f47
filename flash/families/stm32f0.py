"""STM32F0 and F3: the controller and loader of STM32F1, other clocks and option bytes, their chips.

RM0091 (F0x1, F0x2, F0x8), RM0360 (F0x0), RM0316 (F303, F358), RM0313 (F373), RM0364 (F334), RM0365 (F302),
RM0366 (F301). Section numbers of RM0091.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...arm.register import Register, bit, bits
from ..device import KIB, Device, Part, bank_of, memory_map, parts
from ..family import Family, Timing
from ..memory_map import Region
from ..steps import Step
from .common import READOUT_CURE, debug, kicks, masters
from .stm32f1 import FLASH_START, RCC_CFGR_STEP, RCC_CIR_STEP, RCC_CR_STEP, STM32F1

__all__ = ["DEVICES"]

FLASH_SIZE = 0x1FFF_F7CC


class FlashOBR(Register, address=0x4002_201C):
    """RM0091, RM0316, FLASH_OBR: 0, 1, or 3 for level 2."""

    RDPRT = bits(1, 2)


class RccAHBENR(Register, address=0x4002_1014):
    """RM0091 6.4.6, RM0316 9.4.6."""

    DMA1EN = bit(0)
    DMA2EN = bit(1)
    FLITFEN = bit(4)


class RccAPB2ENR(Register, address=0x4002_1018):
    """RM0091 6.4.7."""

    SYSCFGEN = bit(0)
    DBGMCUEN = bit(22)


class SyscfgCFGR1(Register, address=0x4001_0000):
    """RM0091, SYSCFG_CFGR1: what is seen at address 0."""

    MEM_MODE = bits(0, 2)


SRAM_AT_0 = 3
"""MEM_MODE."""


class RccAPB1ENR(Register, address=0x4002_101C):
    """RM0091 6.4.8."""

    WWDGEN = bit(11)


ERASE = Timing(30e-3, 40e-3)
"""Data sheets: 20 to 40 ms, no typical value."""
OBL_LAUNCH = 1 << 13
"""FLASH_CR, RM0091: would reset the chip."""


def _debug_f0(clocks: int) -> tuple[Step, ...]:
    return debug(0x4001_5800, low_power=0b110, clock=("RCC_APB2ENR", RccAPB2ENR.address, clocks))


DEBUG_F0 = _debug_f0(RccAPB2ENR.make(DBGMCUEN=1))
DEBUG_F3 = debug(0xE004_2000, low_power=0b111)

VECTORS_IN_SRAM = (
    *_debug_f0(RccAPB2ENR.make(SYSCFGEN=1, DBGMCUEN=1)),
    Step(
        "SYSCFG_CFGR1",
        "a Cortex-M0 has no VTOR: NMI and HardFault find the loader's vectors, which are where SRAM begins, at 0",
        SyscfgCFGR1.address,
        clear=SyscfgCFGR1.MEM_MODE.mask,
        set=SyscfgCFGR1.make(MEM_MODE=SRAM_AT_0),
        gated=True,
    ),
)
COMMON = (
    RCC_CR_STEP,
    RCC_CFGR_STEP,
    RCC_CIR_STEP,
    masters("RCC_AHBENR", RccAHBENR.address, off=RccAHBENR.make(DMA1EN=1, DMA2EN=1), on=RccAHBENR.make(FLITFEN=1)),
    Step(
        "RCC_APB1ENR",
        "the window watchdog counts while the loader runs; without its clock it stands still",
        RccAPB1ENR.address,
        clear=RccAPB1ENR.make(WWDGEN=1),
    ),
)


def _level(words: Mapping[str, int]) -> int:
    return {0: 0, 3: 2}.get(FlashOBR(words["OBR"]).RDPRT, 1)


def _described(name: str, manual: str, debug_setup: tuple[Step, ...], steps: tuple[Step, ...]) -> Family:
    protection = replace(
        STM32F1.protection,
        level=_level,
        readout_cure=READOUT_CURE,
    )
    return replace(
        STM32F1,
        name=name,
        manual=manual,
        controllers=STM32F1.controllers[:1],
        start=STM32F1.start | OBL_LAUNCH,
        protection=protection,
        erase=lambda _size: ERASE,
        debug_setup=debug_setup,
        preparations=(*steps, kicks(STM32F1.watchdog_key)),
    )


STM32F0 = _described("STM32F0", "RM0091", DEBUG_F0, (*VECTORS_IN_SRAM, *COMMON))
STM32F3 = _described("STM32F3", "RM0316", DEBUG_F3, (*DEBUG_F3, *COMMON))

CCM_KIB = {
    **dict.fromkeys(("F303B", "F303C", "F358C"), 8),
    **dict.fromkeys(("F303D", "F303E", "F398E"), 16),
    **dict.fromkeys(("F3036", "F3038", "F3288", "F3344", "F3346", "F3348"), 4),
}
"""At 0x10000000; RM0316 3.2, RM0364 3.2."""
SMALL_PAGES = (0x440, 0x444, 0x445)


def _regions(part: Part, _options: int) -> tuple[Region, ...]:
    page = 1 * KIB if part.dev_id in SMALL_PAGES else 2 * KIB
    ccm = CCM_KIB.get(part.line + part.flash, 0)
    return memory_map(
        flash=tuple(bank_of(1, FLASH_START, (part.flash_kib * KIB // page, page))),
        ram=[("SRAM", 0x2000_0000, part.ram_kib * KIB), *([("CCM SRAM", 0x1000_0000, ccm * KIB)] if ccm else [])],
        rom=[("system memory, option bytes", 0x1FFF_0000, 0x1_0000)],
        bit_band=part.line.startswith("F3"),
    )


ROWS: tuple[tuple[int, str, Family, int, str], ...] = (
    (0x440, "STM32F05x/F030x8", STM32F0, 8, "F051 CKR4/CKR6/CKRT8, F030 CR8, F058 CRT8"),
    (0x442, "STM32F09x/F030xC", STM32F0, 32, "F091 CRVB/CRVC, F030 CRC, F098 CRVC"),
    (0x444, "STM32F03x", STM32F0, 4, "F030 F4/CK6, F031 CFGK4/CEFGK6, F038 CEFGK6"),
    (0x445, "STM32F04x/F070x6", STM32F0, 6, "F042 CFGK4/CFGKT6, F048 CGT6, F070 CF6"),
    (0x448, "STM32F07x", STM32F0, 16, "F072 CRV8/CRVB, F070 CRB, F071 CV8/CRVB, F078 CRVB"),
    (0x422, "STM32F302/303/358xB/C", STM32F3, 40, "F303 CRVB 32, F303 CRVC, F302 CRVB 32, F302 CRVC, F358 CRVC"),
    (0x432, "STM32F37x", STM32F3, 32, "F373 CRV8 16, F373 CRVB 24, F373 CRVC, F378 CRVC"),
    (0x438, "STM32F303x6/8/F328/F334", STM32F3, 12, "F303 CKR6/CKR8, F328 C8, F334 CK4/CKR6/CKR8"),
    (0x439, "STM32F301/302x6/8/F318", STM32F3, 16, "F302 CKR6/CKR8, F301 CKR6/CKR8, F318 CK8"),
    (0x446, "STM32F302/303xD/E/F398", STM32F3, 64, "F303 RVZD/RVZE, F302 RVZD/RVZE, F398 VE"),
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
