"""Encodings of the Flash Patch and Breakpoint unit, as pure functions and a small allocator.

Version 1 (DDI0403E C1.11.5; the Armv6-M BPU of DDI0419E C1.8 is the same): a comparator holds a word
address in the code region, and REPLACE says which of its halfwords break. Version 2 (Cortex-M7, DDI0489;
Armv8-M, DDI0553 D1.2.74): a comparator holds a halfword address anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..probes.errors import TargetError
from .registers_debug import FP_COMP

__all__ = ["CODE_END", "Fpb", "comparator_v1", "comparator_v2"]

CODE_END = 0x2000_0000
"""End of the region a version 1 comparator reaches: its COMP field has address bits 28:2 only."""


def comparator_v1(addresses: Iterable[int]) -> int:
    """The comparator that breaks at the given halfwords of one word; 0 for none."""
    value = 0
    for address in addresses:
        replace = 2 if address & 2 else 1
        value |= FP_COMP.make(address & FP_COMP.COMP.mask, ENABLE=1, REPLACE=replace)
    return value


def comparator_v2(address: int) -> int:
    """The comparator that breaks at ``address``."""
    return (address & ~1) | 1


class Fpb:
    """Which comparator serves which breakpoints. A breakpoint keeps its comparator for as long as it lives.

    ``version`` is 1 or 2, ``count`` the number of instruction comparators.
    """

    def __init__(self, version: int, count: int) -> None:
        self.version = version
        self.count = count
        self._slots: list[int | None] = [None] * count

    def _key(self, address: int) -> int:
        return address & (~3 if self.version == 1 else ~1)

    def check(self, addresses: Iterable[int], new: int) -> None:
        """Raise TargetError when ``new`` cannot be a hardware breakpoint besides ``addresses``."""
        attempt = f"Setting a hardware breakpoint at {new:#010x}"
        if self.version == 1 and new >= CODE_END:
            raise TargetError(
                attempt,
                f"this core's breakpoint unit reaches code below {CODE_END:#010x} only",
                "Use a software breakpoint for code in RAM (in GDB: break instead of hbreak).",
            )
        used = sorted(addresses)
        if len({self._key(address) for address in [*used, new]}) > self.count:
            taken = ", ".join(f"{address:#010x}" for address in used) or "none"
            raise TargetError(
                attempt,
                f"the core has {self.count} hardware breakpoints and all of them are in use ({taken})",
                "Delete one of them first.",
            )

    def words(self, addresses: Iterable[int], without: int | None = None) -> list[int]:
        """Contents of all comparators for these breakpoints.

        A breakpoint at ``without`` is left out of the contents, but keeps its comparator.
        """
        by_key: dict[int, list[int]] = {}
        for address in addresses:
            by_key.setdefault(self._key(address), []).append(address)
        self._slots = [key if key in by_key else None for key in self._slots]
        for key in by_key:
            if key not in self._slots:
                self._slots[self._slots.index(None)] = key
        return [self._word(by_key.get(key, []), without) if key is not None else 0 for key in self._slots]

    def _word(self, addresses: list[int], without: int | None) -> int:
        active = [address for address in addresses if address != without]
        if self.version == 1:
            return comparator_v1(active)
        return comparator_v2(active[0]) if active else 0
