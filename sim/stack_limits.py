"""MSPLIM and PSPLIM of a Cortex-M33 inside Unicorn, which has no register numbers for them.

They are two words of the library's saved context. Where they are is found by letting the processor itself give them
values that stand nowhere else. A context is saved in less than a microsecond.
"""

from __future__ import annotations

import ctypes
from typing import Any

__all__ = ["StackLimits"]

_CODE = 0x100  # in the page of the calibration loop
_SET_LIMITS = bytes.fromhex("80f30a88 81f30b88 fee7")  # msr msplim, r0; msr psplim, r1; b .
_NEVER = 0xFFFF_FFF0
_MARKS = (0x1234_5678, 0x1A2B_3C48)
_AFTER_REGISTERS = 64  # words of a context that the general registers do not reach


class StackLimits:
    """Both limits, as one list."""

    def __init__(self, engine: Any, library: Any, arm: Any) -> None:
        """Find them; page 0 is mapped. LookupError if they are nowhere or twice."""
        self._context = engine.context_save()
        self._handle, self._library = engine._uch, library  # noqa: SLF001 - the library calls below need it
        self._words = (ctypes.c_uint32 * (self._context.size // 4)).from_address(self._context.context.value)
        engine.mem_write(_CODE, _SET_LIMITS)
        self._set(engine, arm, _MARKS)
        self._save()
        found = [[n for n in range(_AFTER_REGISTERS, len(self._words)) if self._words[n] == mark] for mark in _MARKS]
        if any(len(places) != 1 for places in found):
            raise LookupError("the stack limits were not found")
        self._places = [places[0] for places in found]
        self._set(engine, arm, (0, 0))

    @staticmethod
    def _set(engine: Any, arm: Any, values: tuple[int, int]) -> None:
        engine.reg_write(arm.UC_ARM_REG_R0, values[0])
        engine.reg_write(arm.UC_ARM_REG_R1, values[1])
        engine.emu_start(_CODE | 1, _NEVER, count=2)

    def _save(self) -> None:
        self._library.uc_context_save(self._handle, self._context.context)

    def read(self) -> list[int]:
        """Return MSPLIM and PSPLIM."""
        self._save()
        return [self._words[place] for place in self._places]

    def write(self, limits: list[int]) -> None:
        """Set both; registers must be written afterwards, or the translator does not hear of it."""
        self._save()
        for place, limit in zip(self._places, limits, strict=True):
            self._words[place] = limit & ~7
        self._library.uc_context_restore(self._handle, self._context.context)
