"""What an Armv8-M mainline core adds to what must be made harmless. DDI0553.

Where the Security Extension is not there, or switched off as it is with TZEN = 0, the limits of the Secure stacks read
as 0 and ignore writes.
"""

from __future__ import annotations

from ..steps import Step

__all__ = ["ICACHE_OFF", "STACK_LIMITS"]

SELECTORS = {"MSPLIM_S": 0x1C, "PSPLIM_S": 0x1D, "MSPLIM_NS": 0x1E, "PSPLIM_NS": 0x1F}
"""DCRSR.REGSEL."""

STACK_LIMITS = tuple(
    Step(name, "the loader's stack may lie below the limit of the firmware's", selector, clear=0xFFFF_FFFF, core=True)
    for name, selector in SELECTORS.items()
)

ICACHE_OFF = Step(
    "ICACHE_CR",
    "the instruction cache would keep what is programmed over; switched off, it empties itself (RM0438)",
    0x4003_0400,
    clear=1,
    wait_at=0x4003_0404,
    wait=1,
)
"""At the same place in STM32L5, U5 and H5."""
