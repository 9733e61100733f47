"""STM32L0: L051 (RM0367), Cortex-M0+. STM32L1: L152 of category 5 (RM0038), Cortex-M3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from ..chip import KIB, MS, SRAM, US, ChipModel, FlashBank, Ram
from .clocks import ClockPlan, Oscillator
from .debug_mcu import DebugPlan
from .family import DmaPlan, Family, SystemMemory
from .nvm_flash import NOTZEROERR, PGAERR, SIZERR, WRPERR, NvmFlash, NvmPlan
from .plain import PlainPlan
from .words import words

__all__ = ["L0_CHIPS", "L0_FAMILIES"]

MSI_HZ = (65_536, 131_072, 262_144, 524_288, 1_048_000, 2_097_000, 4_194_000)
MULTIPLIERS = (3, 4, 6, 8, 12, 16, 24, 32, 48)

_RCC_L0 = words(
    """
    CR       00 00000100 013D012B
    ICSCR    04 0000B000 FF00FF00
    CRRCR    08 0 0
    CFGR     0C 0 77FDBFF3
    CIER     10 0 FF
    CIFR     14 0 0
    CICR     18 0 0
    IOPRSTR  1C 0 9F
    AHBRSTR  20 0 1001101
    APB2RSTR 24 0 405225
    APB1RSTR 28 0 D87E4833
    IOPENR   2C 0 9F
    AHBENR   30 100 1001101
    APB2ENR  34 0 4052A5
    APB1ENR  38 0 D07E4835
    IOPSMENR 3C 9F 9F
    AHBSMENR 40 1001301 1001301
    APB2SMENR 44 4052A5 4052A5
    APB1SMENR 48 D07E4835 D07E4835
    CCIPR    4C 0 FFFFFFFF
    CSR      50 0 00001801
    """
)
_RCC_L1 = words(
    """
    CR       00 00000100 71050101
    ICSCR    04 0000B000 FF00FF00
    CFGR     08 0 77FD3FF3
    CIR      0C 0 FF00
    AHBRSTR  10 0 430090FF
    APB2RSTR 14 0 5A1D
    APB1RSTR 18 0 B0FECA3F
    AHBENR   1C 8000 430090FF
    APB2ENR  20 0 5A1D
    APB1ENR  24 0 B0FECA3F
    AHBLPENR 28 4301F0FF 4301F0FF
    APB2LPENR 2C 5A1D 5A1D
    APB1LPENR 30 B0FECA3F B0FECA3F
    CSR      34 0 00001801
    """
)


def _inputs(name: str, registers: Mapping[str, int]) -> str:
    return ("HSE" if registers["CFGR"] >> 16 & 1 else "HSI") if name == "PLL" else ""


def _frequency(name: str, registers: Mapping[str, int], hse: int) -> int:
    if name != "PLL":
        hsi = 4_000_000 if registers["CR"] & 8 else 16_000_000  # HSI16DIVEN, of the L0 alone
        return {"MSI": MSI_HZ[min(registers["ICSCR"] >> 13 & 7, 6)], "HSI": hsi, "HSE": hse}[name]
    cfgr = registers["CFGR"]
    multiplier = MULTIPLIERS[min(cfgr >> 18 & 0xF, 8)]
    return _frequency(_inputs(name, registers), registers, hse) * multiplier // ((cfgr >> 22 & 3) + 1)


def _oscillators(hsi_ready: int) -> tuple[Oscillator, ...]:
    return (
        Oscillator("HSI", "CR", 1, hsi_ready, 4 * US),
        Oscillator("MSI", "CR", 1 << 8, 1 << 9, 5 * US),
        Oscillator("HSE", "CR", 1 << 16, 1 << 17, 2 * MS),
        Oscillator("PLL", "CR", 1 << 24, 1 << 25, 115 * US),
        Oscillator("LSI", "CSR", 1, 2, 200 * US),
    )


_CLOCKS_L0 = ClockPlan(
    base=0x4002_1000,
    registers=_RCC_L0,
    oscillators=_oscillators(1 << 2),
    sources=("MSI", "HSI", "HSE", "PLL"),
    frequency=_frequency,
    inputs=_inputs,
    limit_hz=32_000_000,
    refuse={"CSR": 1 << 8},
    survivors=(),
)
_CLOCKS_L1 = replace(
    _CLOCKS_L0, base=0x4002_3800, registers=_RCC_L1, oscillators=_oscillators(1 << 1), remove_flags=1 << 24
)
_FLASH_L0 = NvmPlan(
    base=0x4002_2000,
    half_page=64,
    time=3_200_000_000,
    flags=WRPERR | PGAERR | SIZERR | NOTZEROERR | 1 << 11 | 1 << 13 | 1 << 17,
    acr_mask=0x7B,
    eeprom=(0x0808_0000, 2 * KIB),
    factory=0x8070_00AA,
    pages_per_bit=32,
    protection_registers=(0x20,),
    irq=3,
)
_FLASH_L1 = NvmPlan(
    base=0x4002_3C00,
    half_page=128,
    time=3_280_000_000,
    flags=WRPERR | PGAERR | SIZERR | 1 << 11 | 1 << 12,
    acr_mask=0x1F,
    eeprom=(0x0808_0000, 16 * KIB),
    factory=0x00F8_00AA,
    pages_per_bit=16,
    protection_registers=(0x20, 0x80, 0x84, 0x88),
    ors=True,
)
_A1, _A2 = "APB1ENR", "APB2ENR"
_PLAIN_L0 = PlainPlan(
    port_base=0x5000_0000,
    port_gate=("IOPENR", 0),
    port_mode=(0xEBFF_FCFF, 0xFFFF_FFFF, 0xFFFF_FFFF),
    timers=(("TIM2", 0x4000_0000, (_A1, 0)), ("TIM6", 0x4000_1000, (_A1, 4)), ("TIM21", 0x4001_0800, (_A2, 2))),
    usarts=(
        ("USART1", 0x4001_3800, (_A2, 14)),
        ("USART2", 0x4000_4400, (_A1, 17)),
        ("LPUART1", 0x4000_4800, (_A1, 18)),
    ),
    files=(("PWR", 0x4000_7000, (_A1, 28), "CR 00 1000 17FFF\nCSR 04 0 700", {}),),
    crc=(0x4002_3000, ("AHBENR", 12)),
    places=(
        (0x4000_0000, 0x4000_8000),
        (0x4001_0000, 0x4001_5C00),
        (0x4002_0000, 0x4002_6400),
        (0x5000_0000, 0x5000_2000),
    ),
)
_PLAIN_L1 = PlainPlan(
    port_base=0x4002_0000,
    port_gate=("AHBENR", 0),
    port_mode=(0xA800_0000, 0x0000_0280, 0),
    timers=(("TIM2", 0x4000_0000, (_A1, 0)), ("TIM6", 0x4000_1000, (_A1, 4)), ("TIM9", 0x4001_0800, (_A2, 2))),
    old_usarts=(("USART1", 0x4001_3800, (_A2, 14)), ("USART2", 0x4000_4400, (_A1, 17))),
    files=(("PWR", 0x4000_7000, (_A1, 28), "CR 00 1000 5FFF\nCSR 04 8 700", {}),),
    crc=(0x4002_3000, ("AHBENR", 12)),
    places=((0x4000_0000, 0x4000_8000), (0x4001_0000, 0x4001_4000), (0x4002_0000, 0x4002_6800)),
)
L0_FAMILIES = {
    "l051": Family(
        clocks=_CLOCKS_L0,
        debug=DebugPlan(
            {0x04: 7, 0x08: 0x8060_1C11, 0x0C: 0x44}, (0x08, 12), (0x08, 11), 0x4001_5800, gate=("APB2ENR", 22)
        ),
        system=SystemMemory(0x1FF0_0000, 0x1000, 0x1FF8_007C, 0x1FF8_0050, cells=((0x1FF8_0050, 0x30),)),
        plain=_PLAIN_L0,
        make_flash=partial(NvmFlash, _FLASH_L0),
        wwdg_gate=(_A1, 11),
        wwdg_prescaler=(7, 2),
        dmas=(DmaPlan("DMA1", 0x4002_0000, 7, 0, (9, 10, 10, 11), "AHBENR", selection=True),),
        lsi_hz=37_000,
    ),
    "l152": Family(
        clocks=_CLOCKS_L1,
        debug=DebugPlan({0x04: 0xE7, 0x08: 0x0060_1C3F, 0x0C: 0x1C}, (0x08, 12), (0x08, 11)),
        system=SystemMemory(0x1FF0_0000, 0x2000, 0x1FF8_00CC, 0x1FF8_00D0, cells=((0x1FF8_00CC, 0x30),)),
        plain=_PLAIN_L1,
        make_flash=partial(NvmFlash, _FLASH_L1),
        wwdg_gate=(_A1, 11),
        wwdg_prescaler=(7, 2),
        dmas=(
            DmaPlan("DMA1", 0x4002_6000, 7, 24, tuple(range(11, 18)), "AHBENR"),
            DmaPlan("DMA2", 0x4002_6400, 5, 25, tuple(range(50, 55)), "AHBENR"),
        ),
        lsi_hz=37_000,
        iwdg_window=False,
    ),
}
L0_CHIPS = (
    ChipModel(
        name="stm32l051c8",
        description="STM32L051C8, 64 KiB flash, Cortex-M0+",
        rams=(Ram("SRAM", SRAM, 8 * KIB),),
        banks=(FlashBank(0x0800_0000, 64 * KIB, 128),),
        idcode=0x2008_6417,
        boundary_scan_id=0,
        rom_table_part=0x417,
        ports="ABCDEH",
        unique_id=bytes.fromhex("053337340e47383120002d00"),
        interrupts=32,
        family="l051",
        core="cortex-m0+",
        core_hz=MSI_HZ[5],
        priority_bits=2,
        mpu_regions=8,
        dpidr=0x0BC1_1477,
        jtag_id=0,
        ap_idr=0x0477_0031,
        erased=0,
    ),
    ChipModel(
        name="stm32l152re",
        description="STM32L152RE, 512 KiB flash, Cortex-M3",
        rams=(Ram("SRAM", SRAM, 80 * KIB),),
        banks=(FlashBank(0x0800_0000, 256 * KIB, 256), FlashBank(0x0804_0000, 256 * KIB, 256)),
        idcode=0x1000_6437,
        boundary_scan_id=0x0643_7041,
        rom_table_part=0x437,
        ports="ABCDEH",
        unique_id=bytes.fromhex("0e473831053337342d002000"),
        interrupts=57,
        family="l152",
        core="cortex-m3",
        core_hz=MSI_HZ[5],
        mpu_regions=8,
        dpidr=0x2BA0_1477,
        jtag_id=0x4BA0_0477,
        ap_idr=0x2477_0011,
        erased=0,
    ),
)
