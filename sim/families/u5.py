"""STM32U575 (RM0456): Cortex-M33, two banks of 1 MiB in pages of 8 KiB, quad-words. TrustZone is off (TZEN = 0)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..chip import KIB, MS, SRAM, US, ChipModel, FlashBank, Ram
from .caches import DATA_CACHE, INSTRUCTION_CACHE
from .clocks import ClockPlan, Oscillator
from .debug_mcu import DebugPlan
from .ecc_flash import EccFlash
from .ecc_options import OptionPlan, ProtectedArea
from .ecc_plan import EOP, EOPIE, ERRIE, MER1, OPERR, PGAERR, PGSERR, PROGERR, SIZERR, WRPERR, EccPlan, EccTiming
from .family import Family, SystemMemory
from .m33_parts import general_dma, serial_ports, timers
from .plain import PlainPlan
from .words import words

__all__ = ["U5_CHIPS", "U5_FAMILIES"]

HSI16_HZ = 16_000_000
MSI_HZ = (
    *(48_000_000, 24_000_000, 16_000_000, 12_000_000, 4_000_000, 2_000_000, 1_330_000, 1_000_000),
    *(3_072_000, 1_536_000, 1_024_000, 768_000, 400_000, 200_000, 133_000, 100_000),
)

# --- clocks; CFGR stands for CFGR1

_RCC = words(
    """
    CR        00 00000031 151F53EB
    ICSCR1    08 44000000 FFC00000
    ICSCR2    0C 00084210 0
    ICSCR3    10 00100000 001F0000
    CFGR      1C 0 7F000033
    CFGR2     20 00006000 001F777F
    CFGR3     24 0 00030070
    PLL1CFGR  28 0 0007FF1F
    PLL2CFGR  2C 0 00070F1F
    PLL3CFGR  30 0 00070F1F
    PLL1DIVR  34 01010280 7F7FFFFF
    PLL1FRACR 38 0 FFF8
    PLL2DIVR  3C 01010280 7F7FFFFF
    PLL2FRACR 40 0 FFF8
    PLL3DIVR  44 01010280 7F7FFFFF
    PLL3FRACR 48 0 FFF8
    CIER      50 0 1FFF
    CIFR      54 0 0
    CICR      58 0 0
    AHB1RSTR  60 0 001F900F
    AHB2RSTR1 64 0 19BF57FF
    AHB2RSTR2 68 0 1111
    AHB3RSTR  6C 0 661
    APB1RSTR1 74 0 037E403F
    APB1RSTR2 78 0 008002E2
    APB2RSTR  7C 0 0F677800
    APB3RSTR  80 0 0010F8E2
    AHB1ENR   88 D0200100 D13F910F
    AHB2ENR1  8C C0000000 D9BFD7FF
    AHB2ENR2  90 80000000 C0001111
    AHB3ENR   94 80000000 80001665
    APB1ENR1  9C 0 037E483F
    APB1ENR2  A0 0 008002E2
    APB2ENR   A4 0 0F677800
    APB3ENR   A8 0 0030F8E2
    CCIPR1    E0 0 FFFFFFFF
    CCIPR2    E4 0 FFFFFFFF
    CCIPR3    E8 0 FFFFFFFF
    BDCR      F0 0 1F03BFBB
    CSR       F4 00004400 0000FF00
    """
)


def _inputs(name: str, registers: Mapping[str, int]) -> str:
    if not name.startswith("PLL"):
        return ""
    return ("none", "MSIS", "HSI", "HSE")[registers[f"{name}CFGR"] & 3]


def _frequency(name: str, registers: Mapping[str, int], hse: int) -> int:
    if name == "MSIS":
        by_software = registers["ICSCR1"] & 1 << 23
        return MSI_HZ[(registers["ICSCR1"] >> 28 if by_software else registers["CSR"] >> 12) & 0xF]
    if name != "PLL1":
        return {"HSI": HSI16_HZ, "HSE": hse, "none": 0}[name]
    plan, dividers = registers["PLL1CFGR"], registers["PLL1DIVR"]
    source = _inputs(name, registers)
    if not plan >> 18 & 1 or source == "none":
        return 0
    vco = _frequency(source, registers, hse) // ((plan >> 8 & 0xF) + 1) * ((dividers & 0x1FF) + 1)
    return vco // ((dividers >> 24 & 0x7F) + 1)


_CLOCKS = ClockPlan(
    base=0x4602_0C00,
    registers=_RCC,
    oscillators=(
        Oscillator("MSIS", "CR", 1 << 0, 1 << 2, 5 * US),
        Oscillator("MSIK", "CR", 1 << 4, 1 << 5, 5 * US),
        Oscillator("HSI", "CR", 1 << 8, 1 << 10, 3 * US),
        Oscillator("HSI48", "CR", 1 << 12, 1 << 13, 3 * US),
        Oscillator("SHSI", "CR", 1 << 14, 1 << 15, 3 * US),
        Oscillator("HSE", "CR", 1 << 16, 1 << 17, 2 * MS),
        Oscillator("PLL1", "CR", 1 << 24, 1 << 25, 50 * US),
        Oscillator("PLL2", "CR", 1 << 26, 1 << 27, 50 * US),
        Oscillator("PLL3", "CR", 1 << 28, 1 << 29, 50 * US),
        Oscillator("LSI", "BDCR", 1 << 26, 1 << 27, 125 * US),
    ),
    sources=("MSIS", "HSI", "HSE", "PLL1"),
    frequency=_frequency,
    inputs=_inputs,
    limit_hz=160_000_000,
    prescaler_register="CFGR2",
    prescaler_shift=0,
    apb_shifts=(4, 8),
    holds={"PLL1DIVR": ("PLL1", 0xFFFF_FFFF), "PLL1CFGR": ("PLL1", 0x1F03)},
    set_only={"APB1ENR1": 1 << 11, "CR": 1 << 19},
    refuse={"BDCR": 1},
    start_ready=("MSIS", "MSIK"),
)

# --- flash

_FLASH_REGISTERS = {
    "ACR": 0x00,
    "KEYR": 0x08,
    "SECKEYR": 0x0C,
    "OPTKEYR": 0x10,
    "PDKEY1R": 0x18,
    "PDKEY2R": 0x1C,
    "SR": 0x20,
    "SECSR": 0x24,
    "CR": 0x28,
    "SECCR": 0x2C,
    "ECCR": 0x30,
    "OPSR": 0x34,
}
TZEN, SWAP_BANK, DUALBANK = 1 << 31, 1 << 20, 1 << 21
_OPTIONS = OptionPlan(
    registers=words(
        """
        OPTR         40 1FEFF8AA FFFFF7FF
        NSBOOTADD0R  44 0800007F FFFFFF80
        NSBOOTADD1R  48 0BF9007F FFFFFF80
        SECBOOTADD0R 4C 0C00007C 0
        SECWM1R1     50 FF80FFFF 0
        SECWM1R2     54 0F80FFFF 0
        WRP1AR       58 FF80FFFF 807F007F
        WRP1BR       5C FF80FFFF 807F007F
        SECWM2R1     60 FF80FFFF 0
        SECWM2R2     64 0F80FFFF 0
        WRP2AR       68 FF80FFFF 807F007F
        WRP2BR       6C FF80FFFF 807F007F
        """
    ),
    areas=tuple(ProtectedArea(f"WRP{n + 1}{area}R", n, bits=7) for n in range(2) for area in "AB"),
    stored={},
    memory=(),
    watermarks=("SECWM1R1", "SECWM2R1"),
    refuse=(
        ("OPTR", TZEN | SWAP_BANK | DUALBANK, DUALBANK),
        ("NSBOOTADD0R", 0xFFFF_FF80, 0x0800_0000),
        *((f"WRP{n}R", 1 << 31, 1 << 31) for n in ("1A", "1B", "2A", "2B")),
    ),
)
_FLASH = EccPlan(
    registers=_FLASH_REGISTERS,
    acr=(0, 0x490F),
    timing=EccTiming(program=118 * US, fast=118 * US, erase_page=1_500_000_000, erase_all=195 * MS),
    options=_OPTIONS,
    page_bits=(3, 7),
    bank_bit=11,
    ecc_bank=1 << 21,
    mass_bits=(MER1, 1 << 15),
    flags=EOP | OPERR | PROGERR | WRPERR | PGAERR | SIZERR | PGSERR | 1 << 13,
    unit=16,
    row=0,
    control=EOPIE | ERRIE,
    irq=6,
    waiting=1 << 17,
    burst=(1 << 14, 128, 8 * 48 * US),
    one_time=(0x0BFA_0000, 0x200),
)

# --- the rest

_PWR = """
    CR1    00 0 00000FFF
    CR2    04 0 FFFFFFFF
    CR3    08 0 6
    VOSR   0C 00008000 00070000
    SVMCR  10 0 7FFF00F0
    WUCR1  14 0 FF
    WUCR2  18 0 FF
    WUCR3  1C 0 FFFF
    BDCR1  20 0 11
    BDCR2  24 0 3
    DBPR   28 0 1
    UCPDR  2C 0 3
    SECCFGR 30 0 0
    PRIVCFGR 34 0 3
    SR     38 0 0
    SVMSR  3C 00008000 0
    BDSR   40 0 0
    WUSR   44 0 0
    WUSCR  48 0 0
    APCR   4C 0 1
