"""STM32G4: G431 and G474 (RM0440), Cortex-M4. STM32WB55 (RM0434) and WLE5 (RM0461): their Cortex-M4 alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..chip import KIB, SRAM, ChipModel, FlashBank, Ram
from .debug_mcu import DebugPlan
from .ecc_flash import EccFlash
from .ecc_options import OptionPlan, ProtectedArea
from .ecc_plan import MER1, EccPlan
from .family import DmaPlan, Family, SystemMemory
from .g4_clocks import CLOCKS_G4, CLOCKS_WB, CLOCKS_WL, HSI_HZ
from .l4 import L4_TIMING
from .plain import PlainPlan
from .words import words

__all__ = ["G4_CHIPS", "G4_FAMILIES"]

# --- flash

_REGISTERS = {"ACR": 0x00, "PDKEYR": 0x04, "KEYR": 0x08, "OPTKEYR": 0x0C, "SR": 0x10, "CR": 0x14, "ECCR": 0x18}
_WIRELESS = {name: at for name, at in _REGISTERS.items() if name != "PDKEYR"}
_STORED = ("OPTR", "PCROP1SR", "PCROP1ER", "WRP1AR", "WRP1BR", "SEC1R")
_OPTIONS_G4 = OptionPlan(
    registers=words(
        """
        OPTR     20 FFEFF8AA 7F8F77FF
        PCROP1SR 24 FFFFFFFF 00007FFF
        PCROP1ER 28 FFFF0000 80007FFF
        WRP1AR   2C FF80FFFF 007F007F
        WRP1BR   30 FF80FFFF 007F007F
        SEC1R    70 FFFEFF00 000100FF
        """
    ),
    areas=(ProtectedArea("WRP1AR", 0, 7), ProtectedArea("WRP1BR", 0, 7)),
    stored={name: 0x1FFF_7800 + 8 * n for n, name in enumerate(_STORED)},
    memory=((0x1FFF_7800, 0x30),),
    refuse=(("OPTR", 1 << 26, 1 << 26), ("PCROP1SR", 0x7FFF, 0x7FFF), ("SEC1R", 1 << 16, 0)),
)
_OPTIONS_G474 = replace(
    _OPTIONS_G4,
    registers=_OPTIONS_G4.registers
    | words(
        """
        OPTR     20 FFEFF8AA 7FDF77FF
        PCROP2SR 44 FFFFFFFF 00007FFF
        PCROP2ER 48 FFFF0000 00007FFF
        WRP2AR   4C FF80FFFF 007F007F
        WRP2BR   50 FF80FFFF 007F007F
        SEC2R    74 FFFEFF00 000000FF
        """
    ),
    areas=(*_OPTIONS_G4.areas, ProtectedArea("WRP2AR", 1, 7), ProtectedArea("WRP2BR", 1, 7)),
    refuse=(*_OPTIONS_G4.refuse, ("OPTR", 1 << 20 | 1 << 22, 1 << 22)),  # other boot bank, single bank
)
_OPTIONS_WL = OptionPlan(
    registers=words(
        """
        OPTR      20 3FFFF0AA 4F8F7FFF
        PCROP1ASR 24 FFFFFFFF 000000FF
        PCROP1AER 28 FFFFFF00 800000FF
        WRP1AR    2C FF80FFFF 007F007F
        WRP1BR    30 FF80FFFF 007F007F
        PCROP1BSR 34 FFFFFFFF 000000FF
        PCROP1BER 38 FFFFFF00 000000FF
        """
    ),
    areas=(ProtectedArea("WRP1AR", 0, 7), ProtectedArea("WRP1BR", 0, 7)),
    stored={"OPTR": 0x1FFF_7800, "WRP1AR": 0x1FFF_7818, "WRP1BR": 0x1FFF_7820},
    memory=((0x1FFF_7800, 0x80),),
    refuse=(("OPTR", 1 << 26, 1 << 26), ("PCROP1ASR", 0xFF, 0xFF), ("PCROP1BSR", 0xFF, 0xFF)),
)
_OPTIONS_WB = replace(
    _OPTIONS_WL,
    registers=words(
        """
        OPTR      20 3DFFF1AA 7F8F7FFF
        PCROP1ASR 24 FFFFFFFF 000001FF
        PCROP1AER 28 FFFFFE00 800001FF
        WRP1AR    2C FF00FFFF 00FF00FF
        WRP1BR    30 FF00FFFF 00FF00FF
        PCROP1BSR 34 FFFFFFFF 000001FF
        PCROP1BER 38 FFFFFE00 000001FF
        SFR       80 FFFFFFFF 00000000
        SRRVR     84 FFFFFFFF 00000000
        """
    ),
    areas=(ProtectedArea("WRP1AR", 0), ProtectedArea("WRP1BR", 0)),
    stored={"OPTR": 0x1FFF_8000, "WRP1AR": 0x1FFF_8018, "WRP1BR": 0x1FFF_8020},
    memory=((0x1FFF_8000, 0x80),),
    refuse=(("OPTR", 1 << 26, 1 << 26), ("PCROP1ASR", 0x1FF, 0x1FF), ("PCROP1BSR", 0x1FF, 0x1FF)),
)
_FLASH_G431 = EccPlan(
    registers=_REGISTERS,
    acr=(0x4_0600, 0x4_7F0F),
    timing=L4_TIMING,
    options=_OPTIONS_G4,
    page_bits=(3, 6),
    one_time=(0x1FFF_7000, 0x400),
)
_FLASH_G474 = replace(
    _FLASH_G431,
    options=_OPTIONS_G474,
    page_bits=(3, 7),
    bank_bit=11,
    mass_bits=(MER1, 1 << 15),
    ecc_bank=1 << 21,
)
_FLASH_WL = replace(
    _FLASH_G431,
    registers=_WIRELESS,
    acr=(0x600, 0x1_8F07),
    options=_OPTIONS_WL,
    page_bits=(3, 7),
    base=0x5800_4000,
    empty="ACR",
    shows_configuration=True,
)
_FLASH_WB = replace(_FLASH_WL, options=_OPTIONS_WB, page_bits=(3, 8), row=512)

# --- the rest

_A1, _A12, _A2 = "APB1ENR1", "APB1ENR2", "APB2ENR"
_MUX: tuple[str, int, None, str, dict[str, int]] = (
    "DMAMUX",
    0x4002_0800,
    None,
    "\n".join(f"C{n}CR {4 * n:X} 0 7F" for n in range(16)),
    {},
)
_PWR = "".join(f"PUCR{p} {0x20 + 8 * n:X} 0 FFFF\nPDCR{p} {0x24 + 8 * n:X} 0 FFFF\n" for n, p in enumerate("ABCDEFGH"))
_PWR += "CR1 00 200 471F\nCR2 04 0 7FF\nCR3 08 8000 FFFF\nCR4 0C 0 FFFF\nSR1 10 0 0\nSR2 14 100 0\nSCR 18 0 0"
_SYSCFG = """
    MEMRMP  00 0 107
    CFGR1   04 7C000001 FC7F0100
    EXTICR1 08 0 FFFF
    EXTICR2 0C 0 FFFF
    EXTICR3 10 0 FFFF
    EXTICR4 14 0 FFFF
    SCSR    18 0 1
    CFGR2   1C 0 10F
    SWPR    20 0 FFFFFFFF
    SKR     24 0 0
