"""STM32H563 (RM0481): Cortex-M33 behind access port 1, two banks of 1 MiB in sectors of 8 KiB. TrustZone is off."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..chip import KIB, MS, SRAM, US, ChipModel, FlashBank, Ram
from .caches import DATA_CACHE, INSTRUCTION_CACHE
from .clocks import ClockPlan, Oscillator
from .debug_mcu import DebugPlan
from .family import Family, SystemMemory
from .m33_parts import general_dma, serial_ports, timers
from .plain import PlainPlan
from .quad_flash import QuadFlash, QuadPlan
from .words import words

__all__ = ["H5_CHIPS", "H5_FAMILIES"]

HSI_HZ, CSI_HZ = 64_000_000, 4_000_000

# --- clocks; CFGR stands for CFGR1. HSI is divided by two after reset, as a real one was seen to be

_RCC = words(
    """
    CR        00 00000029 151D151D
    HSICFGR   10 00400000 007F0000
    CRRCR     14 0 0
    CSICFGR   18 00200000 003F0000
    CFGR      1C 0 FFFCBFC7
    CFGR2     20 0 007B777F
    PLL1CFGR  28 0 00073F3F
    PLL2CFGR  2C 0 00073F3F
    PLL3CFGR  30 0 00073F3F
    PLL1DIVR  34 01010280 7F7FFFFF
    PLL1FRACR 38 0 FFF8
    PLL2DIVR  3C 01010280 7F7FFFFF
    PLL2FRACR 40 0 FFF8
    PLL3DIVR  44 01010280 7F7FFFFF
    PLL3FRACR 48 0 FFF8
    CIER      50 0 1FF
    CIFR      54 0 0
    CICR      58 0 0
    AHB1RSTR  60 0 010AD003
    AHB2RSTR  64 0 00061DFF
    AHB4RSTR  6C 0 00111800
    APB1LRSTR 74 0 DFFEC1FF
    APB1HRSTR 78 0 0080022B
    APB2RSTR  7C 0 017F7800
    APB3RSTR  80 0 0010F9E2
    AHB1ENR   88 D0000100 D13AD103
    AHB2ENR   8C C0000000 C0061DFF
    AHB4ENR   94 0 00111800
    APB1LENR  9C 0 DFFEC9FF
    APB1HENR  A0 0 0080022B
    APB2ENR   A4 0 017F7800
    APB3ENR   A8 0 0030F9E2
    CCIPR1    D8 0 FFFFFFFF
    CCIPR2    DC 0 FFFFFFFF
    CCIPR3    E0 0 FFFFFFFF
    CCIPR4    E4 0 FFFFFFFF
    CCIPR5    E8 0 FFFFFFFF
    BDCR      F0 0 0F01837D
    RSR       F4 0 0
    """
)


def _inputs(name: str, registers: Mapping[str, int]) -> str:
    if not name.startswith("PLL"):
        return ""
    return ("none", "HSI", "CSI", "HSE")[registers[f"{name}CFGR"] & 3]


def _frequency(name: str, registers: Mapping[str, int], hse: int) -> int:
    if name == "HSI":
        return HSI_HZ >> (registers["CR"] >> 3 & 3)
    if name != "PLL1":
        return {"CSI": CSI_HZ, "HSE": hse, "none": 0}[name]
    plan, dividers = registers["PLL1CFGR"], registers["PLL1DIVR"]
    divider = plan >> 8 & 0x3F
    if not divider or not plan >> 16 & 1:
        return 0
    vco = _frequency(_inputs(name, registers), registers, hse) // divider * ((dividers & 0x1FF) + 1)
    return vco // ((dividers >> 9 & 0x7F) + 1)


_CLOCKS = ClockPlan(
    base=0x4402_0C00,
    registers=_RCC,
    oscillators=(
        Oscillator("HSI", "CR", 1 << 0, 1 << 1, 2 * US),
        Oscillator("CSI", "CR", 1 << 8, 1 << 9, 2 * US),
        Oscillator("HSI48", "CR", 1 << 12, 1 << 13, 3 * US),
        Oscillator("HSE", "CR", 1 << 16, 1 << 17, 2 * MS),
        Oscillator("PLL1", "CR", 1 << 24, 1 << 25, 50 * US),
        Oscillator("PLL2", "CR", 1 << 26, 1 << 27, 50 * US),
        Oscillator("PLL3", "CR", 1 << 28, 1 << 29, 50 * US),
        Oscillator("LSI", "BDCR", 1 << 26, 1 << 27, 100 * US),
    ),
    sources=("HSI", "CSI", "HSE", "PLL1"),
    frequency=_frequency,
    inputs=_inputs,
    limit_hz=250_000_000,
    switch_bits=3,
    prescaler_register="CFGR2",
    prescaler_shift=0,
    apb_shifts=(4, 8),
    holds={"PLL1DIVR": ("PLL1", 0xFFFF_FFFF), "PLL1CFGR": ("PLL1", 0x3F03)},
    set_only={"APB1LENR": 1 << 11, "CR": 1 << 19},
    refuse={"BDCR": 1},
    cause_register="RSR",
    start_ready=("HSI",),
)

# --- the rest

_PWR = """
    PMCR   00 0000000C 0781328D
    PMSR   04 0 0
    VOSCR  10 0 00000030
    VOSSR  14 00000008 0
    BDCR   20 0 303
    DBPCR  24 0 1
    BDSR   28 0 0
    UCPDR  2C 0 3
    SCCR   30 0 1
    VMCR   34 0 70F
    USBSCR 38 0 03000000
    VMSR   3C 0 0
    WUSCR  40 0 0
    WUSR   44 0 0
    WUCR   48 0 FFFFFFFF
    IORETR 50 0 00010001
    SECCFGR 100 0 0
    PRIVCFGR 104 0 3
