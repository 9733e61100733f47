"""STM32L5 and U5 without TrustZone: flash, clocks, chips. RM0438 (L5), RM0456 (U5)."""

from __future__ import annotations

from collections.abc import Iterator

from ..device import KIB, Device, Part, bank_of, memory_map, parts
from ..family import Family, Timing
from ..loaders.stm32l5 import LOADER as BY_8
from ..loaders.stm32u5 import LOADER as BY_16
from ..memory_map import Region
from ..steps import Step
from .common import caches, clock, clock_security, debug, low_power_run, masters, window
from .cortex_m33 import ICACHE_OFF, STACK_LIMITS
from .paged import BSY, WWDG_CFR, Places, describe, with_width

__all__ = ["DEVICES"]

FLASH_START = 0x0800_0000
BASE = 0x4002_2000
PLACES = Places(key=0x08, status=0x20, control=0x28, options=0x40, ecc=(0x30,))
AREAS = {"WRP1AR": (0x58, 1), "WRP1BR": (0x5C, 1), "WRP2AR": (0x68, 2), "WRP2BR": (0x6C, 2)}
BKER = 1 << 11
WDW = 1 << 17
"""RM0456 7.9.7: data waits to be written; U5 alone."""
LATENCY, PRFTEN = 0xF, 1 << 8
HSI_ON, HSI_READY = 1 << 8, 1 << 10
SW, SWS, HSI16 = 3, 3 << 2, 1
HPRE = 0xF
WDGTB = 7 << 11
TZEN = 1 << 31
"""OPTR."""

DEBUG_SETUP = debug(0xE004_4000, low_power=0b110)

L5_STEPS = (
    *STACK_LIMITS,
    masters("RCC_APB1ENR1", 0x4002_1058, off=0, on=1 << 28),
    ICACHE_OFF,
    caches(BASE, latency=LATENCY, wait_states=5, enables=0, resets=0),
    low_power_run(0x4000_7000, gated=True),
    *clock(0x4002_1000, on=HSI_ON, ready=HSI_READY, switch=(SW | 0xF0, HSI16, SWS, HSI16 << 2)),
    clock_security("RCC_CICR", 0x4002_1020, 1 << 8),
    masters("RCC_AHB1ENR", 0x4002_1048, off=0b11, on=1 << 8),
    window(WWDG_CFR, WDGTB),
)
U5_RCC = 0x4602_0C00
U5_ON, U5_SWITCH = clock(U5_RCC, on=HSI_ON, ready=HSI_READY, switch=(SW, HSI16, SWS, HSI16 << 2))
U5_STEPS = (
    *STACK_LIMITS,
    ICACHE_OFF,
    caches(BASE, latency=LATENCY, wait_states=4, enables=PRFTEN, resets=0),
    U5_ON,
    Step("RCC_CFGR1", U5_SWITCH.why, U5_RCC + 0x1C, clear=SW, set=HSI16, wait=SWS, wait_value=HSI16 << 2),
    Step("RCC_CFGR2", "the core runs undivided", U5_RCC + 0x20, clear=HPRE),
    clock_security("RCC_CICR", U5_RCC + 0x58, 1 << 10),
    masters("RCC_AHB1ENR", U5_RCC + 0x88, off=1 << 0 | 1 << 18 | 1 << 19 | 1 << 20, on=1 << 8),
    window(WWDG_CFR, WDGTB),
)

STM32L5 = describe(
    name="STM32L5",
    manual="RM0438",
    base=BASE,
    busy=BSY,
    bank=BKER,
    areas=AREAS,
    width=7,
    erase=Timing(22e-3, 25e-3),
    program=Timing(82e-6, 111e-6),
    steps=L5_STEPS,
    debug_setup=DEBUG_SETUP,
    places=PLACES,
    loader=BY_8,
    trustzone=TZEN,
)
STM32U5 = describe(
    name="STM32U5",
    manual="RM0456",
    base=BASE,
    busy=BSY | WDW,
    bank=BKER,
    areas=AREAS,
    width=8,
    erase=Timing(1.5e-3, 5e-3),
    program=Timing(118e-6, 236e-6),
    steps=U5_STEPS,
    debug_setup=DEBUG_SETUP,
    places=PLACES,
    unit=16,
    loader=BY_16,
    trustzone=TZEN,
)

L5, U5F = 0x472, 0x476
SWAP_BANK, DB256K, DBANK, DUALBANK = 1 << 20, 1 << 21, 1 << 22, 1 << 21
"""OPTR: RM0438, RM0456 7.9.13."""
LARGEST_KIB = {L5: 512, 0x455: 512, 0x482: 2048, 0x481: 4096, U5F: 4096}
U5F_BANK_2 = 0x0820_0000


def _banks(part: Part, options: int) -> Iterator[Region]:
    full = part.flash_kib == LARGEST_KIB[part.dev_id]
    if part.dev_id == L5:
        dual = bool(options & (DBANK if full else DB256K))
        page = 2 * KIB if dual else 4 * KIB
    else:
        dual, page = full or bool(options & DUALBANK), 8 * KIB
    if not dual:
        yield from bank_of(1, FLASH_START, (part.flash_kib * KIB // page, page))
        return
    half = part.flash_kib * KIB // 2
    starts = FLASH_START, U5F_BANK_2 if part.dev_id == U5F else FLASH_START + half
    order = (2, 1) if options & SWAP_BANK else (1, 2)  # BKER names the bank as it is built
    for start, bank in zip(starts, order, strict=True):
        yield from bank_of(bank, start, (half // page, page))


def _regions(part: Part, options: int) -> tuple[Region, ...]:
    return memory_map(
        flash=tuple(_banks(part, options)),
        ram=[("SRAM", 0x2000_0000, part.ram_kib * KIB)],
        rom=[("OTP, system memory, ids", 0x0BF8_0000, 0x8_0000)],
        bit_band=False,
        boot_alias=False,
    )


ROWS: tuple[tuple[int, str, Family, int, str], ...] = (
    (L5, "STM32L552/562", STM32L5, 256, "L552 CQRVZC/CMQRVZE, L562 CMQRVZE"),
    (0x455, "STM32U535/545", STM32U5, 256, "U535 CRB/CNRVC/CJNRVE, U545 CJNRVE"),
    (0x482, "STM32U575/585", STM32U5, 768, "U575 ACOQRVZG/ACOQRVZI, U585 ACOQRVZI"),
    (0x481, "STM32U59x/5Ax", STM32U5, 2496, "U595 AQRVZI/AQRVZJ, U599 NVZI/BNVZJ, U5A5 QI/AQRVZJ, U5A9 BNVZJ"),
    (U5F, "STM32U5Fx/5Gx", STM32U5, 3008, "U5F7 VI/VJ, U5F9 VZI/BNVZJ, U5G7 VJ, U5G9 BNVZJ"),
)

WIDTHS = {0x455: 5, 0x482: 7}
"""Bits of a page number in WRP1AR, where not those of the family's largest."""

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        with_width(family, WIDTHS[dev_id]) if dev_id in WIDTHS else family,
        parts(dev_id, ram_kib, rows),
        0x0BFA_05E0 if dev_id == L5 else 0x0BFA_07A0,
        _regions,
        marking=marking,
        options=BASE + PLACES.options,
        usual=DBANK | DUALBANK,
    )
    for dev_id, marking, family, ram_kib, rows in ROWS
)
"""Flash size: device electronic signature in RM0438, RM0456."""