"""
_PWR += "".join(
    f"PUCR{p} {0x50 + 8 * n:X} 0 FFFF\nPDCR{p} {0x54 + 8 * n:X} 0 FFFF\n" for n, p in enumerate("ABCDEFGHI")
)
_A1, _A2 = "APB1ENR1", "APB2ENR"
_PLAIN = PlainPlan(
    port_base=0x4202_0000,
    port_gate=("AHB2ENR1", 0),
    timers=(
        *timers(_A1, _A2),
        ("TIM15", 0x4001_4000, (_A2, 16)),
        ("TIM16", 0x4001_4400, (_A2, 17)),
        ("TIM17", 0x4001_4800, (_A2, 18)),
    ),
    usarts=(
        *serial_ports(_A1, _A2),
        ("UART4", 0x4000_4C00, (_A1, 19)),
        ("UART5", 0x4000_5000, (_A1, 20)),
        ("LPUART1", 0x4600_2400, ("APB3ENR", 6)),
    ),
    files=(
        ("PWR", 0x4602_0800, ("AHB3ENR", 2), _PWR, {}),
        general_dma("GPDMA1", 0x4002_0000, ("AHB1ENR", 0), 16),
    ),
    file_sizes={"GPDMA1": 0x1000},
    crc=(0x4002_3000, ("AHB1ENR", 12)),
    caches=(("ICACHE", 0x4003_0400, INSTRUCTION_CACHE), ("DCACHE1", 0x4003_1400, DATA_CACHE)),
    places=(
        (0x4000_0000, 0x4000_B000),
        (0x4001_2C00, 0x4001_7000),
        (0x4002_0000, 0x4003_6000),
        (0x4202_0000, 0x420D_2400),
        (0x4600_0000, 0x4602_6000),
    ),
)
U5_FAMILIES = {
    "u575": Family(
        clocks=_CLOCKS,
        debug=DebugPlan(
            {0x04: 0xF6, 0x08: 0x0060_183F, 0x0C: 0x22, 0x10: 0x7_2800, 0x14: 0x4006_0400, 0x20: 0xFFFF, 0x28: 0xF},
            (0x08, 12),
            (0x08, 11),
            0xE004_4000,
        ),
        system=SystemMemory(0x0BF9_0000, 0x8000, 0x0BFA_07A0, 0x0BFA_0700, cells=((0x0BFA_0500, 0x500),)),
        plain=_PLAIN,
        make_flash=partial(EccFlash, _FLASH),
        wwdg_gate=(_A1, 11),
        boot_base=0x0800_0000,
    )
}
U5_CHIPS = (
    ChipModel(
        name="stm32u575zi",
        description="STM32U575ZI, 2 MiB flash, Cortex-M33, TrustZone off",
        rams=(
            Ram("SRAM1", SRAM, 192 * KIB),
            Ram("SRAM2", SRAM + 192 * KIB, 64 * KIB),
            Ram("SRAM3", SRAM + 256 * KIB, 512 * KIB),
        ),
        banks=tuple(FlashBank(0x0800_0000 + n * 1024 * KIB, 1024 * KIB, 8 * KIB) for n in range(2)),
        idcode=0x3001_6482,
        boundary_scan_id=0x0648_2041,
        rom_table_part=0x482,
        ports="ABCDEFGHI",
        unique_id=bytes.fromhex("3c003b000751333034363539"),
        interrupts=125,
        family="u575",
        core="cortex-m33",
        core_hz=4_000_000,
        mpu_regions=8,
        dpidr=0x0BE1_2477,
        jtag_id=0x0BA0_4477,
        ap_idr=0x1477_0015,
        flash_at_0=False,
        flash_at_secure=0x0C00_0000,
    ),
)
