"""Flash controllers, one filled-in description each, and the chips that have them."""

from __future__ import annotations

from ..device import Device
from .stm32f1_chips import DEVICES as F1
from .stm32f4_chips import DEVICES as F4
from .stm32l4_chips import DEVICES as L4

__all__ = ["DEVICES"]

DEVICES: tuple[Device, ...] = (*F1, *F4, *L4)
