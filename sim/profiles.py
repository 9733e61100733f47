"""What distinguishes one processor from another (DDI0419C for ARMv6-M, DDI0403E for ARMv7-M; values from silicon)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROFILES", "Profile"]


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
    "cortex-m33": Profile(0x410F_D213, vector_mask=0xFFFF_FF80, breakpoints=8, literals=0, patch_version=2),
}
"""By model, as read from silicon of the families that use them."""
