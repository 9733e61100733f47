"""STM32G0 and C0: flash, clocks, chips. RM0444 (G0x1), RM0454 (G0x0), RM0490 (C0); section numbers of RM0444."""

from __future__ import annotations

from collections.abc import Iterator

from ...arm.register import Register, bit, bits
from ..device import KIB, Device, Part, bank_of, memory_map, parts
from ..family import EmptyFlag, Family, Timing
from ..memory_map import Region
from ..steps import Step
from .common import caches, clock, clock_security, debug, low_power_run, masters, window
from .paged import BSY, CFGBSY, EMPTY, WRP_BANK_1, WRP_BANK_2, WWDG_CFR, Places, describe, with_width

__all__ = ["DEVICES"]

FLASH_START = 0x0800_0000
BASE = 0x4002_2000
OPTR = BASE + 0x20
BSY2 = 1 << 17
"""RM0444 3.7.4: bank 2 of G0Bx, G0Cx; reserved on the others."""
N_SWAP_BANK, DUAL_BANK = 1 << 20, 1 << 21
"""OPTR, RM0444 3.7.8."""
PAGE = 2 * KIB


class FlashACR(Register, address=BASE):
    """RM0444 3.7.1."""

    LATENCY = bits(0, 3)
    PRFTEN = bit(8)
    ICEN = bit(9)
    ICRST = bit(11)


class RccCR(Register, address=0x4002_1000):
    """RM0444 5.4.1, RM0490: HSI16 on G0, HSI48 on C0."""

    HSION = bit(8)
    HSIRDY = bit(10)
    HSIDIV = bits(11, 3)


class RccCFGR(Register, address=0x4002_1008):
    """RM0444 5.4.3."""

    SW = bits(0, 3)
    SWS = bits(3, 3)
    HPRE = bits(8, 4)


class RccAHBENR(Register, address=0x4002_1038):
    """RM0444 5.4.14."""

    DMA1EN = bit(0)
    DMA2EN = bit(1)
    FLASHEN = bit(8)


class RccAPBENR1(Register, address=0x4002_103C):
    """RM0444 5.4.15. WWDGEN cannot be cleared."""

    WWDGEN = bit(11)
    DBGEN = bit(27)
    PWREN = bit(28)


class WwdgCFR(Register, address=WWDG_CFR):
    """RM0444, WWDG_CFR."""

    W = bits(0, 7)
    WDGTB = bits(11, 3)


PWR_CR1 = 0x4000_7000
DBG_STOP_AND_STANDBY = 0b110
DIVIDED_BY_4 = 2
"""HSIDIV of C0: 12 MHz, as after a reset."""

DEBUG_SETUP = debug(
    0x4001_5800,
    low_power=DBG_STOP_AND_STANDBY,
    clock=("RCC_APBENR1", RccAPBENR1.address, RccAPBENR1.make(DBGEN=1, PWREN=1)),
)
MASTERS = masters(
    "RCC_AHBENR",
    RccAHBENR.address,
    off=RccAHBENR.make(DMA1EN=1, DMA2EN=1),
    on=RccAHBENR.make(FLASHEN=1),
)
CLOCK_SECURITY = clock_security("RCC_CICR", RccCR.address + 0x20, 1 << 8)
WINDOW = window(WwdgCFR.address, WwdgCFR.WDGTB.mask)
ERASE, PROGRAM = Timing(22e-3, 40e-3), Timing(85e-6, 125e-6)


def _caches(wait_states: int) -> Step:
    return caches(
        FlashACR.address,
        latency=FlashACR.LATENCY.mask,
        wait_states=wait_states,
        enables=FlashACR.make(PRFTEN=1, ICEN=1),
        resets=FlashACR.ICRST.mask,
    )


def _clock(division: int) -> tuple[Step, ...]:
    return clock(
        RccCR.address,
        on=RccCR.HSION.mask,
        ready=RccCR.HSIRDY.mask,
        divider=RccCR.HSIDIV.mask,
        division=RccCR.make(HSIDIV=division),
        switch=(RccCFGR.SW.mask | RccCFGR.HPRE.mask, 0, RccCFGR.SWS.mask, 0),
    )


