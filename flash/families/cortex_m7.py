"""What the caches of a Cortex-M7 mean for flash. DDI0403E B2.2.7, B3.2.8; ARM DDI0489F 5.3.

The loader lies in DTCM, which is never cached. While it works both caches are off, so that flash is read as it is; what
they hold of it is stale afterwards, and they are emptied before they go on again (``flash/caches.py``).
"""

from __future__ import annotations

from ...arm.registers_system import CCR
from ..steps import Step

__all__ = ["CACHES_OFF"]

CACHES_OFF = Step(
    "CCR",
    "the caches would keep what is programmed over; and as in TRAPS_OFF (B3.2.8)",
    CCR.address,
    clear=CCR.make(DC=1, IC=1, UNALIGN_TRP=1, DIV_0_TRP=1),
)
