"""The AHB-AP of a Cortex-M: CSW, TAR, DRW, banked data and identification registers (IHI0031C C2).

Which bits of CSW can be written, the window of the address increment and packed transfers are the core's:
DDI0337 (Cortex-M3) 11.5, DDI0439 (Cortex-M4), and for the Cortex-M0 what a real one answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..wire import TargetWire, WireError, WireProblem

__all__ = ["M0_AP", "M3_AP", "ApFault", "ApKind", "ApStall", "MemAp"]

CSW, TAR, DRW, BD0, BD3, CFG, BASE, IDR = 0x00, 0x04, 0x0C, 0x10, 0x1C, 0xF4, 0xF8, 0xFC
SINGLE, PACKED = 1, 2  # CSW.AddrInc


class ApFault(Exception):  # noqa: N818 - a bus's answer, not a program's error
    """The bus refused the access; the debug port sets STICKYERR."""


class ApStall(Exception):  # noqa: N818 - same
    """The bus takes the access at picosecond ``until`` at the earliest."""

    def __init__(self, until: int) -> None:
        super().__init__(until)
        self.until = until


@dataclass(frozen=True)
class ApKind:
    """What distinguishes the AHB-APs of the cores."""

    csw_writable: int
    csw_fixed: int
    csw_reset: int
    window: int  # TAR increments within this many bytes and wraps
    packed: bool
    bus_cycles: int = 3  # core clocks that an access keeps the AP busy (guess: address, data and one wait state)


M3_AP = ApKind(0x2200_0037, 0x0100_0040, 0x2300_0040, 0x1000, packed=True)
"""Cortex-M3 and M4: CSW 23000040 after reset, HPROT[1], MasterType, AddrInc and Size writable, 4 KiB increments."""
M0_AP = ApKind(0x0000_0037, 0x0300_0040, 0x0300_0040, 0x400, packed=False)
"""Cortex-M0: a2000020 written to CSW reads back 03000040 on a real one, so there are no packed transfers."""


class MemAp:
    """The access port to core and memory; its reads leave their results to the debug port."""

    def __init__(
        self,
        wire: TargetWire,
        kind: ApKind,
        *,
        idr: int,
        base: int,
        cfg: int = 0,
        number: int = 0,
        beside: Mapping[int, int] | None = None,
    ) -> None:
        self.wire = wire
        self.number = number
        self.beside = beside or {}  # IDR of the other access ports
        self.kind = kind
        self.window = kind.window
        self._constants = {CFG: cfg, BASE: base, IDR: idr}
        self.reset()

    def reset(self) -> None:
        """Power-on reset of the debug domain."""
        self.csw = self.kind.csw_reset
        self.tar = 0
        self._lanes = 0  # what the data register held: lanes that an access leaves out keep it

    @staticmethod
    def uses_bus(register: int) -> bool:
        """Report whether an access to the register goes to memory."""
        return register == DRW or BD0 <= register <= BD3

    def read(self, register: int) -> int:
        """Read a register. Raises ApFault or ApStall."""
        if self.uses_bus(register):
            return self._transfer(register, None)
        if register == CSW:
            return self.csw
        if register == TAR:
            return self.tar
        return self._constants.get(register, 0)

    def write(self, register: int, value: int) -> None:
        """Write a register. Raises ApFault or ApStall."""
        if self.uses_bus(register):
            self._transfer(register, value)
        elif register == CSW:
            self._write_csw(value)
        elif register == TAR:
            self.tar = value

    def _write_csw(self, value: int) -> None:
        kept = value & self.kind.csw_writable
        if kept >> 4 & 3 == 3 or (kept >> 4 & 3 == PACKED and not self.kind.packed):
            kept &= ~0x30
        if kept & 7 > 2:
            kept = kept & ~7 | 2
        self.csw = kept | self.kind.csw_fixed

    def _transfer(self, register: int, value: int | None) -> int:
        width = 1 << (self.csw & 7)
        if register != DRW:
            return self._lane(self.tar & ~0xF | register & 0xC, 4, value)
        increment = self.csw >> 4 & 3
        times = 4 // width if increment == PACKED else 1
        word = self._lanes
        if times > 1:
            self._require(self.tar & -width, width * times, writing=value is not None)
        for _ in range(times):
            word = self._lane(self.tar, width, value)
            if increment:
                self.tar = self.tar & -self.window | self.tar + width & self.window - 1
        return word

    def _require(self, address: int, length: int, *, writing: bool) -> None:
        """Stall before the first of several accesses, not between them."""
        ready = self.wire.stalled_until(address, length, writing=writing)
        if ready:
            raise ApStall(ready)

    def _lane(self, address: int, width: int, value: int | None) -> int:
        """Make one bus access; ``value`` None reads. The data register keeps the lanes that do not take part."""
        address &= -width
        shift = address % 4 * 8
        mask = (1 << 8 * width) - 1 << shift
        self._require(address, width, writing=value is not None)
        if value is None:
            read = self._try(lambda: self.wire.read(address, width))
            self._lanes = self._lanes & ~mask | read << shift
            return self._lanes
        part = (value & mask) >> shift
        self._try(lambda: self.wire.write(address, part, width))
        return self._lanes

    @staticmethod
    def _try(call: Callable[[], int | None]) -> int:
        try:
            return call() or 0
        except WireError as error:
            if error.problem is WireProblem.NO_ACK:
                return 0  # the target has just lost its power; nobody reads this
            raise ApFault from error
