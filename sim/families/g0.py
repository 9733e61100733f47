"""STM32G0 (RM0444): G071, G0B1 with two banks; STM32C0 (RM0490): C031. Cortex-M0+."""

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

__all__ = ["G0_CHIPS", "G0_FAMILIES"]

# --- clocks

_RCC_G071 = words(
    """
    CR        00 00000100 010D3B00
    ICSCR     04 00004000 00007F00
    CFGR      08 0 7F007F07
    PLLCFGR   0C 00001000 FF3F7F73
    CIER      18 0 3B
    CIFR      1C 0 0
    CICR      20 0 0
    IOPRSTR   24 0 2F
    AHBRSTR   28 0 51101
    APBRSTR1  2C 0 FF7E4033
    APBRSTR2  30 0 17D801
    IOPENR    34 0 2F
    AHBENR    38 100 51101
    APBENR1   3C 0 FF7E4C33
    APBENR2   40 0 17D801
    IOPSMENR  44 3F 3F
    AHBSMENR  48 51303 51303
    APBSMENR1 4C FF7E4C33 FF7E4C33
    APBSMENR2 50 17D801 17D801
    CCIPR     54 0 FFFFFFFF
    BDCR      5C 0 03018305
    CSR       60 0 00000001
    """
)
_RCC_G0B1 = _RCC_G071 | words(
    """
    CR        00 00000100 014D3B00
    CFGR      08 0 FFFF7F07
    IOPRSTR   24 0 3F
    AHBRSTR   28 0 1103
    APBRSTR1  2C 0 FFFFF3B7
    IOPENR    34 0 3F
    AHBENR    38 100 1103
    APBENR1   3C 0 FFFFFFB7
    AHBSMENR  48 1303 1303
    APBSMENR1 4C FFFFFFB7 FFFFFFB7
    CCIPR2    58 0 3FFF
    """
)
_RCC_C031 = {name: word for name, word in _RCC_G071.items() if name not in ("PLLCFGR", "BDCR")} | words(
    """
    CR        00 00001140 000D3BE0
    CFGR      08 0 FFFF7F07
    AHBRSTR   28 0 1101
    APBRSTR1  2C 0 18220002
    APBRSTR2  30 0 16D801
    AHBENR    38 100 1101
    APBENR1   3C 0 18220C02
    APBENR2   40 0 16D801
    IOPSMENR  44 2F 2F
    AHBSMENR  48 1301 1301
    APBSMENR1 4C 18220C02 18220C02
    APBSMENR2 50 16D801 16D801
    CSR1      5C 0 0003C305
    """
)


def _inputs(name: str, registers: Mapping[str, int]) -> str:
    return ("none", "none", "HSI", "HSE")[registers["PLLCFGR"] & 3] if name == "PLL" else ""


def _frequency(base: int, name: str, registers: Mapping[str, int], hse: int) -> int:
    if name == "HSI":
        return base >> (registers["CR"] >> 11 & 7)
    if name != "PLL":
        return {"HSE": hse, "LSI": 32_000}[name]
    plan, source = registers["PLLCFGR"], _inputs("PLL", registers)
    if not plan >> 28 & 1 or source == "none":
        return 0
    reference = base if source == "HSI" else hse
    return reference // ((plan >> 4 & 7) + 1) * (plan >> 8 & 0x7F) // ((plan >> 29) + 1)


_HSI, _HSE = Oscillator("HSI", "CR", 1 << 8, 1 << 10, 1 * US), Oscillator("HSE", "CR", 1 << 16, 1 << 17, 2 * MS)
_PLL, _LSI = Oscillator("PLL", "CR", 1 << 24, 1 << 25, 40 * US), Oscillator("LSI", "CSR", 1, 2, 125 * US)
_CLOCKS_G071 = ClockPlan(
    base=0x4002_1000,
    registers=_RCC_G071,
    oscillators=(_HSI, _HSE, _PLL, _LSI),
    sources=("HSI", "HSE", "PLL", "LSI"),
    frequency=partial(_frequency, 16_000_000),
    inputs=_inputs,
    limit_hz=64_000_000,
    switch_bits=3,
    prescaler_shift=8,
    apb_shifts=(12, 12),
    holds={"PLLCFGR": ("PLL", 0xFFFF_FFFF)},
    set_only={"APBENR1": 1 << 11},
    refuse={"BDCR": 1, "CSR1": 1},
    start_ready=("HSI",),
)
_CLOCKS_C031 = replace(
    _CLOCKS_G071,
    registers=_RCC_C031,
    oscillators=(_HSI, _HSE, replace(_LSI, register="CSR2")),
    sources=("HSI", "HSE", "", "LSI"),
    frequency=partial(_frequency, 48_000_000),
    limit_hz=48_000_000,
    holds={},
    survivors=("CSR1",),
    cause_register="CSR2",
)
_CLOCKS_C031.registers["CSR2"] = _CLOCKS_C031.registers.pop("CSR")

