"""What distinguishes one processor from another (DDI0419C, DDI0403E, DDI0553; values from silicon)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROFILES", "Profile"]

_FEATURES_M3 = (
    *(0x0000_0030, 0x0000_0200, 0x0010_0000, 0x0000_0000, 0x0000_0030, 0, 0, 0),
    *(0x0114_1110, 0x0211_2000, 0x2111_2231, 0x0111_1110, 0x0131_0102),
)
"""ID_PFR0 to ID_ISAR4 of the Cortex-M3 (DDI0337, table of system control registers)."""
_FEATURES_M33 = (
    *(0x0000_0030, 0x0000_0200, 0x0020_0000, 0x0000_0000, 0x0010_1F40, 0, 0x0100_0000, 0),
    *(0x0110_1110, 0x0221_2000, 0x2023_2232, 0x0111_1131, 0x0131_0132),
)
"""Of the Cortex-M33; bits 7 to 4 of ID_PFR1 are 0 where security is switched off."""


@dataclass(frozen=True)
class Profile:
    """One Cortex-M. ``mainline`` is ARMv7-M; else ARMv6-M: one fault, no masks but PRIMASK, 32 interrupts."""

    cpuid: int
    mainline: bool = True
    vector_mask: int = 0x3FFF_FF80  # writable bits of VTOR
    breakpoints: int = 6
    literals: int = 2
    patch_version: int = 1  # of the FPB
    watchpoints: int = 4
    configuration: int = 0x31B  # writable bits of CCR
    cache_ids: tuple[tuple[int, int], ...] = ()  # offset from 0xE000ED00, value
    secure_era: bool = False  # ARMv8-M: other EXC_RETURN values, stack limits, MPU and DWT of version 2
    fixed_configuration: int = 0  # bits of CCR that are always 1
    features: tuple[int, ...] = _FEATURES_M3  # ID_PFR0 to ID_ISAR4
    comparators: tuple[int, ...] = ()  # DWT_FUNCTION.ID of each comparator of a DWT version 2
    retires_in_reset: bool = False  # DHCSR.S_RETIRE_ST after a reset into a halt: an nRF51 has it, an STM32L0 has not


PROFILES = {
    "cortex-m0": Profile(0x410C_C200, False, 0, breakpoints=4, literals=0, watchpoints=2, retires_in_reset=True),
    "cortex-m0+": Profile(0x410C_C601, False, 0xFFFF_FF00, breakpoints=4, literals=0, watchpoints=2),
    "cortex-m3": Profile(0x411F_C231),
    "cortex-m4": Profile(0x410F_C241),
    "cortex-m7": Profile(
        0x411F_C271,
        vector_mask=0xFFFF_FF80,
        breakpoints=8,
        literals=0,
        patch_version=2,
        configuration=0x7_031B,
        cache_ids=((0x78, 0x0900_0003), (0x7C, 0x8303_C003), (0x80, 0xF00F_E019)),
    ),
    "cortex-m33": Profile(
        0x410F_D214,
        vector_mask=0xFFFF_FF80,
        breakpoints=8,
        literals=0,
        patch_version=2,
        configuration=0x51A,
        secure_era=True,
        fixed_configuration=0x201,
        features=_FEATURES_M33,
        comparators=(0b01011, 0b11110, 0b01010, 0b11010),
    ),
}
"""By model, as read from silicon of the families that use them."""
