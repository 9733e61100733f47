"""Memory Protection Unit of ARMv8-M, PMSAv8 (DDI0553 B9): regions from a base to a limit, which must not overlap."""

from __future__ import annotations

from .mpu import Mpu

__all__ = ["MpuV8"]

_XN = 1 << 28
_PERMISSION = (1, 3, 5, 6)
"""RBAR.AP as what PMSAv7 calls the same: privileged or all, read-write or read-only."""
_OVERLAP = 0 << 24 | _XN
_PPB = 0xE000_0000
_PPB_ATTRIBUTES = 3 << 24 | _XN


class MpuV8(Mpu):
    """MPU_RBAR, MPU_RLAR with three aliases each, MPU_MAIR0 and 1. ``attributes`` hold RLAR."""

    memory_attributes = (0, 0)

    def read(self, offset: int) -> int:
        """See Mpu."""
        if not self.regions or offset < 0xC:
            return super().read(offset)
        if offset in {0x30, 0x34}:
            return self.memory_attributes[offset // 4 & 1]
        if offset >= 0x2C:
            return 0
        region = self._region(offset)
        return self.attributes[region] if not offset & 4 else self.bases[region]

    def write(self, offset: int, value: int) -> None:
        """See Mpu."""
        if not self.regions or offset < 0xC:
            super().write(offset, value)
            return
        if offset in {0x30, 0x34}:
            first, second = self.memory_attributes
            self.memory_attributes = (value, second) if offset == 0x30 else (first, value)
        elif offset < 0x2C:
            region = self._region(offset)
            if offset & 4:
                self.bases[region] = value
            else:
                self.attributes[region] = value & 0xFFFF_FFEF
        self._arm()

    def _region(self, offset: int) -> int:
        """An alias names a region of the four that hold MPU_RNR; the pair itself is MPU_RNR's."""
        alias = (offset - 0xC) // 8
        return self.number if not alias else ((self.number & ~3) + alias) % self.regions

    def _borders(self, base: int, size: int) -> set[int]:
        """Where attributes may change inside a memory: its begin, and begin and end of every region."""
        found = {base}
        for start, limit in zip(self.bases, self.attributes, strict=True):
            if limit & 1:
                found |= {start & ~31, (limit | 31) + 1}
        return {at for at in found if base <= at < base + size}

    def _attributes(self, address: int) -> int | None:
        if address >= _PPB:
            return _PPB_ATTRIBUTES
        found = [
            base
            for base, limit in zip(self.bases, self.attributes, strict=True)
            if limit & 1 and base & ~31 <= address <= limit | 31
        ]
        if len(found) > 1:
            return _OVERLAP
        return None if not found else _PERMISSION[found[0] >> 1 & 3] << 24 | (_XN if found[0] & 1 else 0)
