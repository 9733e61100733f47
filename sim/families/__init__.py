"""The chip families beside the STM32F1: their flash controllers, clocks and debug registers, as data where possible."""

from __future__ import annotations

from .f0 import F0_CHIPS
from .f4 import F4_CHIPS
from .f7 import F7_CHIPS
from .g0 import G0_CHIPS
from .g4 import G4_CHIPS
from .generic import GENERIC_CHIPS
from .h5 import H5_CHIPS
from .h7 import H7_CHIPS
from .l0 import L0_CHIPS
from .l4 import L4_CHIPS
from .u5 import U5_CHIPS

__all__ = ["FAMILY_CHIPS"]

FAMILY_CHIPS = (
    *F0_CHIPS,
    *F4_CHIPS,
    *F7_CHIPS,
    *G0_CHIPS,
    *G4_CHIPS,
    *H5_CHIPS,
    *H7_CHIPS,
    *L0_CHIPS,
    *L4_CHIPS,
    *U5_CHIPS,
    *GENERIC_CHIPS,
)
