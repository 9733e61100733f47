"""STM32H743 (RM0433): Cortex-M7, two banks of 1 MiB."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..chip import KIB, MS, SRAM, US, ChipModel, FlashBank, Ram
from ..rcc import ResetCause
from .clocks import ClockPlan, Oscillator
from .debug_mcu import DebugPlan
from .f4 import STREAM_IRQS
from .family import Family, SystemMemory
from .plain import PlainPlan
from .stream_dma import StreamPlan
from .word_flash import WordFlash, WordPlan, WordTiming
from .words import words

__all__ = ["H7_CHIPS", "H7_FAMILIES"]

HSI_HZ, CSI_HZ = 64_000_000, 4_000_000

_RCC = words(
    """
    CR         00 00000001 150F12BB
    ICSCR      04 40000000 7C03F000
    CRRCR      08 0 0
    CFGR       10 0 FFFCFFC7
    D1CFGR     18 0 F7F
    D2CFGR     1C 0 770
    D3CFGR     20 0 70
    PLLCKSELR  28 02020200 03F3F3F3
    PLLCFGR    2C 01FF0000 01FF0FFF
    PLL1DIVR   30 01010280 7F7FFFFF
    PLL1FRACR  34 0 FFF8
    PLL2DIVR   38 01010280 7F7FFFFF
    PLL2FRACR  3C 0 FFF8
    PLL3DIVR   40 01010280 7F7FFFFF
    PLL3FRACR  44 0 FFF8
    D1CCIPR    4C 0 30010333
    D2CCIP1R   50 0 FFFFFFFF
    D2CCIP2R   54 0 FFFFFFFF
    D3CCIPR    58 0 FFFFFFFF
    CIER       60 0 3FF
    CIFR       64 0 0
    CICR       68 0 0
    BDCR       70 0 0001835D
    CSR        74 0 1
    AHB3RSTR   7C 0 80015031
    AHB1RSTR   80 0 0A008023
    AHB2RSTR   84 0 271
    AHB4RSTR   88 0 032807FF
    APB3RSTR   8C 0 8
    APB1LRSTR  90 0 E8FFC3FF
    APB1HRSTR  94 0 136
    APB2RSTR   98 0 31D73033
    APB4RSTR   9C 0 20DEAA
    GCR        A0 0 1
    D3AMR      A8 0 FFFFFFFF
    RSR        D0 0 0
    AHB3ENR    D4 0 15031
    AHB1ENR    D8 0 1E038023
    AHB2ENR    DC 0 E0000271
    AHB4ENR    E0 0 132807FF
    APB3ENR    E4 0 48
    APB1LENR   E8 0 E8FFC3FF
    APB1HENR   EC 0 136
    APB2ENR    F0 0 31D73033
    APB4ENR    F4 0 21DEAA
    """
)


def _inputs(name: str, registers: Mapping[str, int]) -> str:
    if not name.startswith("PLL"):
        return ""
    return ("HSI", "CSI", "HSE", "none")[registers["PLLCKSELR"] & 3]


def _frequency(name: str, registers: Mapping[str, int], hse: int) -> int:
    if name == "HSI":
        return HSI_HZ >> (registers["CR"] >> 3 & 3)
    if name != "PLL1":
        return {"CSI": CSI_HZ, "HSE": hse, "none": 0}[name]
    divider = registers["PLLCKSELR"] >> 4 & 0x3F
    if not divider or not registers["PLLCFGR"] >> 16 & 1:
        return 0
    plan = registers["PLL1DIVR"]
    reference = _frequency(_inputs(name, registers), registers, hse) // divider
    return reference * ((plan & 0x1FF) + 1) // ((plan >> 9 & 0x7F) + 1)


_CAUSES = {
    ResetCause.PIN: 1 << 22,
    ResetCause.POWER: 1 << 21 | 1 << 23 | 1 << 20 | 1 << 19,
    ResetCause.SOFTWARE: 1 << 24,
    ResetCause.IWDG: 1 << 26,
    ResetCause.WWDG: 1 << 28,
    ResetCause.LOW_POWER: 1 << 30,
}


def _causes(flags: int) -> int:
    return sum(bits for cause, bits in _CAUSES.items() if flags & cause) | (1 << 17 if flags else 0)


_CLOCKS = ClockPlan(
    base=0x5802_4400,
    registers=_RCC,
    oscillators=(
        Oscillator("HSI", "CR", 1 << 0, 1 << 2, 2 * US),
        Oscillator("CSI", "CR", 1 << 7, 1 << 8, 2 * US),
        Oscillator("HSI48", "CR", 1 << 12, 1 << 13, 3 * US),
        Oscillator("HSE", "CR", 1 << 16, 1 << 17, 2 * MS),
        Oscillator("PLL1", "CR", 1 << 24, 1 << 25, 100 * US),
        Oscillator("PLL2", "CR", 1 << 26, 1 << 27, 100 * US),
        Oscillator("PLL3", "CR", 1 << 28, 1 << 29, 100 * US),
        Oscillator("LSI", "CSR", 1, 2, 100 * US),
    ),
    sources=("HSI", "CSI", "HSE", "PLL1"),
    frequency=_frequency,
    inputs=_inputs,
    limit_hz=480_000_000,
    switch_bits=3,
    prescaler_register="D1CFGR",
    prescaler_shift=8,
    apb_shifts=(4, 4),
    holds={"PLL1DIVR": ("PLL1", 0xFFFF_FFFF), "PLLCKSELR": ("PLL1", 0x3F3)},
    set_only={"APB3ENR": 1 << 6},
    refuse={"BDCR": 1},
    cause_register="RSR",
    remove_flags=1 << 16,
    cause_bits=_causes,
    start_ready=("HSI",),
)
_TIMING = WordTiming(
    program=(290 * US, 180 * US, 130 * US, 100 * US),
    sector=(2000 * MS, 1600 * MS, 1100 * MS, 1000 * MS),
    bank=(16_000 * MS, 12_000 * MS, 10_000 * MS, 8_000 * MS),
)
_PWR = """
    CR1    00 F000C000 0007C3F1
    CSR1   04 4000 0
    CR2    08 0 11
    CR3    0C 6 03000307
    CPUCR  10 0 A07
    D3CR   18 6000 C000
    WKUPCR 20 0 0
    WKUPFR 24 0 0
    WKUPEPR 28 0 0FFF3F3F
