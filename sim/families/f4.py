"""STM32F4: F405 and F407 (RM0090), F429 (RM0090)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from ..chip import KIB, MS, SRAM, US, ChipModel, FlashBank, Ram
from .clocks import ClockPlan, Oscillator
from .debug_mcu import DebugPlan
from .family import Family, SystemMemory
from .plain import PlainPlan
from .sector_bank import PGAERR, PGPERR, WRPERR
from .sector_flash import EOP, MER, MER1, OPERR, PGSERR, RDERR, SectorFlash, SectorPlan, SectorTiming
from .sector_options import SectorOptionPlan
from .stream_dma import StreamPlan
from .words import words

__all__ = ["F4_CHIPS", "F4_CLOCKS", "F4_DMAS", "F4_FAMILIES", "F4_PLAIN", "F4_TIMING", "STREAM_IRQS"]

HSI_HZ = 16_000_000

# --- clocks

_RCC_F407 = words(
    """
    CR        00 00000080 050D00F9
    PLLCFGR   04 24003010 0F437FFF
    CFGR      08 00000000 FFFFFCF3
    CIR       0C 0 3F00
    AHB1RSTR  10 0 226011FF
    AHB2RSTR  14 0 C1
    AHB3RSTR  18 0 1
    APB1RSTR  20 0 36FEC9FF
    APB2RSTR  24 0 00075933
    AHB1ENR   30 00100000 7E7411FF
    AHB2ENR   34 0 C1
    AHB3ENR   38 0 1
    APB1ENR   40 0 36FEC9FF
    APB2ENR   44 0 00075F33
    AHB1LPENR 50 7E6791FF 7E6791FF
    AHB2LPENR 54 F1 F1
    AHB3LPENR 58 1 1
    APB1LPENR 60 36FEC9FF 36FEC9FF
    APB2LPENR 64 00075F33 00075F33
    BDCR      70 0 00018305
    CSR       74 0 1
    SSCGR     80 0 CFFFFFFF
    PLLI2SCFGR 84 20003000 70007FC0
    """
)
_RCC_F429 = _RCC_F407 | words(
    """
    CR        00 00000080 150D00F9
    AHB2RSTR  14 0 F1
    APB1RSTR  20 0 F6FEC9FF
    APB2RSTR  24 0 00377933
    AHB2ENR   34 0 F1
    APB1ENR   40 0 F6FEC9FF
    APB2ENR   44 0 04777F33
    AHB1LPENR 50 7EEF97FF 7EEF97FF
    APB1LPENR 60 F6FEC9FF F6FEC9FF
    APB2LPENR 64 04777F33 04777F33
    PLLSAICFGR 88 24003000 7F007FC0
    DCKCFGR   8C 0 01FF1F1F
    """
)


def _inputs(name: str, registers: Mapping[str, int]) -> str:
    if not name.startswith("PLL"):
        return ""
    return "HSE" if registers["PLLCFGR"] & 1 << 22 else "HSI"


def _frequency(name: str, registers: Mapping[str, int], hse: int) -> int:
    if name != "PLL":
        return hse if name == "HSE" else HSI_HZ
    plan = registers["PLLCFGR"]
    divider = plan & 0x3F
    vco = _frequency(_inputs("PLL", registers), registers, hse) * (plan >> 6 & 0x1FF) // max(divider, 1)
    return vco // (2 * ((plan >> 16 & 3) + 1))


_OSCILLATORS = (
    Oscillator("HSI", "CR", 1 << 0, 1 << 1, 3 * US),
    Oscillator("HSE", "CR", 1 << 16, 1 << 17, 2 * MS),
    Oscillator("PLL", "CR", 1 << 24, 1 << 25, 200 * US),
    Oscillator("PLLI2S", "CR", 1 << 26, 1 << 27, 200 * US),
    Oscillator("LSI", "CSR", 1 << 0, 1 << 1, 20 * US),
)
F4_CLOCKS = ClockPlan(
    base=0x4002_3800,
    registers=_RCC_F407 | {"CR": replace(_RCC_F407["CR"], reset=0x81)},
    oscillators=_OSCILLATORS,
    sources=("HSI", "HSE", "PLL", ""),
    frequency=_frequency,
    inputs=_inputs,
    limit_hz=168_000_000,
    apb_shifts=(10, 13),
    holds={"PLLCFGR": ("PLL", 0xFFFF_FFFF), "PLLI2SCFGR": ("PLLI2S", 0xFFFF_FFFF)},
    refuse={"BDCR": 1},
    remove_flags=1 << 24,
    power_flags=1 << 25 | 1 << 26 | 1 << 27,
    start_ready=("HSI",),
)
_CLOCKS_F429 = replace(
    F4_CLOCKS,
    registers=_RCC_F429 | {"CR": replace(_RCC_F429["CR"], reset=0x81)},
    oscillators=(*_OSCILLATORS, Oscillator("PLLSAI", "CR", 1 << 28, 1 << 29, 200 * US)),
    limit_hz=180_000_000,
)

# --- flash

F4_TIMING = SectorTiming(
    program=16 * US,
    sectors={
        16 * KIB: (400 * MS, 300 * MS, 250 * MS),
        64 * KIB: (1200 * MS, 700 * MS, 550 * MS),
        128 * KIB: (2000 * MS, 1300 * MS, 1000 * MS),
    },
    bank=(16_000 * MS, 11_000 * MS, 8_000 * MS),
)
SECTORS = (*[16 * KIB] * 4, 64 * KIB, *[128 * KIB] * 7)
_OPTION_CELLS = ((0x1FFF_C000, "OPTCR", 0), (0x1FFF_C008, "OPTCR", 16))
_OPTIONS_F407 = SectorOptionPlan(
    registers=words("OPTCR 14 0FFFAAED 0FFFFFEF"),
    write_protection=(("OPTCR", 16, 12),),
    memory=_OPTION_CELLS,
)
_OPTIONS_F429 = SectorOptionPlan(
    registers=words(
        """
        OPTCR  14 0FFFAAED CFFFFFFF
        OPTCR1 18 0FFF0000 0FFF0000
        """
    ),
    write_protection=(("OPTCR", 16, 12), ("OPTCR1", 16, 12)),
    memory=(*_OPTION_CELLS, (0x1FFE_C008, "OPTCR1", 16)),
    refuse=(("OPTCR", 1 << 4 | 1 << 30 | 1 << 31, 0),),
)
_FLASH_F407 = SectorPlan(
    acr=(0, 0x1F07),
    flags=EOP | OPERR | WRPERR | PGAERR | PGPERR | PGSERR,
    sector_bits=4,
    timing=F4_TIMING,
    options=_OPTIONS_F407,
)
_FLASH_F429 = replace(
    _FLASH_F407,
    acr=(0, 0x1F0F),
    flags=_FLASH_F407.flags | RDERR,
    sector_bits=5,
    mass_bits=(MER, MER1),
    options=_OPTIONS_F429,
)

# --- the rest


STREAM_IRQS = ((*range(11, 18), 47), (*range(56, 61), 68, 69, 70))
"""Interrupts of the streams of both controllers, on F4, F7 and H7."""
CCM = (0x1000_0000, 0x1_0000)
F4_DMAS = (
    StreamPlan("DMA1", 0x4002_6000, ("AHB1ENR", 21), STREAM_IRQS[0], between_memories=False, unreachable=(CCM,)),
    StreamPlan("DMA2", 0x4002_6400, ("AHB1ENR", 22), STREAM_IRQS[1], unreachable=(CCM,)),
)
_EXTI = """
    IMR 00 0 7FFFFF
    EMR 04 0 7FFFFF
    RTSR 08 0 7FFFFF
    FTSR 0C 0 7FFFFF
    SWIER 10 0 0
    PR 14 0 0
