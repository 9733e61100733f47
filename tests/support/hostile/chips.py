"""The chips of the matrix: one for each core type, and a second Cortex-M0+ whose flash is of another kind."""

from __future__ import annotations

from .armv6m import F091, G071, L051
from .facts import Facts
from .mainline import F103, H743, L152, L431, U575

__all__ = ["CHIPS", "EVERY_CHIP", "Facts"]

CHIPS: dict[str, Facts] = {
    "stm32f091rc": F091,
    "stm32g071rb": G071,
    "stm32l051c8": L051,
    "stm32f103c8": F103,
    "stm32l431rc": L431,
    "stm32h743zi": H743,
    "stm32u575zi": U575,
}

EVERY_CHIP = CHIPS | {"stm32l152re": L152}
"""One more, a Cortex-M3 with an MPU."""
