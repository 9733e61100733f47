"""The least that is a chip to a debugger: a core, RAM, and registers that hold what a real one had there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from haltpoint.sim.adi.debug_port import DebugPort, DpIds
from haltpoint.sim.adi.mem_ap import M0_AP, M3_AP, MemAp
from haltpoint.sim.adi.swj import SwjDp
from haltpoint.sim.bus import Peripheral
from haltpoint.sim.clock import VirtualClock
from haltpoint.sim.knobs import FaultKnobs
from haltpoint.sim.machine import Machine
from haltpoint.sim.wire import TargetWire

from .silicon import PlayedClock

__all__ = ["BareChip", "Words"]


class Words(Peripheral):
    """Word registers that keep what is written; ``fixed`` ones do not."""

    def __init__(self, name: str, base: int, size: int, words: Mapping[int, int], *, fixed: bool = False) -> None:
        self.name = name
        self.base = base
        self.size = size
        self.words = dict(words)
        self.fixed = fixed

    def read(self, offset: int, width: int) -> int:
        word = self.words.get(offset & ~3, 0)
        return word >> offset % 4 * 8 & (1 << 8 * width) - 1

    def write(self, offset: int, value: int, width: int) -> None:
        assert width == 4, f"{self.name}: a write of {width} bytes"
        if not self.fixed:
            self.words[offset] = value


class _NoFlash:
    """A flash that is never in the way."""

    open_lock_refuses_keys = False
    hides_flash = False
    debug_disabled = False

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        del address, length, writing
        return 0


class _Map:
    @staticmethod
    def in_flash(address: int, length: int) -> bool:
        del address, length
        return False


class BareChip:
    """Core, RAM at 0x20000000, a program that loops at 0, and the debug port in front."""

    def __init__(
        self,
        core: str,
        ids: DpIds,
        *,
        idr: int,
        base: int,
        hz: int,
        ram: int,
        memories: Mapping[int, int] | None = None,
        registers: tuple[Words, ...] = (),
    ) -> None:
        self.clock = VirtualClock()
        self.machine = Machine(self.clock, core, hz)
        self.machine.bus.add_ram("RAM", 0x2000_0000, ram)
        self.machine.bus.add_rom("program", 0, bytes.fromhex("00080020 09000000 fee7fee7").ljust(0x400, b"\0"))
        for start, size in (memories or {}).items():
            self.machine.bus.add_ram(f"memory at {start:08x}", start, size)
        for words in registers:
            self.machine.bus.add_peripheral(words)
        self.target = TargetWire(self.machine, cast("Any", _Map()), cast("Any", _NoFlash()))
        self.target.raise_unmodelled = True
        self.wire = PlayedClock(self.clock)
        kind = M0_AP if ids.minimal else M3_AP
        self.faults = FaultKnobs()
        ap = MemAp(self.target, kind, idr=idr, base=base)
        self.swj = SwjDp(DebugPort(ids, ap, self.wire, self.target, self.faults))
        self.machine.power_on()

    def poke(self, address: int, value: int) -> None:
        """Write a word past the debug port."""
        self.machine.ap_write(address, value, 4)

    def peek(self, address: int) -> int:
        """Read a word past the debug port."""
        return self.machine.ap_read(address, 4)