"""
# The funnel of the serial trace (RM0433, SWTF): which sources pass.
_FUNNEL = """
    CTRL     000 300 F0F
    PRIORITY 004 0   3F
    LAR      FB0 0   0
    LSR      FB4 1   0
"""
_MULTIPLEXER = "\n".join(f"C{n}CR {4 * n:X} 0 1F7F01FF" for n in range(16))
_TIGHTLY_COUPLED = ((0, 64 * KIB), (SRAM, 128 * KIB))  # DMA1 and DMA2 do not reach them (RM0433 2.1)
_PLAIN = PlainPlan(
    port_base=0x5802_0000,
    port_gate=("AHB4ENR", 0),
    port_mode=(0xABFF_FFFF, 0xFFFF_FEBF, 0xFFFF_FFFF),
    timers=(
        ("TIM2", 0x4000_0000, ("APB1LENR", 0)),
        ("TIM3", 0x4000_0400, ("APB1LENR", 1)),
        ("TIM6", 0x4000_1000, ("APB1LENR", 4)),
        ("TIM7", 0x4000_1400, ("APB1LENR", 5)),
        ("TIM1", 0x4001_0000, ("APB2ENR", 0)),
    ),
    usarts=(
        ("USART1", 0x4001_1000, ("APB2ENR", 4)),
        ("USART2", 0x4000_4400, ("APB1LENR", 17)),
        ("USART3", 0x4000_4800, ("APB1LENR", 18)),
    ),
    files=(
        ("PWR", 0x5802_4800, None, _PWR, {}),
        ("SWTF", 0x5C00_4000, None, _FUNNEL, {}),
        ("DMAMUX1", 0x4002_0800, None, _MULTIPLEXER, {}),
    ),
    file_sizes={"SWTF": 0x1000},
    crc=(0x5802_4C00, ("AHB4ENR", 19)),
    places=(
        (0x4000_0000, 0x4000_C000),
        (0x4001_0000, 0x4001_7800),
        (0x4002_0000, 0x4008_0000),
        (0x4802_0000, 0x4802_3000),
        (0x5000_0000, 0x5000_4000),
        (0x5100_0000, 0x5110_0000),
        (0x5200_0000, 0x5200_9000),
        (0x5800_0000, 0x5802_7000),
    ),
)
_H743 = Family(
    clocks=_CLOCKS,
    debug=DebugPlan(
        {0x04: 0x1070_01BF, 0x34: 0x40, 0x3C: 0x00E0_03FF, 0x4C: 0x2007_0003, 0x54: 0x0005_1E80},
        (0x54, 18),
        (0x34, 6),
        0x5C00_1000,
    ),
    system=SystemMemory(0x1FF0_0000, 0x2_0000, 0x1FF1_E880, 0x1FF1_E800),
    plain=_PLAIN,
    make_flash=partial(WordFlash, WordPlan(_TIMING)),
    wwdg_gate=("APB3ENR", 6),
    iwdg_base=0x5800_4800,
    wwdg_base=0x5000_3000,
    boot_base=0x0800_0000,
    dmas=(
        StreamPlan("DMA1", 0x4002_0000, ("AHB1ENR", 0), STREAM_IRQS[0], unreachable=_TIGHTLY_COUPLED),
        StreamPlan("DMA2", 0x4002_0400, ("AHB1ENR", 1), STREAM_IRQS[1], unreachable=_TIGHTLY_COUPLED),
    ),
)
H7_FAMILIES = {"h743": _H743}
H7_CHIPS = (
    ChipModel(
        name="stm32h743zi",
        description="STM32H743ZI, 2 MiB flash, Cortex-M7",
        rams=(
            Ram("ITCM", 0, 64 * KIB),
            Ram("DTCM", SRAM, 128 * KIB),
            Ram("AXI SRAM", 0x2400_0000, 512 * KIB),
            Ram("SRAM1", 0x3000_0000, 128 * KIB),
            Ram("SRAM2", 0x3002_0000, 128 * KIB),
            Ram("SRAM3", 0x3004_0000, 32 * KIB),
            Ram("SRAM4", 0x3800_0000, 64 * KIB),
            Ram("backup SRAM", 0x3880_0000, 4 * KIB),
        ),
        banks=tuple(FlashBank(0x0800_0000 + n * 1024 * KIB, 1024 * KIB, 128 * KIB) for n in range(2)),
        idcode=0x2003_6450,
        boundary_scan_id=0x0645_0041,
        rom_table_part=0x450,
        ports="ABCDEFGHIJK",
        unique_id=bytes.fromhex("25003f000d51383339353838"),
        interrupts=150,
        family="h743",
        core="cortex-m7",
        core_hz=HSI_HZ,
        mpu_regions=16,
        dpidr=0x6BA0_2477,
        jtag_id=0x6BA0_0477,
        ap_idr=0x8477_0001,
        flash_at_0=False,
    ),
)
