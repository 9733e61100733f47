"""Data Watchpoint and Trace unit of ARMv8-M: MATCH, ACTION and DATAVSIZE in DWT_FUNCTION (DDI0553 D1.2)."""

from __future__ import annotations

from .bus import Unmodelled
from .dwt import Dwt

__all__ = ["DwtV2"]

_INSTRUCTION, _INSTRUCTION_LIMIT, _DATA, _DATA_STORE, _DATA_LOAD, _DATA_LIMIT = 2, 3, 4, 5, 6, 7
_LIMITS = {_INSTRUCTION_LIMIT: {_INSTRUCTION}, _DATA_LIMIT: {_DATA, _DATA_STORE, _DATA_LOAD}}
"""What the comparator before a limit has to compare."""
_MATCHED = 1 << 24
_KEPT = 0xC3F  # MATCH, ACTION, DATAVSIZE
_DEBUG_EVENT = 1
_ID_BIT = {_INSTRUCTION: 1 << 1, _INSTRUCTION_LIMIT: 1 << 4 | 1 << 1, _DATA: 1 << 3, _DATA_LIMIT: 1 << 4 | 1 << 3}
"""Bits of DWT_FUNCTION.ID that a comparator has for a kind of match."""


class DwtV2(Dwt):
    """Ranges are made of two comparators, the second a limit; there is no DWT_MASK.

    Cycle and value matches, and trace as an action, are refused loudly.
    """

    def power_on(self) -> None:
        """See Dwt."""
        self._kinds = self.core.profile.comparators
        super().power_on()

    def _read_comparator(self, offset: int) -> int:
        index, register = divmod(offset - 0x20, 0x10)
        if 0 <= index < self.count and register == 4:
            return 0
        value = super()._read_comparator(offset)
        return value | self._kinds[index] << 27 if 0 <= index < self.count and register == 8 else value

    def _write_comparator(self, offset: int, value: int) -> None:
        index, register = divmod(offset - 0x20, 0x10)
        if not 0 <= index < self.count or register not in {0, 8}:
            return
        if register == 0:
            self.comp[index] = value
        else:
            self._check(index, value)
            self.function[index] = value & _KEPT
        self._arm()

    def _check(self, index: int, value: int) -> None:
        match, action = value & 0xF, value >> 4 & 3
        kind = _DATA if match in {_DATA_STORE, _DATA_LOAD} else match
        wanted = _ID_BIT.get(kind, 0)
        if match and (not wanted or self._kinds[index] & wanted != wanted):
            raise Unmodelled(
                f"DWT: DWT_FUNCTION{index} = 0x{value:08X} asks for a match that comparator {index} cannot make, or "
                "for a cycle or value match; the simulator models addresses"
            )
        if match and action > _DEBUG_EVENT:
            raise Unmodelled(f"DWT: DWT_FUNCTION{index} = 0x{value:08X} asks for trace")
        if value >> 10 & 3 == 3:
            raise Unmodelled(f"DWT: DATAVSIZE 3 in DWT_FUNCTION{index} is reserved")

    def _arm_comparator(self, index: int, function: int) -> None:
        following = self.function[index + 1] & 0xF if index + 1 < self.count else 0
        before = self.function[index - 1] & 0xF if index else 0
        if function in _LIMITS:
            if before in _LIMITS[function] and self.comp[index - 1] <= self.comp[index]:
                self._arm_range(index, before, self.comp[index - 1], self.comp[index])
        elif following not in _LIMITS:
            size = 1 << (self.function[index] >> 10 & 3)
            if function != _INSTRUCTION and self.comp[index] % size:
                raise Unmodelled(f"DWT: DWT_COMP{index} is not aligned to DATAVSIZE: UNPREDICTABLE")
            self._arm_range(index, function, self.comp[index], self.comp[index] + size - 1)

    def _arm_range(self, index: int, function: int, first: int, last: int) -> None:
        if function == _INSTRUCTION:
            self.watch_instructions(index, first & ~1, max(last - first, 1))
        for wanted, stores in ((_DATA_LOAD, False), (_DATA_STORE, True)):
            if function in {wanted, _DATA}:
                self.watch_data(index, first, last - first + 1, stores=stores)

    def matched(self, index: int) -> None:
        """See Dwt. MATCHED is set whatever the action; a pair acts as either of its comparators says."""
        pair = (index - 1, index) if self.function[index] & 0xF in _LIMITS else (index,)
        for one in pair:
            self.function[one] |= _MATCHED
        if any(self.function[one] >> 4 & 3 == _DEBUG_EVENT for one in pair):
            self.core.debug.watchpoint()