"""
_SYSCFG = """
    MEMRM 00 0 0
    PMC 04 0 00870000
    EXTICR1 08 0 FFFF
    EXTICR2 0C 0 FFFF
    EXTICR3 10 0 FFFF
    EXTICR4 14 0 FFFF
    CMPCR 20 0 1
"""
_A1, _A2, _AHB = "APB1ENR", "APB2ENR", "AHB1ENR"
F4_PLAIN = PlainPlan(
    port_base=0x4002_0000,
    port_gate=(_AHB, 0),
    port_mode=(0xA800_0000, 0x0000_0280, 0),
    timers=(
        ("TIM2", 0x4000_0000, (_A1, 0)),
        ("TIM3", 0x4000_0400, (_A1, 1)),
        ("TIM4", 0x4000_0800, (_A1, 2)),
        ("TIM5", 0x4000_0C00, (_A1, 3)),
        ("TIM6", 0x4000_1000, (_A1, 4)),
        ("TIM7", 0x4000_1400, (_A1, 5)),
        ("TIM1", 0x4001_0000, (_A2, 0)),
        ("TIM8", 0x4001_0400, (_A2, 1)),
    ),
    old_usarts=(
        ("USART2", 0x4000_4400, (_A1, 17)),
        ("USART3", 0x4000_4800, (_A1, 18)),
        ("UART4", 0x4000_4C00, (_A1, 19)),
        ("UART5", 0x4000_5000, (_A1, 20)),
        ("USART1", 0x4001_1000, (_A2, 4)),
        ("USART6", 0x4001_1400, (_A2, 5)),
    ),
    files=(
        ("PWR", 0x4000_7000, (_A1, 28), "CR 00 4000 43FF\nCSR 04 4000 300", {}),
        ("SYSCFG", 0x4001_3800, (_A2, 14), _SYSCFG, {"MEMRM": 0xFFF}),
        ("EXTI", 0x4001_3C00, None, _EXTI, {}),
    ),
    crc=(0x4002_3000, (_AHB, 12)),
    places=(
        (0x4000_0000, 0x4000_8000),
        (0x4001_0000, 0x4001_6C00),
        (0x4002_0000, 0x4008_0000),
        (0x5000_0000, 0x5006_0C00),
        (0xA000_0000, 0xA000_1000),
    ),
)
_POWER_F429 = ("PWR", 0x4000_7000, (_A1, 28), "CR 00 C000 0FFFF\nCSR 04 4000 300", {"CR": 0xF_0000})
_PLAIN_F429 = replace(
    F4_PLAIN,
    old_usarts=(
        *F4_PLAIN.old_usarts,
        ("UART7", 0x4000_7800, (_A1, 30)),
        ("UART8", 0x4000_7C00, (_A1, 31)),
    ),
    files=(_POWER_F429, *F4_PLAIN.files[1:]),
)
_F407 = Family(
    clocks=F4_CLOCKS,
    debug=DebugPlan({0x04: 0xE7, 0x08: 0x06E0_19FF, 0x0C: 0x7_0003}, (0x08, 12), (0x08, 11)),
    # a real F429 answers up to 0x1FFF7BFF: the engineering bytes behind the signature, read by ST's own tool
    system=SystemMemory(0x1FFF_0000, 0x7800, 0x1FFF_7A22, 0x1FFF_7A10, cells=((0x1FFF_7A10, 0x1F0),)),
    plain=F4_PLAIN,
    make_flash=partial(SectorFlash, _FLASH_F407),
    wwdg_gate=(_A1, 11),
    wwdg_prescaler=(7, 2),
    iwdg_window=False,
    dmas=F4_DMAS,
)
F4_FAMILIES = {
    "f407": _F407,
    "f429": replace(
        _F407,
        clocks=_CLOCKS_F429,
        plain=_PLAIN_F429,
        make_flash=partial(SectorFlash, _FLASH_F429),
    ),
}


def _chip(
    name: str, family: str, idcode: int, sram: tuple[Ram, ...], *, ports: str, interrupts: int, banks: int = 1
) -> ChipModel:
    return ChipModel(
        name=name,
        description=f"{name.upper()}, {banks} MiB flash, Cortex-M4",
        rams=(*sram, Ram("CCM RAM", 0x1000_0000, 64 * KIB, executable=False)),
        banks=tuple(
            FlashBank(0x0800_0000 + n * 1024 * KIB, 1024 * KIB, 16 * KIB, sectors=SECTORS) for n in range(banks)
        ),
        idcode=idcode,
        boundary_scan_id=0x0600_0041 | (idcode & 0xFFF) << 12,
        rom_table_part=idcode & 0xFFF,
        ports=ports,
        unique_id=bytes.fromhex("32002d000b51343439363932"),
        interrupts=interrupts,
        family=family,
        core="cortex-m4",
        core_hz=HSI_HZ,
        mpu_regions=8,
        dpidr=0x2BA0_1477,
        jtag_id=0x4BA0_0477,
        ap_idr=0x2477_0011,
    )


_SRAM_F407 = (Ram("SRAM1", SRAM, 112 * KIB), Ram("SRAM2", SRAM + 112 * KIB, 16 * KIB))
F4_CHIPS = (
    _chip("stm32f405rg", "f407", 0x1007_6413, _SRAM_F407, ports="ABCDH", interrupts=82),
    _chip("stm32f407vg", "f407", 0x1007_6413, _SRAM_F407, ports="ABCDEH", interrupts=82),
    _chip(
        "stm32f429zi", "f429", 0x1007_6419, (Ram("SRAM", SRAM, 192 * KIB),), ports="ABCDEFGH", interrupts=91, banks=2
    ),
)
