"""STM32F746 (RM0385): Cortex-M7, one bank of 1 MiB, seen on the AXI bus at 0x08000000 and on the ITCM at 0x00200000."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..chip import KIB, MS, SRAM, US, ChipModel, FlashBank, Ram
from .clocks import Oscillator
from .debug_mcu import DebugPlan
from .f4 import F4_CLOCKS, F4_DMAS, F4_PLAIN, F4_TIMING
from .family import Family, SystemMemory
from .sector_bank import PGAERR, PGPERR, WRPERR
from .sector_flash import EOP, OPERR, PGSERR, SectorFlash, SectorPlan
from .sector_options import SectorOptionPlan
from .words import words

__all__ = ["F7_CHIPS", "F7_FAMILIES"]

HSI_HZ = 16_000_000
ITCM_FLASH = 0x0020_0000
_RCC = words(
    """
    CR        00 00000081 150D00F9
    PLLCFGR   04 24003010 0F437FFF
    CFGR      08 00000000 FFFFFCF3
    CIR       0C 0 7F00
    AHB1RSTR  10 0 22E017FF
    AHB2RSTR  14 0 F1
    AHB3RSTR  18 0 3
    APB1RSTR  20 0 FFFFCBFF
    APB2RSTR  24 0 04F77933
    AHB1ENR   30 00100000 7EF417FF
    AHB2ENR   34 0 F1
    AHB3ENR   38 0 3
    APB1ENR   40 0 FFFFCBFF
    APB2ENR   44 0 04F77F33
    AHB1LPENR 50 7EF7B7FF 7EF7B7FF
    AHB2LPENR 54 F1 F1
    AHB3LPENR 58 3 3
    APB1LPENR 60 FFFFCBFF FFFFCBFF
    APB2LPENR 64 04F77F33 04F77F33
    BDCR      70 0 0001831D
    CSR       74 0 1
    SSCGR     80 0 CFFFFFFF
    PLLI2SCFGR 84 24003000 7F037FC0
    PLLSAICFGR 88 24003000 7F037FC0
    DCKCFGR1  8C 0 01FF1F1F
    DCKCFGR2  90 0 3FFFFFFF
    """
)
_CLOCKS = replace(
    F4_CLOCKS,
    registers=_RCC,
    oscillators=(*F4_CLOCKS.oscillators, Oscillator("PLLSAI", "CR", 1 << 28, 1 << 29, 200 * US)),
    limit_hz=216_000_000,
)
SECTORS = (*[32 * KIB] * 4, 128 * KIB, *[256 * KIB] * 3)
_TIMING = replace(
    F4_TIMING,
    sectors={
        32 * KIB: (400 * MS, 300 * MS, 250 * MS),
        128 * KIB: (1100 * MS, 800 * MS, 600 * MS),
        256 * KIB: (2100 * MS, 1400 * MS, 1100 * MS),
    },
)
_FLASH = SectorPlan(
    acr=(0, 0xB0F),
    flags=EOP | OPERR | WRPERR | PGAERR | PGPERR | PGSERR,  # bit 7 is called ERSERR here
    sector_bits=4,
    timing=_TIMING,
    options=SectorOptionPlan(
        registers=words(
            """
            OPTCR  14 C0FFAAFD C0FFFFFF
            OPTCR1 18 00400080 FFFFFFFF
            """
        ),
        write_protection=(("OPTCR", 16, 8),),
        memory=(
            (0x1FFF_0000, "OPTCR", 0),
            (0x1FFF_0008, "OPTCR", 16),
            (0x1FFF_0010, "OPTCR1", 0),
            (0x1FFF_0018, "OPTCR1", 16),
        ),
        refuse=(("OPTCR1", 0xFFFF, ITCM_FLASH >> 14),),  # another boot address
    ),
    one_time=(0x1FF0_F000, 0x410),
)
_PWR = """
    CR1  00 C000 000FDDEB
    CSR1 04 0 00000200
    CR2  08 0 3F00
    CSR2 0C 0 3F00
"""
_A1, _A2, _AHB = "APB1ENR", "APB2ENR", "AHB1ENR"
_SYSCFG = """
    MEMRMP 00 0 0
    PMC 04 0 00800000
    EXTICR1 08 0 FFFF
    EXTICR2 0C 0 FFFF
    EXTICR3 10 0 FFFF
    EXTICR4 14 0 FFFF
    CMPCR 20 0 1
"""
_PLAIN = replace(
    F4_PLAIN,
    old_usarts=(),
    usarts=(
        ("USART2", 0x4000_4400, (_A1, 17)),
        ("USART3", 0x4000_4800, (_A1, 18)),
        ("UART4", 0x4000_4C00, (_A1, 19)),
        ("UART5", 0x4000_5000, (_A1, 20)),
        ("USART1", 0x4001_1000, (_A2, 4)),
        ("USART6", 0x4001_1400, (_A2, 5)),
        ("UART7", 0x4000_7800, (_A1, 30)),
        ("UART8", 0x4000_7C00, (_A1, 31)),
    ),
    files=(
        ("PWR", 0x4000_7000, (_A1, 28), _PWR, {}),
        ("SYSCFG", 0x4001_3800, (_A2, 14), _SYSCFG, {"MEMRMP": 0xD00}),
        next(one for one in F4_PLAIN.files if one[0] == "EXTI"),
    ),
)
F7_FAMILIES = {
    "f746": Family(
        clocks=_CLOCKS,
        debug=DebugPlan({0x04: 0xE7, 0x08: 0x07E0_1BFF, 0x0C: 0x7_0003}, (0x08, 12), (0x08, 11)),
        system=SystemMemory(0x1FF0_0000, 0xEDC0, 0x1FF0_F442, 0x1FF0_F420, cells=((0x1FF0_F420, 0x30),)),
        plain=_PLAIN,
        make_flash=partial(SectorFlash, _FLASH),
        wwdg_gate=(_A1, 11),
        boot_base=ITCM_FLASH,
        wwdg_prescaler=(7, 2),
        dmas=tuple(replace(plan, unreachable=((0, 16 * KIB),)) for plan in F4_DMAS),
    )
}
F7_CHIPS = (
    ChipModel(
        name="stm32f746zg",
        description="STM32F746ZG, 1 MiB flash, Cortex-M7",
        rams=(
            Ram("ITCM", 0, 16 * KIB),
            Ram("DTCM", SRAM, 64 * KIB),
            Ram("SRAM", SRAM + 64 * KIB, 256 * KIB),
        ),
        banks=(FlashBank(0x0800_0000, 1024 * KIB, 32 * KIB, sectors=SECTORS),),
        idcode=0x1001_6449,
        boundary_scan_id=0x0644_9041,
        rom_table_part=0x449,
        ports="ABCDEFGHIJK",
        unique_id=bytes.fromhex("2e0041000551363431333837"),
        interrupts=98,
        family="f746",
        core="cortex-m7",
        core_hz=HSI_HZ,
        mpu_regions=8,
        dpidr=0x5BA0_2477,
        jtag_id=0x5BA0_0477,
        ap_idr=0x7477_0001,
        flash_at_0=False,
        flash_at_itcm=ITCM_FLASH,
        core_words=((0x00, 0x410F_C271), (0x80, 0xF003_E019)),  # r0p1, 4 KiB of each cache
    ),
)
