"""STM32L4: L431 (RM0394) and L496 (RM0351)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from ..chip import KIB, MS, SRAM, US, ChipModel, FlashBank, Ram
from .clocks import ClockPlan, Oscillator
from .debug_mcu import DebugPlan
from .ecc_flash import EccFlash
from .ecc_options import OptionPlan, ProtectedArea
from .ecc_plan import MER1, EccPlan, EccTiming
from .family import DmaPlan, Family, SystemMemory
from .plain import PlainPlan
from .words import words

__all__ = ["L4_CHIPS", "L4_FAMILIES", "L4_TIMING"]

MSI_HZ = (
    *(100_000, 200_000, 400_000, 800_000, 1_000_000, 2_000_000),
    *(4_000_000, 8_000_000, 16_000_000, 24_000_000, 32_000_000, 48_000_000),
)
HSI16_HZ = 16_000_000

# --- clocks

_RCC_L431 = words(
    """
    CR        00 00000063 050D0BFD
    ICSCR     04 10000000 1F00FF00
    CFGR      08 00000000 7700BFF3
    PLLCFGR   0C 00001000 FF737F73
    PLLSAI1CFGR 10 00001000 FF737F00
    CIER      18 0 67F
    CIFR      1C 0 0
    CICR      20 0 0
    AHB1RSTR  28 0 00011103
    AHB2RSTR  2C 0 0005209F
    AHB3RSTR  30 0 00000100
    APB1RSTR1 38 0 F7EEC231
    APB1RSTR2 3C 0 00000027
    APB2RSTR  40 0 01235C01
    AHB1ENR   48 00000100 00011103
    AHB2ENR   4C 0 0005209F
    AHB3ENR   50 0 00000100
    APB1ENR1  58 0 F7EECE33
    APB1ENR2  5C 0 01000027
    APB2ENR   60 0 00235C81
    AHB1SMENR 68 00011303 00011303
    AHB2SMENR 6C 0005229F 0005229F
    AHB3SMENR 70 00000100 00000100
    APB1SMENR1 78 F7EECE33 F7EECE33
    APB1SMENR2 7C 01000027 01000027
    APB2SMENR 80 00235C81 00235C81
    CCIPR     88 0 FFFFFFFF
    BDCR      90 0 03018305
    CSR       94 00000600 00000F01
    CRRCR     98 0 00000001
    """
)
_RCC_L496 = _RCC_L431 | words(
    """
    CR        00 00000063 150D0BFD
    ICSCR     04 10000000 7F00FF00
    PLLSAI2CFGR 14 00001000 FF037F00
    AHB1RSTR  28 0 00031103
    AHB2RSTR  2C 0 000771FF
    AHB3RSTR  30 0 00000101
    APB1RSTR1 38 0 F7FEC23F
    APB1RSTR2 3C 0 00000027
    APB2RSTR  40 0 01677C01
    AHB1ENR   48 00000100 00031103
    AHB2ENR   4C 0 000771FF
    AHB3ENR   50 0 00000101
    APB1ENR1  58 0 F7FECE3F
    APB1ENR2  5C 0 00000027
    APB2ENR   60 0 01677C81
    AHB1SMENR 68 00031303 00031303
    AHB2SMENR 6C 000773FF 000773FF
    AHB3SMENR 70 00000101 00000101
    APB1SMENR1 78 F7FECE3F F7FECE3F
    APB1SMENR2 7C 00000027 00000027
    APB2SMENR 80 01677C81 01677C81
    CCIPR2    9C 0 00000003
    """
)


def _inputs(name: str, registers: Mapping[str, int]) -> str:
    if not name.startswith("PLL"):
        return ""
    return ("none", "MSI", "HSI", "HSE")[registers["PLLCFGR"] & 3]


def _frequency(name: str, registers: Mapping[str, int], hse: int) -> int:
    if name == "MSI":
        selected = registers["CR"] >> 4 if registers["CR"] & 8 else registers["CSR"] >> 8
        return MSI_HZ[min(selected & 0xF, 11)]
    if name != "PLL":
        return hse if name == "HSE" else HSI16_HZ
    plan = registers["PLLCFGR"]
    source = _inputs("PLL", registers)
    if not plan >> 24 & 1 or source == "none":
        return 0
    vco = _frequency(source, registers, hse) // ((plan >> 4 & 7) + 1) * (plan >> 8 & 0x7F)
    return vco // (2 * ((plan >> 25 & 3) + 1))


_OSCILLATORS = (
    Oscillator("MSI", "CR", 1 << 0, 1 << 1, 10 * US),
    Oscillator("HSI", "CR", 1 << 8, 1 << 10, 2 * US),
    Oscillator("HSE", "CR", 1 << 16, 1 << 17, 2 * MS),
    Oscillator("PLL", "CR", 1 << 24, 1 << 25, 40 * US),
    Oscillator("PLLSAI1", "CR", 1 << 26, 1 << 27, 40 * US),
    Oscillator("LSI", "CSR", 1 << 0, 1 << 1, 125 * US),
    Oscillator("HSI48", "CRRCR", 1 << 0, 1 << 1, 3 * US),
)
_CLOCKS = ClockPlan(
    base=0x4002_1000,
    registers=_RCC_L431,
    oscillators=_OSCILLATORS,
    sources=("MSI", "HSI", "HSE", "PLL"),
    frequency=_frequency,
    inputs=_inputs,
    limit_hz=80_000_000,
    holds={"PLLCFGR": ("PLL", 0xFFFF_FFFF), "PLLSAI1CFGR": ("PLLSAI1", 0xFFFF_FFFF)},
    set_only={"APB1ENR1": 1 << 11, "CR": 1 << 3 | 1 << 19},
    refuse={"BDCR": 1},
)

# --- flash

L4_TIMING = EccTiming(program=81_690_000, fast=59_700_000, erase_page=22_020_000_000, erase_all=22_130_000_000)

_FLASH_REGISTERS = {"ACR": 0x00, "PDKEYR": 0x04, "KEYR": 0x08, "OPTKEYR": 0x0C, "SR": 0x10, "CR": 0x14, "ECCR": 0x18}
_OPTIONS_L431 = OptionPlan(
    registers=words(
        """
        OPTR     20 FFEFF8AA 0F8F77FF
        PCROP1SR 24 FFFFFFFF 0000FFFF
        PCROP1ER 28 FFFF0000 8000FFFF
        WRP1AR   2C FF00FFFF 00FF00FF
        WRP1BR   30 FF00FFFF 00FF00FF
        """
    ),
    areas=(ProtectedArea("WRP1AR", 0), ProtectedArea("WRP1BR", 0)),
    stored={
        "OPTR": 0x1FFF_7800,
        "PCROP1SR": 0x1FFF_7808,
        "PCROP1ER": 0x1FFF_7810,
        "WRP1AR": 0x1FFF_7818,
        "WRP1BR": 0x1FFF_7820,
    },
    memory=((0x1FFF_7800, 0x28),),
    refuse=(("OPTR", 1 << 25 | 1 << 26, 1 << 25 | 1 << 26), ("PCROP1SR", 0xFFFF, 0xFFFF)),
)
_OPTIONS_L496 = replace(
    _OPTIONS_L431,
    registers=_OPTIONS_L431.registers
    | words(
        """
        OPTR     20 FFEFF8AA 0FBF77FF
        PCROP2SR 44 FFFFFFFF 0000FFFF
        PCROP2ER 48 FFFF0000 0000FFFF
        WRP2AR   4C FF00FFFF 00FF00FF
        WRP2BR   50 FF00FFFF 00FF00FF
        """
    ),
    areas=(*_OPTIONS_L431.areas, ProtectedArea("WRP2AR", 1), ProtectedArea("WRP2BR", 1)),
    stored=_OPTIONS_L431.stored
    | {"PCROP2SR": 0x1FFF_F808, "PCROP2ER": 0x1FFF_F810, "WRP2AR": 0x1FFF_F818, "WRP2BR": 0x1FFF_F820},
    memory=((0x1FFF_7800, 0x28), (0x1FFF_F800, 0x28)),
    refuse=(*_OPTIONS_L431.refuse, ("OPTR", 1 << 20, 0), ("PCROP2SR", 0xFFFF, 0xFFFF)),
)
_FLASH_L431 = EccPlan(
    registers=_FLASH_REGISTERS,
    acr=(0x600, 0x7F07),
    timing=L4_TIMING,
    options=_OPTIONS_L431,
    page_bits=(3, 7),
    empty="SR",
    one_time=(0x1FFF_7000, 0x400),
)
_FLASH_L496 = replace(
    _FLASH_L431,
    options=_OPTIONS_L496,
    page_bits=(3, 8),
    bank_bit=11,
    mass_bits=(MER1, 1 << 15),
    ecc_bank=1 << 19,
    empty="",
)

# --- the rest

_SYSTEM = SystemMemory(0x1FFF_0000, 0x7000, 0x1FFF_75E0, 0x1FFF_7590, cells=((0x1FFF_7400, 0x400),))

_PWR = "".join(f"PUCR{p} {0x20 + 8 * n:X} 0 FFFF\nPDCR{p} {0x24 + 8 * n:X} 0 FFFF\n" for n, p in enumerate("ABCDEFG"))
_PWR += """
    CR1  00 0200 4707
    CR2  04 0 6FF
    CR3  08 8000 851F
    CR4  0C 0 31F
    SR1  10 0 0
    SR2  14 0 0
    SCR  18 0 0
    PUCRH 58 0 3
    PDCRH 5C 0 3
