"""Flash controllers, one filled-in description each, and the chips that have them."""

from __future__ import annotations

from ..device import Device
from .stm32f1_chips import DEVICES as STM32F1_DEVICES
from .stm32l4_chips import DEVICES as STM32L4_DEVICES

__all__ = ["DEVICES"]

DEVICES: tuple[Device, ...] = (*STM32F1_DEVICES, *STM32L4_DEVICES)
