"""Memory Protection Unit, PMSAv7 (DDI0403E B3.5).

While it is enabled every data access is looked at in Python and every instruction in memory that holds an
execute-never address too: exact, and slow. Firmware that leaves an MPU on is a state to be met, not a way of life.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .bus import Memory
from .faults import MemFault

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Mpu"]

_ENABLE = 1 << 0
_HFNMIENA = 1 << 1
_PRIVDEFENA = 1 << 2
_PPB = 0xE000_0000
_READ = {True: {1, 2, 3, 5, 6, 7}, False: {2, 3, 6, 7}}
_WRITE = {True: {1, 2, 3}, False: {3}}
"""Access permission codes that allow privileged (True) and unprivileged accesses (B3.5.9)."""


class Mpu:
    """MPU_TYPE to MPU_RASR. Without regions (STM32F103 below XL density) all read 0 and ignore writes."""

    def __init__(self, core: Core, regions: int = 0) -> None:
        self.core = core
        self.control = 0
        self.number = 0
        self._traps: list[Callable[[bool], None]] = []
        self._watches: list[Callable[[], None]] = []
        self.set_regions(regions)

    def set_regions(self, regions: int) -> None:
        """Give the chip an MPU with this many regions."""
        self.regions = regions
        self.bases = [0] * regions
        self.attributes = [0] * regions

    def reset(self) -> None:
        """System reset: off; the regions keep what they had."""
        self.control = 0
        self.number = 0
        self._arm()

    @property
    def enabled(self) -> bool:
        """MPU_CTRL.ENABLE."""
        return bool(self.control & _ENABLE)

    def read(self, offset: int) -> int:
        """Word at ``offset`` from 0xE000ED90."""
        if not self.regions:
            return 0
        if offset < 0xC:
            return (self.regions << 8, self.control, self.number)[offset // 4]
        if offset >= 0x2C:
            return 0
        return self.attributes[self.number] if not offset & 4 else self.bases[self.number] | self.number

    def write(self, offset: int, value: int) -> None:
        """Store a word there."""
        if not self.regions:
            return
        if offset == 4:
            self.control = value & 7
        elif offset == 8:
            self.number = value % self.regions
        elif 0xC <= offset < 0x2C and offset & 4:
            if value & 0x10:
                self.number = (value & 0xF) % self.regions
            self.bases[self.number] = value & 0xFFFF_FFE0
        elif 0xC <= offset < 0x2C:
            self.attributes[self.number] = value & 0x173F_FF3F
        self._arm()

    # --- permissions (B3.5.1 to B3.5.4)

    def forbids(self, address: int, size: int, *, write: bool) -> bool:
        """Tell whether the running code may not load from, or store to, ``size`` bytes at ``address``."""
        privileged = self.core.engine.privileged
        allowed = (_WRITE if write else _READ)[privileged]
        for at in (address, address + size - 1):
            attributes = self._attributes(at)
            if attributes is None:
                if not privileged or not self.control & _PRIVDEFENA:
                    return not self._steps_aside()
            elif attributes >> 24 & 7 not in allowed:
                return not self._steps_aside()
        return False

    def forbids_execution(self, address: int) -> bool:
        """Tell whether the running code may not execute at ``address``."""
        attributes = self._attributes(address)
        if attributes is None:
            privileged = self.core.engine.privileged
            return not (privileged and self.control & _PRIVDEFENA) and not self._steps_aside()
        if attributes & 1 << 28:
            return not self._steps_aside()
        return self.forbids(address, 2, write=False)

    def _steps_aside(self) -> bool:
        """Without HFNMIENA the MPU is off in HardFault, NMI and under FAULTMASK."""
        return not self.control & _HFNMIENA and self.core.exceptions.execution_priority() < 0

    def _attributes(self, address: int) -> int | None:
        """RASR of the region with the highest number that holds ``address``; full access to the PPB."""
        if address >= _PPB:
            return 3 << 24 | 1 << 28
        for base, attributes in zip(reversed(self.bases), reversed(self.attributes), strict=True):
            size = 2 << (attributes >> 1 & 0x1F)
            start = base & -size
            if attributes & 1 and start <= address < start + size:
                subregion = (address - start) * 8 // size
                if size < 256 or not attributes >> 8 + subregion & 1:
                    return attributes
        return None

    # --- watching the program

    def _arm(self) -> None:
        for remove in self._watches:
            remove()
        self._watches.clear()
        if self.enabled and not self._traps:
            engine = self.core.engine
            self._traps = [
                engine.trap_reads(0, _PPB, self._check_read),
                engine.trap_writes(0, _PPB, self._check_write),
            ]
        for switch in self._traps:
            switch(self.enabled)
        if self.enabled:
            for base, size, owner in self.core.bus.slots:
                if isinstance(owner, Memory) and self._may_forbid_execution(base, size):
                    self._watches.append(self.core.engine.watch_code(base, self._check_fetch, base + size - 1))

    def _may_forbid_execution(self, base: int, size: int) -> bool:
        return any(
            attributes is None or attributes & 1 << 28 or attributes >> 24 & 7 not in _READ[False]
            for attributes in map(self._attributes, self._borders(base, size))
        )

    def _borders(self, base: int, size: int) -> set[int]:
        """Where attributes may change inside a memory: its begin, and the subregions of all regions."""
        found = {base}
        for start, attributes in zip(self.bases, self.attributes, strict=True):
            length = 2 << (attributes >> 1 & 0x1F)
            if attributes & 1:
                found |= {(start & -length) + n * length // 8 for n in range(9)}
        return {at for at in found if base <= at < base + size}

    def _check_read(self, address: int, _: int, width: int) -> None:
        if self.forbids(address, width, write=False):
            self.core.port.abort(MemFault(address, "the MPU forbids it"))

    def _check_write(self, address: int, _: int, width: int) -> None:
        if self.forbids(address, width, write=True):
            self.core.port.abort_store(MemFault(address, "the MPU forbids it"), width)

    def _check_fetch(self, address: int) -> None:
        if self.forbids_execution(address):
            self.core.engine.stop_before()
