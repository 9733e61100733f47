"""Instructions the core must notice although the engine executes them by itself.

CPSIE and MSR may unmask an interrupt that is pending, SEV sets the event register, UDIV and SDIV may trap. They are
looked for in the content of the memories when it first matters and get a code watch each, which stays: it costs less
to be called than to be taken out. What host or flash controller change later is looked at when they do; code that the
program itself writes to RAM is found when the next exception becomes pending.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .bus import Memory

if TYPE_CHECKING:
    from .core import Core

__all__ = ["CodeSites"]

_UNMASKING = (b"\x61\xb6", b"\x62\xb6", b"\x63\xb6")  # CPSIE f, i, fi
_UNMASKING_MSR = (b"\x10\x88", b"\x11\x88", b"\x13\x88")  # second half of MSR PRIMASK, BASEPRI, FAULTMASK
_REACH = 4  # bytes an instruction can begin before a changed byte and end behind it
_SEND_EVENT = (b"\x40\xbf",)


Finder = Callable[[bytes], list[int]]


class CodeSites:
    """The watched instructions of one core."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._watched: set[int] = set()
        self._armed: dict[str, tuple[Finder, Callable[[int], None]]] = {}
        self.ram_is_stale = False

    def watch_unmasking(self) -> None:
        """Notice the instructions that let a masked exception in."""
        self._arm("unmask", self._find_unmasking, self._on_unmask)
        if self.ram_is_stale:
            self.ram_is_stale = False
            self._scan_all(*self._armed["unmask"], ram_only=True)

    def watch_send_event(self) -> None:
        """Notice SEV."""
        self._arm("event", lambda data: _halfwords(data, _SEND_EVENT), self._on_event)

    def watch_division(self) -> None:
        """Notice divisions (CCR.DIV_0_TRP)."""
        self._arm("divide", _divisions, self._on_division)

    def changed(self, address: int, length: int) -> None:
        """Memory was changed from outside the program: look at what is there now."""
        slot = self.core.bus.find(address) if self._armed else None
        if slot is None:
            return
        base, size, owner = slot
        if not isinstance(owner, Memory):
            return
        first = max(address - base & ~1, _REACH) - _REACH
        last = min(address - base + length + _REACH, size)
        for find, call in self._armed.values():
            for place in (owner.base, *owner.aliases):
                self._watch(place + first, find(bytes(owner.data[first:last])), call)

    def _arm(self, kind: str, find: Finder, call: Callable[[int], None]) -> None:
        if kind not in self._armed:
            self._armed[kind] = (find, call)
            self._scan_all(find, call)

    def _scan_all(self, find: Finder, call: Callable[[int], None], *, ram_only: bool = False) -> None:
        for base, _, owner in self.core.bus.slots:
            if isinstance(owner, Memory) and (owner.ram or not ram_only):
                self._watch(base, find(bytes(owner.data)), call)

    def _watch(self, base: int, offsets: list[int], call: Callable[[int], None]) -> None:
        for offset in offsets:
            if base + offset not in self._watched:
                self._watched.add(base + offset)
                self.core.engine.watch_code(base + offset, call)

    @staticmethod
    def _find_unmasking(data: bytes) -> list[int]:
        narrow = _halfwords(data, _UNMASKING)
        wide = _halfwords(data, _UNMASKING_MSR)
        return narrow + [at - 2 for at in wide if at >= 2 and data[at - 1] == 0xF3 and data[at - 2] & 0xF0 == 0x80]

    def _on_unmask(self, _: int) -> None:
        if self.core.exceptions.pending:
            self.core.engine.stop_after()

    def _on_event(self, _: int) -> None:
        self.core.event_register = True

    def _on_division(self, address: int) -> None:
        if not self.core.divide_by_zero_traps:
            return
        divisor = int.from_bytes(self.core.bus.peek(address + 2, 1), "little") & 0xF
        if self.core.engine.read_registers()[divisor] == 0:
            self.core.engine.stop_before()


def _halfwords(data: bytes, patterns: tuple[bytes, ...]) -> list[int]:
    found = []
    for pattern in patterns:
        at = data.find(pattern)
        while at >= 0:
            if not at & 1:
                found.append(at)
            at = data.find(pattern, at + 1)
    return found


def _divisions(data: bytes) -> list[int]:
    """SDIV FB9n FdFm, UDIV FBBn FdFm (A7.7.127, A7.7.195)."""
    found = []
    at = data.find(b"\xfb")
    while 0 < at < len(data) - 2:
        if at & 1 and data[at - 1] & 0xD0 == 0x90 and data[at + 2] & 0xF0 == 0xF0 and data[at + 1] & 0xF0 == 0xF0:
            found.append(at - 1)
        at = data.find(b"\xfb", at + 1)
    return found
