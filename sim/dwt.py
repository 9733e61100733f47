"""Data Watchpoint and Trace unit, version 1 (DDI0403E C1.8): cycle counter, PC sampling, watchpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .bus import BusFault, Peripheral, Unmodelled
from .romtable import core_ids

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Dwt"]

_CYCCNTENA = 1 << 0
_CTRL_BITS = 0x0FFF_FFFF & 0x007F_1FFF
_MATCHED = 1 << 24
_PC_MATCH = 4
_READ = 5
_WRITE = 6
_READ_WRITE = 7
_PCSR = 0x1C
_WIDEST = 8  # bytes of one access


class Dwt(Peripheral):
    """Comparators, CYCCNT (not in ARMv6-M) and PCSR.

    Without DEMCR.TRCENA it reads 0 and ignores writes (seen on an F103).
    """

    name = "DWT"
    base = 0xE000_1000
    size = 0x1000

    def __init__(self, core: Core) -> None:
        self.core = core
        self.count = core.profile.watchpoints
        self.counts_cycles = core.profile.mainline
        self.ids = core_ids("cortex-m3").dwt
        self._traps: list[Callable[[bool], None]] = []
        self._pool: dict[tuple[bool, int, int, int], Callable[[bool], None]] = {}
        self._watches: list[Callable[[], None]] = []

    def power_on(self) -> None:
        """Power-on reset."""
        self.control = 0
        self._count = 0
        self._since: int | None = None
        self.counters = [0] * 5
        self.comp = [0] * self.count
        self.mask = [0] * self.count
        self.function = [0] * self.count
        self._arm()

    def reset(self) -> None:
        """System reset: the unit is in the debug domain and keeps its state."""

    @property
    def cyccnt(self) -> int:
        """CYCCNT: core cycles, not counted while halted."""
        if self._since is None:
            return self._count
        return (self._count + self.core.ticks - self._since) & 0xFFFF_FFFF

    def _count_from(self, value: int) -> None:
        self._count = value & 0xFFFF_FFFF
        self._since = self.core.ticks if self.control & _CYCCNTENA and self.core.debug.tracing else None

    def trace_enable_changed(self, count: int) -> None:
        """DEMCR.TRCENA was switched; ``count`` is what CYCCNT had reached."""
        self._count_from(count)
        self._arm()

    def read(self, offset: int, width: int) -> int:
        """Word registers; what is not there reads 0."""
        if width != 4 or offset & 3:
            raise BusFault(self.base + offset, "the DWT takes word accesses only")
        if not self.core.debug.tracing:
            return 0
        if offset == 0:
            return self.count << 28 | self.control
        if offset == 4:
            return self.cyccnt
        if 8 <= offset < _PCSR:
            return self.counters[(offset - 8) // 4]
        if offset == _PCSR:
            return self._sample()
        return self._read_comparator(offset)

    def _read_comparator(self, offset: int) -> int:
        index, register = divmod(offset - 0x20, 0x10)
        if not 0 <= index < self.count:
            return self.ids.get(offset, 0)
        if register == 0:
            return self.comp[index]
        if register == 4:
            return self.mask[index]
        if register == 8:
            value = self.function[index]
            self.function[index] &= ~_MATCHED
            return value
        return 0

    def _sample(self) -> int:
        """PCSR: a recently executed address, all ones in debug state (C1.8.5)."""
        core = self.core
        return 0xFFFF_FFFF if core.debug.halted or core.in_reset else core.engine.pc

    def write(self, offset: int, value: int, width: int) -> None:
        """Control, counters and comparators."""
        if width != 4 or offset & 3:
            raise BusFault(self.base + offset, "the DWT takes word accesses only")
        if not self.core.debug.tracing or (offset < 0x20 and not self.counts_cycles):
            return
        if offset == 0:
            count = self.cyccnt
            self.control = value & _CTRL_BITS
            self._count_from(count)
        elif offset == 4:
            self._count_from(value)
        elif 8 <= offset < _PCSR:
            self.counters[(offset - 8) // 4] = value & 0xFF
        else:
            self._write_comparator(offset, value)

    def _write_comparator(self, offset: int, value: int) -> None:
        index, register = divmod(offset - 0x20, 0x10)
        if not 0 <= index < self.count:
            return
        if register == 0:
            self.comp[index] = value
        elif register == 4:
            self.mask[index] = value & (0xF if self.counts_cycles else 0x1F)
        elif register == 8:
            if value & 0xF not in {0, _PC_MATCH, _READ, _WRITE, _READ_WRITE} or value & 0x180:
                raise Unmodelled(
                    f"DWT: DWT_FUNCTION{index} = 0x{value:08X} asks for tracing or a value match; "
                    "the simulator models functions 0 and 4 to 7 on addresses"
                )
            self.function[index] = value & 0xF
        self._arm()

    # --- watchpoints

    def _arm(self) -> None:
        for switch in self._traps:
            switch(False)
        for remove in self._watches:
            remove()
        self._traps.clear()
        self._watches.clear()
        if not any(self.function) or not self.core.debug.tracing:
            return
        for index, function in enumerate(self.function):
            if function & 0xF:
                self._arm_comparator(index, function & 0xF)

    def _arm_comparator(self, index: int, function: int) -> None:
        size = 1 << self.mask[index]
        base = self.comp[index] & -size
        if function == _PC_MATCH:
            self.watch_instructions(index, base & ~1, size)
        for wanted, stores in ((_READ, False), (_WRITE, True)):
            if function in {wanted, _READ_WRITE}:
                self.watch_data(index, base, size, stores=stores)

    def watch_instructions(self, index: int, base: int, size: int) -> None:
        """Let comparator ``index`` match the instructions that begin there."""
        for address in range(base, base + size, 2):
            self._watches.append(self.core.engine.watch_code(address, lambda _: self.matched(index)))

    def watch_data(self, index: int, base: int, size: int, *, stores: bool) -> None:
        """Let comparator ``index`` match loads or stores there, also wider ones that begin before."""
        engine = self.core.engine
        key = (stores, base, size, index)

        def accessed(address: int, _value: int, width: int) -> None:
            if address + width > base:
                self.matched(index)

        if key not in self._pool:
            trap = engine.trap_writes if stores else engine.trap_reads
            first = max(base - _WIDEST + 1, 0)
            self._pool[key] = trap(first, base + size - first, accessed)
        self._pool[key](True)
        self._traps.append(self._pool[key])

    def matched(self, index: int) -> None:
        """Comparator ``index`` matched."""
        self.function[index] |= _MATCHED
        self.core.debug.watchpoint()
