"""Flash controllers, one filled-in description each, and the chips that have them."""

from __future__ import annotations

from ..device import Device
from .stm32f0 import DEVICES as F0
from .stm32f1_chips import DEVICES as F1
from .stm32f4_chips import DEVICES as F4
from .stm32f7 import DEVICES as F7
from .stm32g0 import DEVICES as G0
from .stm32g4 import DEVICES as G4
from .stm32h5 import DEVICES as H5
from .stm32h7 import DEVICES as H7
from .stm32l0 import DEVICES as L0
from .stm32l4_chips import DEVICES as L4
from .stm32u5 import DEVICES as U5
from .stm32wb import DEVICES as WB

__all__ = ["DEVICES"]

DEVICES: tuple[Device, ...] = (*F0, *F1, *F4, *F7, *G0, *G4, *H5, *H7, *L0, *L4, *U5, *WB)
