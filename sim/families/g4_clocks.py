"""Clocks of STM32G4 (RM0440), WB (RM0434) and WL (RM0461)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..chip import MS, US
from .clocks import ClockPlan, Oscillator
from .l4 import MSI_HZ
from .words import words

__all__ = ["CLOCKS_G4", "CLOCKS_WB", "CLOCKS_WL", "HSI_HZ"]

HSI_HZ = 16_000_000

_RCC_G4 = """
    CR        00 00000100 010D0300
    ICSCR     04 40000000 7F000000
    CFGR      08 00000005 7F003FF3
    PLLCFGR   0C 00001000 FF737FF3
    CIER      18 0 77B
    CIFR      1C 0 0
    CICR      20 0 0
    AHB1RSTR  28 0 111F
    AHB2RSTR  2C 0 050F607F
    AHB3RSTR  30 0 101
    APB1RSTR1 38 0 D2FEC13F
    APB1RSTR2 3C 0 103
    APB2RSTR  40 0 0437F801
    AHB1ENR   48 100 111F
    AHB2ENR   4C 0 050F607F
    AHB3ENR   50 0 101
    APB1ENR1  58 400 D2FECD3F
    APB1ENR2  5C 0 103
    APB2ENR   60 0 0437F801
    CCIPR     88 0 FFFFFFFF
    BDCR      90 0 0301837D
    CSR       94 0 1
    CRRCR     98 0 1
    CCIPR2    9C 0 00300003
"""
_RCC_WB = """
    CR        00 00000061 051D0BF5
    ICSCR     04 40000000 7F00FF00
    CFGR      08 00070000 7F00BFF3
    PLLCFGR   0C 22041000 FF3F7F73
    CIER      18 0 FFF
    CIFR      1C 0 0
    CICR      20 0 0
    AHB1RSTR  28 0 11007
    AHB2RSTR  2C 0 1209F
    AHB3RSTR  30 0 021F0100
    APB1RSTR1 38 0 85A04201
    APB1RSTR2 3C 0 21
    APB2RSTR  40 0 265800
    APB3RSTR  44 0 1
    AHB1ENR   48 100 11007
    AHB2ENR   4C 0 1209F
    AHB3ENR   50 02080000 021F0100
    APB1ENR1  58 400 85A04E01
    APB1ENR2  5C 0 21
    APB2ENR   60 0 265800
    CCIPR     88 0 FFFFFFFF
    BDCR      90 0 0301837D
    CSR       94 0 C015
    CRRCR     98 0 1
"""
_RCC_WL = """
    CR        00 00000061 01390BFD
    ICSCR     04 40000000 7F00FF00
    CFGR      08 00070000 7F00BFF3
    PLLCFGR   0C 22040100 FF3F7F73
    CIER      18 0 3B
    CIFR      1C 0 0
    CICR      20 0 0
    AHB1RSTR  28 0 1007
    AHB2RSTR  2C 0 87
    AHB3RSTR  30 0 020F0000
    APB1RSTR1 38 0 A0E24001
    APB1RSTR2 3C 0 61
    APB2RSTR  40 0 65A00
    APB3RSTR  44 0 1
    AHB1ENR   48 0 1007
    AHB2ENR   4C 0 87
    AHB3ENR   50 02080000 020F0000
    APB1ENR1  58 0 A0E24C01
    APB1ENR2  5C 0 61
    APB2ENR   60 0 65A00
    APB3ENR   64 0 1
    CCIPR     88 0 FFFFFFFF
    BDCR      90 0 0301837D
    CSR       94 0001C600 0F11
"""


def _inputs(name: str, registers: Mapping[str, int]) -> str:
    return ("none", "MSI", "HSI", "HSE")[registers["PLLCFGR"] & 3] if name == "PLL" else ""


def _pll(registers: Mapping[str, int], source: int) -> int:
    """The R output of the G4: M has 4 bits, R is 2, 4, 6 or 8."""
    plan = registers["PLLCFGR"]
    vco = source // ((plan >> 4 & 0xF) + 1) * (plan >> 8 & 0x7F)
    return vco // (2 * ((plan >> 25 & 3) + 1)) if plan >> 24 & 1 else 0


def _wireless_pll(registers: Mapping[str, int], source: int) -> int:
    """The R output of WB and WL: M has 3 bits, R is 2 to 8."""
    plan = registers["PLLCFGR"]
    return source // ((plan >> 4 & 7) + 1) * (plan >> 8 & 0x7F) // ((plan >> 29) + 1) if plan >> 28 & 1 else 0


def _frequency(name: str, registers: Mapping[str, int], hse: int) -> int:
    if name != "PLL":
        return {"HSI": HSI_HZ, "HSE": hse, "none": 0}[name]
    return _pll(registers, _frequency(_inputs(name, registers), registers, hse))


def _wireless_frequency(name: str, registers: Mapping[str, int], hse: int) -> int:
    if name == "PLL":
        return _wireless_pll(registers, _wireless_frequency(_inputs(name, registers), registers, hse))
    msi = MSI_HZ[min(registers["CR"] >> 4 & 0xF, 11)]
    return {"MSI": msi, "HSI": HSI_HZ, "HSE": 32_000_000 if hse else 0, "none": 0}[name]


_HSI = Oscillator("HSI", "CR", 1 << 8, 1 << 10, 2 * US)
_HSE = Oscillator("HSE", "CR", 1 << 16, 1 << 17, 2 * MS)
_PLL = Oscillator("PLL", "CR", 1 << 24, 1 << 25, 40 * US)
_LSI = Oscillator("LSI", "CSR", 1, 2, 125 * US)
_HSI48 = Oscillator("HSI48", "CRRCR", 1, 2, 6 * US)
_MSI = Oscillator("MSI", "CR", 1, 2, 10 * US)
CLOCKS_G4 = ClockPlan(
    base=0x4002_1000,
    registers=words(_RCC_G4),
    oscillators=(_HSI, _HSE, _PLL, _LSI, _HSI48),
    sources=("", "HSI", "HSE", "PLL"),
    frequency=_frequency,
    inputs=_inputs,
    limit_hz=170_000_000,
    holds={"PLLCFGR": ("PLL", 0xFFFF_FFFF)},
    set_only={"APB1ENR1": 1 << 11},
    refuse={"BDCR": 1},
    start_ready=("HSI",),
)
CLOCKS_WB = replace(
    CLOCKS_G4,
    base=0x5800_0000,
    registers=words(_RCC_WB),
    oscillators=(_MSI, _HSI, _HSE, _PLL, _LSI, _HSI48),
    sources=("MSI", "HSI", "HSE", "PLL"),
    frequency=_wireless_frequency,
    limit_hz=64_000_000,
    start_ready=("MSI",),
)
CLOCKS_WL = replace(
    CLOCKS_WB, registers=words(_RCC_WL), oscillators=(_MSI, _HSI, _HSE, _PLL, _LSI), limit_hz=48_000_000
)