STM32G0 = describe(
    name="STM32G0",
    manual="RM0444",
    base=BASE,
    busy=BSY | CFGBSY,
    bank=0,
    areas=WRP_BANK_1,
    width=6,
    erase=ERASE,
    program=PROGRAM,
    steps=(low_power_run(PWR_CR1, gated=True), _caches(2), *_clock(0), CLOCK_SECURITY, MASTERS, WINDOW),
    debug_setup=DEBUG_SETUP,
    empty=EmptyFlag(FlashACR.address, EMPTY, toggles=False),
)
STM32G0B = describe(
    name="STM32G0B/G0C",
    manual="RM0444",
    base=BASE,
    busy=BSY | BSY2 | CFGBSY,
    bank=1 << 13,
    areas=WRP_BANK_1 | WRP_BANK_2,
    width=7,
    erase=ERASE,
    program=PROGRAM,
    steps=STM32G0.preparations[len(DEBUG_SETUP) :],
    debug_setup=DEBUG_SETUP,
    empty=STM32G0.empty,
    places=Places(ecc=(0x18, 0x1C)),
)
STM32C0 = describe(
    name="STM32C0",
    manual="RM0490",
    base=BASE,
    busy=BSY | CFGBSY,
    bank=0,
    areas=WRP_BANK_1,
    width=7,
    erase=ERASE,
    program=PROGRAM,
    steps=(_caches(1), *_clock(DIVIDED_BY_4), CLOCK_SECURITY, MASTERS, WINDOW),
    debug_setup=DEBUG_SETUP,
    verify_per_byte=0.9e-6,
    empty=STM32G0.empty,
    places=Places(ecc=()),
)

G0B = 0x467


def _banks(part: Part, options: int) -> Iterator[Region]:
    dual = part.dev_id == G0B and bool(options & DUAL_BANK)
    half = part.flash_kib * KIB // (2 if dual else 1)
    order = (1,) if not dual else (1, 2) if options & N_SWAP_BANK else (2, 1)  # BKER names the bank as it is built
    for place, bank in enumerate(order):
        yield from bank_of(bank, FLASH_START + place * half, (half // PAGE, PAGE))


def _regions(part: Part, options: int) -> tuple[Region, ...]:
    return memory_map(
        flash=tuple(_banks(part, options)),
        ram=[("SRAM", 0x2000_0000, part.ram_kib * KIB)],
        rom=[("system memory, OTP, option bytes", 0x1FFF_0000, 0x8000)],
        bit_band=False,
    )


ROWS: tuple[tuple[int, str, Family, int, str], ...] = (
    (0x443, "STM32C01x", STM32C0, 6, "C011 FJ4/DFJ6"),
    (0x453, "STM32C03x", STM32C0, 12, "C031 CFGK4/CFGK6"),
    (0x44C, "STM32C05x", STM32C0, 12, "C051 CFGK6/CDFGK8"),
    (0x493, "STM32C07x", STM32C0, 24, "C071 CFGKR8/CFGKRB"),
    (0x44D, "STM32C09x", STM32C0, 36, "C091 CFGKRB/CEFGKRC, C092 CFGKRB/CEFGKRC 30"),
    (0x466, "STM32G03x/04x", STM32G0, 8, "G030 CFJK6/CK8, G031 CFGJK4/CFGJK6/CFGKY8, G041 CFGJK6/CFGKY8"),
    (0x456, "STM32G05x/06x", STM32G0, 18, "G050 CFK6/CK8, G051 CFGK6/CFGK8, G061 CFGK6/CFGK8"),
    (0x460, "STM32G07x/08x", STM32G0, 36, "G070 CKRB, G071 CGKR6/CGKR8/CEGKRB, G081 CEGKRB"),
    (G0B, "STM32G0Bx/0Cx", STM32G0B, 144, "G0B0 CKRVE, G0B1 CKMRVB/CKMRVC/CKMNRVE, G0C1 CKMRVC/CKMNRVE"),
)

WIDTHS = {0x443: 4, 0x453: 4, 0x44C: 5, 0x493: 6, 0x466: 5, 0x456: 5}
"""Bits of a page number in WRP1AR, where not those of the family's largest (RM0444, RM0490 and the headers)."""

DEVICES = tuple(
    Device(
        dev_id,
        f"DEV_ID 0x{dev_id:03X}",
        with_width(family, WIDTHS[dev_id]) if dev_id in WIDTHS else family,
        parts(dev_id, ram_kib, rows),
        0x1FFF_75A0 if family is STM32C0 else 0x1FFF_75E0,
        _regions,
        marking=marking,
        options=OPTR if dev_id == G0B else 0,
        usual=DUAL_BANK | N_SWAP_BANK,
    )
    for dev_id, marking, family, ram_kib, rows in ROWS
)
"""Flash size: device electronic signature in RM0444, RM0490."""