# --- flash

_TIMING = EccTiming(program=85_000_000, fast=54_000_000, erase_page=22 * MS, erase_all=22 * MS)
_OPTIONS = """
    OPTR      20 FFFFFEAA 3FFFFFFF
    PCROP1ASR 24 000001FF 000001FF
    PCROP1AER 28 00000000 800001FF
    WRP1AR    2C 0000007F 007F007F
    WRP1BR    30 0000007F 007F007F
    PCROP1BSR 34 000001FF 000001FF
    PCROP1BER 38 00000000 000001FF
    SECR      80 00000000 000100FF
"""
_OPTIONS_B = """
    PCROP2ASR 44 000001FF 000001FF
    PCROP2AER 48 00000000 000001FF
    WRP2AR    4C 0000007F 007F007F
    WRP2BR    50 0000007F 007F007F
    PCROP2BSR 54 000001FF 000001FF
    PCROP2BER 58 00000000 000001FF
    SECR      80 00000000 0FF100FF
"""
_AREAS = (ProtectedArea("WRP1AR", 0, 7), ProtectedArea("WRP1BR", 0, 7))
_STORED = {
    "OPTR": 0x1FFF_7800,
    "PCROP1ASR": 0x1FFF_7808,
    "PCROP1AER": 0x1FFF_7810,
    "WRP1AR": 0x1FFF_7818,
    "WRP1BR": 0x1FFF_7820,
    "PCROP1BSR": 0x1FFF_7828,
    "PCROP1BER": 0x1FFF_7830,
}
_REFUSE = (("OPTR", 1 << 26, 1 << 26), ("PCROP1ASR", 0x1FF, 0x1FF), ("PCROP1BSR", 0x1FF, 0x1FF), ("SECR", 1 << 16, 0))
_OPTIONS_G071 = OptionPlan(words(_OPTIONS), _AREAS, _STORED, ((0x1FFF_7800, 0x80),), _REFUSE)
_OPTIONS_G0B1 = replace(
    _OPTIONS_G071,
    registers=words(_OPTIONS) | words(_OPTIONS_B),
    areas=(*_AREAS, ProtectedArea("WRP2AR", 1, 7), ProtectedArea("WRP2BR", 1, 7)),
    refuse=(*_REFUSE, ("OPTR", 3 << 20, 3 << 20)),  # banks swapped, or a single bank
)
_FLASH_G071 = EccPlan(
    registers={"ACR": 0x00, "KEYR": 0x08, "OPTKEYR": 0x0C, "SR": 0x10, "CR": 0x14, "ECCR": 0x18},
    acr=(0x4_0600, 0x5_0B07),
    timing=_TIMING,
    options=_OPTIONS_G071,
    page_bits=(3, 10),
    irq=3,
    empty="ACR",
    shows_configuration=True,
    one_time=(0x1FFF_7000, 0x400),
    ecc_step=8,
)
_FLASH_G0B1 = replace(
    _FLASH_G071,
    registers=_FLASH_G071.registers | {"ECC2R": 0x1C},
    options=_OPTIONS_G0B1,
    bank_bit=13,
    mass_bits=(MER1, 1 << 15),
    second_busy=1 << 17,
)
_FLASH_C031 = replace(
    _FLASH_G071,
    registers={name: at for name, at in _FLASH_G071.registers.items() if name != "ECCR"},
    page_bits=(3, 4),
)

# --- the rest