"""
_TIMERS = (("TIM2", 0x4000_0000, (_A1, 0)), ("TIM1", 0x4001_2C00, (_A2, 11)))
_USARTS = (("USART1", 0x4001_3800, (_A2, 14)), ("LPUART1", 0x4000_8000, (_A12, 0)))
_PLAIN_G4 = PlainPlan(
    port_base=0x4800_0000,
    port_gate=("AHB2ENR", 0),
    timers=(*_TIMERS, ("TIM6", 0x4000_1000, (_A1, 4)), ("TIM7", 0x4000_1400, (_A1, 5))),
    usarts=(*_USARTS, ("USART2", 0x4000_4400, (_A1, 17)), ("USART3", 0x4000_4800, (_A1, 18))),
    files=(
        ("PWR", 0x4000_7000, (_A1, 28), _PWR + "\nCR5 80 100 100", {}),
        ("SYSCFG", 0x4001_0000, (_A2, 0), _SYSCFG, {"MEMRMP": 0x107}),
        _MUX,
    ),
    file_sizes={"SYSCFG": 0x30},
    crc=(0x4002_3000, ("AHB1ENR", 12)),
    places=(
        (0x1000_0000, 0x1000_2800),
        (0x4000_0000, 0x4000_B000),
        (0x4001_0000, 0x4001_6C00),
        (0x4002_0000, 0x4002_4400),
        (0x4800_0000, 0x4800_1C00),
        (0x5000_0000, 0x5006_0C00),
    ),
)
_PLAIN_WB = replace(
    _PLAIN_G4,
    timers=_TIMERS,
    usarts=_USARTS,
    files=(("PWR", 0x5800_0400, None, _PWR, {}), _MUX),
    places=(*_PLAIN_G4.places[1:], (0x5800_0000, 0x5800_5000)),
)
_SYSTEM = SystemMemory(0x1FFF_0000, 0x7000, 0x1FFF_75E0, 0x1FFF_7590, cells=((0x1FFF_7400, 0x400),))
_G431 = Family(
    clocks=CLOCKS_G4,
    debug=DebugPlan({0x04: 0xE7, 0x08: 0xC060_1C3F, 0x0C: 2, 0x10: 0x3C17_2800}, (0x08, 12), (0x08, 11)),
    system=_SYSTEM,
    plain=_PLAIN_G4,
    make_flash=partial(EccFlash, _FLASH_G431),
    wwdg_gate=(_A1, 11),
    dmas=(
        DmaPlan("DMA1", 0x4002_0000, 6, 0, tuple(range(11, 17))),
        DmaPlan("DMA2", 0x4002_0400, 6, 1, (56, 57, 58, 59, 60, 97)),
    ),
)
_EIGHT = (
    DmaPlan("DMA1", 0x4002_0000, 8, 0, (*range(11, 18), 96)),
    DmaPlan("DMA2", 0x4002_0400, 8, 1, (56, 57, 58, 59, 60, 97, 98, 99)),
)
_SEVEN = (
    DmaPlan("DMA1", 0x4002_0000, 7, 0, tuple(range(11, 18))),
    DmaPlan("DMA2", 0x4002_0400, 7, 1, tuple(range(54, 61))),
)
_DEBUG_WB = DebugPlan({0x04: 0x27, 0x3C: 0x80A0_1C01, 0x44: 0x20, 0x4C: 0x6_0800}, (0x3C, 12), (0x3C, 11))
_WB55 = replace(
    _G431,
    clocks=CLOCKS_WB,
    debug=_DEBUG_WB,
    plain=_PLAIN_WB,
    make_flash=partial(EccFlash, _FLASH_WB),
    dmas=_SEVEN,
)
G4_FAMILIES = {
    "g431": _G431,
    "g474": replace(
        _G431,
        plain=replace(_PLAIN_G4, places=_PLAIN_G4.places[1:]),
        make_flash=partial(EccFlash, _FLASH_G474),
        dmas=_EIGHT,
    ),
    "wb55": _WB55,
    "wle5": replace(
        _WB55,
        clocks=CLOCKS_WL,
        debug=replace(_DEBUG_WB, registers={0x04: 7, 0x3C: 0x80E0_1C01, 0x44: 0x60, 0x4C: 0x6_0800}),
        make_flash=partial(EccFlash, _FLASH_WL),
    ),
}


def _chip(
    name: str, family: str, idcode: int, banks: tuple[FlashBank, ...], rams: tuple[Ram, ...], *, newer: bool
) -> ChipModel:
    return ChipModel(
        name=name,
        description=f"{name.upper()}, {sum(bank.size for bank in banks) // KIB} KiB flash, Cortex-M4",
        rams=rams,
        banks=banks,
        idcode=idcode,
        boundary_scan_id=0x0600_0041 | (idcode & 0xFFF) << 12,
        rom_table_part=idcode & 0xFFF,
        ports="ABCDEH" if newer else "ABCDEFG",
        unique_id=bytes.fromhex("1a0036001051383537363620"),
        interrupts=63 if newer else 102,
        family=family,
        core="cortex-m4",
        core_hz=4_000_000 if newer else HSI_HZ,
        mpu_regions=8,
        dpidr=0x6BA0_2477 if newer else 0x2BA0_1477,
        jtag_id=0x6BA0_0477 if newer else 0x4BA0_0477,
        ap_idr=0x2477_0011,
    )


def _flash(*sizes: int, page: int = 2) -> tuple[FlashBank, ...]:
    return tuple(FlashBank(0x0800_0000 + n * sizes[0] * KIB, size * KIB, page * KIB) for n, size in enumerate(sizes))


def _sram(first: int, second: int, ccm: int) -> tuple[Ram, ...]:
    ccm_seen = SRAM + (first + second) * KIB
    # The G431's is not on a page of 4 KiB there: it is only seen behind SRAM2, and 0x10000000 is a place.
    core_coupled = (
        Ram("CCM SRAM", ccm_seen, ccm * KIB)
        if ccm_seen % 0x1000
        else Ram("CCM SRAM", 0x1000_0000, ccm * KIB, (ccm_seen,))
    )
    return Ram("SRAM1", SRAM, first * KIB), Ram("SRAM2", SRAM + first * KIB, second * KIB), core_coupled


_RAM_WB = (
    Ram("SRAM1", SRAM, 192 * KIB),
    Ram("SRAM2A", 0x1000_0000, 32 * KIB, (0x2003_0000,)),
    Ram("SRAM2B", 0x1000_8000, 32 * KIB, (0x2003_8000,)),
)
_RAM_WL = (Ram("SRAM1", SRAM, 32 * KIB), Ram("SRAM2", SRAM + 32 * KIB, 32 * KIB))
G4_CHIPS = (
    _chip("stm32g431rb", "g431", 0x2003_6468, _flash(128), _sram(16, 6, 10), newer=False),
    _chip("stm32g474re", "g474", 0x2003_6469, _flash(256, 256), _sram(80, 16, 32), newer=False),
    _chip("stm32wb55rg", "wb55", 0x2001_6495, _flash(1024, page=4), _RAM_WB, newer=True),
    _chip("stm32wle5jc", "wle5", 0x1003_6497, _flash(256), _RAM_WL, newer=True),
)
