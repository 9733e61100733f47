"""The address map of every Cortex-M, as far as it matters here (DDI0403E B3.1)."""

from __future__ import annotations

from typing import Final

__all__ = ["ADDRESS_SPACE", "RAM_END"]

RAM_END: Final = 0x4000_0000
"""From here on peripherals: a read may change something, and a write anything."""

ADDRESS_SPACE: Final = 1 << 32