_A1, _A2 = "APBENR1", "APBENR2"
_PWR = "".join(f"PUCR{p} {0x20 + 8 * n:X} 0 FFFF\nPDCR{p} {0x24 + 8 * n:X} 0 FFFF\n" for n, p in enumerate("ABCDEF"))
_PWR += "CR1 00 208 473F\nCR2 04 0 7FF\nCR3 08 8000 8F3F\nCR4 0C 0 33F\nSR1 10 0 0\nSR2 14 80 0\nSCR 18 0 0"
_SYSCFG = "CFGR1 00 0 0FFF03FF\nCFGR2 18 0 1F"
_PLAIN_G071 = PlainPlan(
    port_base=0x5000_0000,
    port_gate=("IOPENR", 0),
    port_mode=(0xEBFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF),
    timers=(
        ("TIM2", 0x4000_0000, (_A1, 0)),
        ("TIM3", 0x4000_0400, (_A1, 1)),
        ("TIM6", 0x4000_1000, (_A1, 4)),
        ("TIM7", 0x4000_1400, (_A1, 5)),
        ("TIM14", 0x4000_2000, (_A2, 15)),
        ("TIM1", 0x4001_2C00, (_A2, 11)),
        ("TIM15", 0x4001_4000, (_A2, 16)),
        ("TIM16", 0x4001_4400, (_A2, 17)),
        ("TIM17", 0x4001_4800, (_A2, 18)),
    ),
    usarts=(
        ("USART2", 0x4000_4400, (_A1, 17)),
        ("USART3", 0x4000_4800, (_A1, 18)),
        ("USART4", 0x4000_4C00, (_A1, 19)),
        ("LPUART1", 0x4000_8000, (_A1, 20)),
        ("USART1", 0x4001_3800, (_A2, 14)),
    ),
    files=(
        ("PWR", 0x4000_7000, (_A1, 28), _PWR, {}),
        ("SYSCFG", 0x4001_0000, (_A2, 0), _SYSCFG, {"CFGR1": 3}),
        ("DMAMUX", 0x4002_0800, None, "\n".join(f"C{n}CR {4 * n:X} 0 7F" for n in range(12)), {}),
    ),
    crc=(0x4002_3000, ("AHBENR", 12)),
    places=(
        (0x4000_0000, 0x4000_C000),
        (0x4001_0000, 0x4001_6000),
        (0x4002_0000, 0x4002_6400),
        (0x5000_0000, 0x5000_1800),
    ),
)
_PLAIN_C031 = replace(
    _PLAIN_G071,
    timers=tuple(row for row in _PLAIN_G071.timers if row[0] in ("TIM1", "TIM3", "TIM14", "TIM16", "TIM17")),
    usarts=tuple(row for row in _PLAIN_G071.usarts if row[0] in ("USART1", "USART2")),
)
_G071 = Family(
    clocks=_CLOCKS_G071,
    debug=DebugPlan(
        {0x04: 6, 0x08: 0xC020_1C33, 0x0C: 0x7_8800}, (0x08, 12), (0x08, 11), 0x4001_5800, gate=("APBENR1", 27)
    ),
    system=SystemMemory(0x1FFF_0000, 0x7000, 0x1FFF_75E0, 0x1FFF_7590, cells=((0x1FFF_7400, 0x400),)),
    plain=_PLAIN_G071,
    make_flash=partial(EccFlash, _FLASH_G071),
    wwdg_gate=("APBENR1", 11),
    dmas=(DmaPlan("DMA1", 0x4002_0000, 7, 0, (9, 10, 10, 11), "AHBENR"),),
)
G0_FAMILIES = {
    "g071": _G071,
    "g0b1": replace(
        _G071,
        clocks=replace(_CLOCKS_G071, registers=_RCC_G0B1),
        make_flash=partial(EccFlash, _FLASH_G0B1),
        dmas=(*_G071.dmas, DmaPlan("DMA2", 0x4002_0400, 5, 1, (11,), "AHBENR")),
    ),
    "c031": replace(
        _G071,
        clocks=_CLOCKS_C031,
        debug=replace(_G071.debug, registers={0x04: 6, 0x08: 0x0020_1C02, 0x0C: 0x6_8800}),
        system=SystemMemory(0x1FFF_0000, 0x1800, 0x1FFF_75A0, 0x1FFF_7550, cells=((0x1FFF_7400, 0x400),)),
        plain=_PLAIN_C031,
        make_flash=partial(EccFlash, _FLASH_C031),
        dmas=(DmaPlan("DMA1", 0x4002_0000, 3, 0, (9, 10, 10), "AHBENR"),),
    ),
}


def _chip(name: str, family: str, idcode: int, sizes: tuple[int, int, int], *, ports: str, hz: int) -> ChipModel:
    banks, flash, ram = sizes
    return ChipModel(
        name=name,
        description=f"{name.upper()}, {banks * flash} KiB flash, Cortex-M0+",
        rams=(Ram("SRAM", SRAM, ram * KIB),),
        banks=tuple(FlashBank(0x0800_0000 + n * flash * KIB, flash * KIB, 2 * KIB) for n in range(banks)),
        idcode=idcode,
        boundary_scan_id=0,
        rom_table_part=idcode & 0xFFF,
        ports=ports,
        unique_id=bytes.fromhex("410025000e50363038343720"),
        interrupts=32,
        family=family,
        core="cortex-m0+",
        core_hz=hz,
        priority_bits=2,
        mpu_regions=8,
        dpidr=0x0BC1_1477,
        jtag_id=0,
        ap_idr=0x0477_0031,
    )


G0_CHIPS = (
    _chip("stm32g071rb", "g071", 0x2000_6460, (1, 128, 36), ports="ABCDF", hz=16_000_000),
    _chip("stm32g0b1re", "g0b1", 0x1000_6467, (2, 256, 144), ports="ABCDEF", hz=16_000_000),
    _chip("stm32c031c6", "c031", 0x1000_6453, (1, 32, 12), ports="ABCDF", hz=12_000_000),
)