"""
_SYSCFG = """
    MEMRMP 00 0 10F
    CFGR1  04 7C000001 FC7F0101
    EXTICR1 08 0 FFFF
    EXTICR2 0C 0 FFFF
    EXTICR3 10 0 FFFF
    EXTICR4 14 0 FFFF
    SCSR   18 0 1
    CFGR2  1C 0 10F
    SWPR   20 0 FFFFFFFF
    SKR    24 0 0
"""
_EXTI = """
    IMR1 00 FF820000 FFFFFFFF
    EMR1 04 0 FFFFFFFF
    RTSR1 08 0 007DFFFF
    FTSR1 0C 0 007DFFFF
    SWIER1 10 0 0
    PR1 14 0 0
    IMR2 20 00000087 000001FF
    EMR2 24 0 000001FF
    RTSR2 28 0 78
    FTSR2 2C 0 78
    SWIER2 30 0 0
    PR2 34 0 0
"""
_A1, _A12, _A2 = "APB1ENR1", "APB1ENR2", "APB2ENR"
_PLAIN_L431 = PlainPlan(
    port_base=0x4800_0000,
    port_gate=("AHB2ENR", 0),
    timers=(
        ("TIM2", 0x4000_0000, (_A1, 0)),
        ("TIM6", 0x4000_1000, (_A1, 4)),
        ("TIM7", 0x4000_1400, (_A1, 5)),
        ("TIM1", 0x4001_2C00, (_A2, 11)),
        ("TIM15", 0x4001_4000, (_A2, 16)),
        ("TIM16", 0x4001_4400, (_A2, 17)),
    ),
    usarts=(
        ("USART1", 0x4001_3800, (_A2, 14)),
        ("USART2", 0x4000_4400, (_A1, 17)),
        ("USART3", 0x4000_4800, (_A1, 18)),
        ("LPUART1", 0x4000_8000, (_A12, 0)),
    ),
    files=(
        ("PWR", 0x4000_7000, (_A1, 28), _PWR, {}),
        ("SYSCFG", 0x4001_0000, (_A2, 0), _SYSCFG, {"MEMRMP": 0x107}),
        ("EXTI", 0x4001_0400, None, _EXTI, {}),
    ),
    crc=(0x4002_3000, ("AHB1ENR", 12)),
    places=(
        (0x4000_0000, 0x4000_9800),
        (0x4001_0000, 0x4001_6400),
        (0x4002_0000, 0x4002_C000),
        (0x4800_0000, 0x4800_2400),
        (0x5000_0000, 0x5006_1000),
        (0xA000_0000, 0xA000_1400),
    ),
)
_PLAIN_L496 = replace(
    _PLAIN_L431,
    timers=(
        *_PLAIN_L431.timers,
        ("TIM3", 0x4000_0400, (_A1, 1)),
        ("TIM4", 0x4000_0800, (_A1, 2)),
        ("TIM5", 0x4000_0C00, (_A1, 3)),
        ("TIM8", 0x4001_3400, (_A2, 13)),
        ("TIM17", 0x4001_4800, (_A2, 18)),
    ),
    usarts=(
        *_PLAIN_L431.usarts,
        ("UART4", 0x4000_4C00, (_A1, 19)),
        ("UART5", 0x4000_5000, (_A1, 20)),
    ),
)
_DEBUG_L431 = DebugPlan({0x04: 0xE7, 0x08: 0x82E0_1C31, 0x0C: 0x20, 0x10: 0x3_0800}, (0x08, 12), (0x08, 11))
_DEBUG_L496 = replace(_DEBUG_L431, registers={0x04: 0xE7, 0x08: 0x86E0_1C3F, 0x0C: 0x22, 0x10: 0x7_2800})

_L431 = Family(
    clocks=_CLOCKS,
    debug=_DEBUG_L431,
    system=_SYSTEM,
    plain=_PLAIN_L431,
    make_flash=partial(EccFlash, _FLASH_L431),
    wwdg_gate=(_A1, 11),
    wwdg_prescaler=(7, 2),
    dmas=(
        DmaPlan("DMA1", 0x4002_0000, 7, 0, tuple(range(11, 18)), selection=True),
        DmaPlan("DMA2", 0x4002_0400, 7, 1, (56, 57, 58, 59, 60, 68, 69), selection=True),
    ),
)
L4_FAMILIES = {
    "l431": _L431,
    "l496": replace(
        _L431,
        clocks=replace(_CLOCKS, registers=_RCC_L496),
        debug=_DEBUG_L496,
        plain=_PLAIN_L496,
        make_flash=partial(EccFlash, _FLASH_L496),
    ),
}


def _chip(name: str, family: str, banks: tuple[FlashBank, ...], rams: tuple[Ram, ...], **facts: int | str) -> ChipModel:
    idcode, ports, interrupts = int(facts["idcode"]), str(facts["ports"]), int(facts["interrupts"])
    return ChipModel(
        name=name,
        description=f"{name.upper()}, {sum(bank.size for bank in banks) // KIB} KiB flash, Cortex-M4",
        rams=rams,
        banks=banks,
        idcode=idcode,
        boundary_scan_id=0x0600_0041 | (idcode & 0xFFF) << 12,
        rom_table_part=idcode & 0xFFF,
        ports=ports,
        unique_id=bytes.fromhex("3f0027000950534837333620"),
        interrupts=interrupts,
        family=family,
        core="cortex-m4",
        core_hz=4_000_000,
        mpu_regions=8,
        dpidr=0x2BA0_1477,
        jtag_id=0x4BA0_0477,
        ap_idr=0x2477_0011,
    )


L4_CHIPS = (
    _chip(
        "stm32l431rc",
        "l431",
        (FlashBank(0x0800_0000, 256 * KIB, 2 * KIB),),
        (Ram("SRAM1", SRAM, 48 * KIB), Ram("SRAM2", 0x1000_0000, 16 * KIB, (0x2000_C000,))),
        idcode=0x1007_6435,
        ports="ABCDEH",
        interrupts=83,
    ),
    _chip(
        "stm32l496ag",
        "l496",
        (FlashBank(0x0800_0000, 512 * KIB, 2 * KIB), FlashBank(0x0808_0000, 512 * KIB, 2 * KIB)),
        (Ram("SRAM1", SRAM, 256 * KIB), Ram("SRAM2", 0x1000_0000, 64 * KIB, (0x2004_0000,))),
        idcode=0x2007_6461,
        ports="ABCDEFGHI",
        interrupts=91,
    ),
)
