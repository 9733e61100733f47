"""Memory Protection Unit, PMSAv7 (DDI0403E B3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bus import Unmodelled

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Mpu"]

_PRIVILEGED_READ = {1, 2, 3, 5, 6, 7}
_PRIVILEGED_WRITE = {1, 2, 3}


class Mpu:
    """MPU_TYPE to MPU_RASR. Without regions (STM32F103 below XL density) all read 0 and ignore writes."""

    def __init__(self, core: Core, regions: int = 0) -> None:
        self.core = core
        self.set_regions(regions)
        self.reset()

    def set_regions(self, regions: int) -> None:
        """Give the chip an MPU with this many regions."""
        self.regions = regions
        self.bases = [0] * regions
        self.attributes = [0] * regions

    def reset(self) -> None:
        """System reset: off; the regions keep what they had."""
        self.control = 0
        self.number = 0

    @property
    def enabled(self) -> bool:
        """MPU_CTRL.ENABLE."""
        return bool(self.control & 1)

    def read(self, offset: int) -> int:
        """Word at ``offset`` from 0xE000ED90."""
        if not self.regions:
            return 0
        if offset == 0:
            return self.regions << 8
        if offset == 4:
            return self.control
        if offset == 8:
            return self.number
        if offset < 0x2C:
            return self.attributes[self.number] if offset & 4 == 0 else self.bases[self.number] | self.number
        return 0

    def write(self, offset: int, value: int) -> None:
        """Store a word there."""
        if not self.regions:
            return
        if offset == 4:
            if value & 1:
                raise Unmodelled("MPU: MPU_CTRL.ENABLE was set; the simulator keeps regions but enforces none")
            self.control = value & 7
        elif offset == 8:
            self.number = value % self.regions
        elif 0xC <= offset < 0x2C:
            if offset & 4:
                if value & 0x10:
                    self.number = (value & 0xF) % self.regions
                self.bases[self.number] = value & 0xFFFF_FFE0
            else:
                self.attributes[self.number] = value & 0x173F_FF3F

    def forbids(self, address: int, size: int, *, write: bool) -> bool:
        """Tell whether a privileged data access is forbidden."""
        del address, size, write
        return False

    def forbids_execution(self, address: int) -> bool:
        """Tell whether a fetch is forbidden."""
        del address
        return False
