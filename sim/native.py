"""Words of a C library's memory, seen through ctypes: batches of registers, a counter, the bounds of a hook.

Knows nothing of the library but its calling convention; sim/unicorn_engine.py says what is where.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Batch", "CounterPair", "bounds_switch"]

_WINDOW = 4096
_HOOK_WORDS = 16


class Batch:
    """A fixed list of registers that is read or written in one call of the library."""

    def __init__(self, read: Callable[..., int], write: Callable[..., int], handle: Any, ids: Sequence[int]) -> None:
        count = len(ids)
        self._values = (ctypes.c_uint32 * (2 * count))()  # 8 bytes each: some registers are written as 64 bits
        base = ctypes.addressof(self._values)
        pointers = (ctypes.c_void_p * count)(*(base + 8 * n for n in range(count)))
        self._arguments = (handle, (ctypes.c_int * count)(*ids), pointers, count)
        self._read, self._write = read, write

    def read(self) -> list[int]:
        """Return the registers."""
        self._read(*self._arguments)
        return self._values[::2]

    def write(self, values: list[int]) -> None:
        """Set the registers, in their order."""
        self._values[::2] = values  # type: ignore[assignment]  # ctypes takes plain integers
        self._write(*self._arguments)


class CounterPair:
    """Two neighbouring 64-bit words inside an object: instructions begun, and the limit to stop behind."""

    def __init__(self, address: int, run: Callable[[int], None]) -> None:
        """Find them: ``run(n)`` leaves (n + 1, n) there. LookupError if that is true nowhere or twice."""
        found: set[int] | None = None
        for count in (1009, 2003, 3001):
            run(count)
            words = (ctypes.c_uint64 * (_WINDOW // 8)).from_address(address)
            hits = {8 * n for n in range(_WINDOW // 8 - 1) if (words[n], words[n + 1]) == (count + 1, count)}
            found = hits if found is None else found & hits
        if found is None or len(found) != 1:
            raise LookupError("the instruction counter was not found")
        self.words = (ctypes.c_uint64 * 2).from_address(address + found.pop())


def bounds_switch(handle: int, first: int, last: int, nowhere: int) -> Callable[[bool], None]:
    """Return what moves a hook's bounds to ``nowhere`` and back. LookupError if they are not where expected."""
    words = (ctypes.c_uint64 * _HOOK_WORDS).from_address(handle)
    at = next((n for n in range(_HOOK_WORDS - 1) if words[n] == first and words[n + 1] == last), None)
    if at is None:
        raise LookupError("the bounds of a hook were not found")

    def switch(on: bool) -> None:
        words[at], words[at + 1] = (first, last) if on else (nowhere, nowhere)

    return switch
