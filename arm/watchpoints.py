"""The watchpoint table, and the difference between it and what the unit holds.

As with breakpoints, adding and removing edits the table only; core control writes the difference.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..probes.access import Batch, Slot
from .dwt import Comparator, Watch, WatchHit, WatchKind, assign
from .registers_debug import DWT_COMP, DWT_FUNCTION, DWT_MASK

__all__ = ["Placed", "Watchpoints"]

Placed = list[Comparator | None]


class Watchpoints:
    """The table of watches of one core. Each (address, length, kind) is in it once."""

    def __init__(self) -> None:
        self._table: dict[Watch, None] = {}
        self._version = 1
        self._count = 0
        self._placed: Placed = []
        # Register contents by address; what is missing is unknown.
        self._written: dict[int, int] = {}

    # ------------------------------------------------------------------------------------ the table
    def add(self, address: int, length: int, kind: WatchKind) -> None:
        """Watch ``length`` bytes (1 or more); TargetError when the comparators do not suffice."""
        watch = Watch(address, length, kind)
        if watch not in self._table:
            assign([*self._table, watch], self._version, self._count)
            self._table[watch] = None

    def remove(self, address: int, length: int, kind: WatchKind) -> None:
        """No longer watch them; nothing happens when nobody did."""
        self._table.pop(Watch(address, length, kind), None)

    def clear(self) -> None:
        """Remove all."""
        self._table.clear()

    def __len__(self) -> int:
        return len(self._table)

    # ------------------------------------------------------------------------------------ the unit
    def use(self, count: int, version: int) -> None:
        """Take the unit as it is; the comparators' contents count as unknown."""
        self._count, self._version = count, version
        self._placed = [None] * count
        self._written.clear()

    def forget_written(self) -> None:
        """Something else may have changed the unit (a reset, a power cycle): write what is in use next time.

        A comparator that was off cannot have come on by that.
        """
        self._placed = [None] * self._count
        off = [DWT_FUNCTION.at(index) for index in range(self._count) if not self._written.get(DWT_FUNCTION.at(index))]
        self._written = {address: 0 for address in off if address in self._written}

    def write_hardware(self, batch: Batch) -> Placed:
        """Add what is missing in the unit to ``batch``; the placement afterwards, for ``written``."""
        placed = assign(list(self._table), self._version, self._count)
        for index, comparator in enumerate(placed):
            self._write(batch, index, comparator)
        return placed

    def _write(self, batch: Batch, index: int, comparator: Comparator | None) -> None:
        function = DWT_FUNCTION.at(index)
        missing = {at: value for at, value in _contents(index, comparator).items() if self._written.get(at) != value}
        if missing.keys() - {function} and self._written.get(function):
            # A running core must not match half of the old and half of the new.
            batch.write(function, 0)
            missing[function] = _contents(index, comparator)[function]
        for address, value in missing.items():
            batch.write(address, value)

    def written(self, placed: Placed) -> None:
        """The batch ``write_hardware`` added to has run."""
        self._placed = placed
        for index, comparator in enumerate(placed):
            self._written |= _contents(index, comparator)

    def write_all_off(self, batch: Batch) -> None:
        """Clear every comparator's function."""
        for index in range(self._count):
            batch.write(DWT_FUNCTION.at(index), 0)

    # ------------------------------------------------------------------------------------ a stop
    def read_matches(self, batch: Batch) -> Mapping[int, Slot[int]]:
        """Read which comparators matched since they were read last; reading clears that."""
        return {
            index: batch.read(DWT_FUNCTION.at(index)) for index, holds in enumerate(self._placed) if holds is not None
        }

    def hits(self, functions: Mapping[int, int]) -> tuple[WatchHit, ...]:
        """Who was hit, by DWT_FUNCTION of the comparators in use; each watch once.

        Where no comparator admits to it and only one watch is there, it is that one.
        """
        matched = [index for index, word in functions.items() if DWT_FUNCTION(word).MATCHED]
        hit = [holds for index, holds in enumerate(self._placed) if holds is not None and index in matched]
        if not hit and len({holds.watch for holds in self._placed if holds is not None}) == 1:
            hit = [holds for holds in self._placed if holds is not None]
        first = {holds.watch: holds.address for holds in reversed(hit)}
        return tuple(WatchHit(watch.kind, first[watch]) for watch in self._table if watch in first)


def _contents(index: int, comparator: Comparator | None) -> dict[int, int]:
    """Registers of one comparator, DWT_FUNCTION last: it starts the comparison."""
    if comparator is None:
        return {DWT_FUNCTION.at(index): 0}
    registers = {DWT_COMP.at(index): comparator.comp}
    if comparator.mask is not None:
        registers[DWT_MASK.at(index)] = comparator.mask
    registers[DWT_FUNCTION.at(index)] = comparator.function
    return registers