"""
_A1, _A2 = "APB1LENR", "APB2ENR"
_PLAIN = PlainPlan(
    port_base=0x4202_0000,
    port_gate=("AHB2ENR", 0),
    timers=timers(_A1, _A2),
    usarts=serial_ports(_A1, _A2),
    files=(
        ("PWR", 0x4402_0800, None, _PWR, {}),
        general_dma("GPDMA1", 0x4002_0000, ("AHB1ENR", 0), 8),
        general_dma("GPDMA2", 0x4002_1000, ("AHB1ENR", 1), 8),
    ),
    file_sizes={"GPDMA1": 0x1000, "GPDMA2": 0x1000},
    crc=(0x4002_3000, ("AHB1ENR", 12)),
    caches=(("ICACHE", 0x4003_0400, INSTRUCTION_CACHE), ("DCACHE", 0x4003_1400, DATA_CACHE)),
    places=(
        (0x4000_0000, 0x4000_C000),
        (0x4001_2C00, 0x4001_7000),
        (0x4002_0000, 0x4003_6400),
        (0x4003_7400, 0x4003_8000),
        (0x4202_0000, 0x420C_4000),
        (0x4400_0400, 0x4402_4000),
    ),
)
H5_FAMILIES = {
    "h563": Family(
        clocks=_CLOCKS,
        debug=DebugPlan(
            {0x04: 0x1_00F6, 0x08: 0x00E0_19FF, 0x0C: 0x20, 0x10: 0x7_2800, 0x14: 0x403E_0C00, 0x20: 0xFFFF_FFFF},
            (0x08, 12),
            (0x08, 11),
            0x4402_4000,
        ),
        system=SystemMemory(0x0BF8_7000, 0x9000, 0x08FF_F80C, 0x08FF_F800, cells=((0x08FF_F800, 0x800),)),
        plain=_PLAIN,
        make_flash=partial(
            QuadFlash,
            QuadPlan(
                program=44 * US,
                sector=2 * MS,
                bank=256 * MS,
                options=20 * MS,
                irq=6,
                one_time=(0x08FF_F000, 0x800),
            ),
        ),
        wwdg_gate=(_A1, 11),
        boot_base=0x0800_0000,
    )
}
H5_CHIPS = (
    ChipModel(
        name="stm32h563zi",
        description="STM32H563ZI, 2 MiB flash, Cortex-M33, TrustZone off",
        rams=(
            Ram("SRAM1", SRAM, 256 * KIB),
            Ram("SRAM2", SRAM + 256 * KIB, 64 * KIB),
            Ram("SRAM3", SRAM + 320 * KIB, 320 * KIB),
            Ram("backup SRAM", 0x4003_6400, 4 * KIB),
        ),
        banks=tuple(FlashBank(0x0800_0000 + n * 1024 * KIB, 1024 * KIB, 8 * KIB) for n in range(2)),
        idcode=0x1001_6484,
        boundary_scan_id=0x0648_4041,
        rom_table_part=0x484,
        ports="ABCDEFGHI",
        unique_id=bytes.fromhex("2b0026000951333034363539"),
        interrupts=131,
        family="h563",
        core="cortex-m33",
        core_hz=32_000_000,
        mpu_regions=8,
        dpidr=0x6BA0_2477,
        jtag_id=0x6BA0_0477,
        ap_idr=0x8477_0001,
        core_ap=1,
        side_aps=((0, 0x5477_0002),),  # an APB-AP, to DBGMCU alone
        flash_at_0=False,
    ),
)
