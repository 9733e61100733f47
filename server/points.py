"""Breakpoints and watchpoints as the client knows them, in front of the core's own tables.

The client inserts by address and type, and may hold one of each type at an address; the core has one
breakpoint there. What the client wants done before it hears of a breakpoint is kept here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..arm.breakpoints import BreakpointKind
from ..arm.dwt import WatchHit, WatchKind

__all__ = ["BreakpointTable", "Orders", "Points", "WatchpointTable"]


class BreakpointTable(Protocol):
    """The core's own table; edits reach the target at the next resume."""

    def add(self, address: int, kind: BreakpointKind) -> None:
        """Add one; raises TargetError when the core has no place for it."""

    def remove(self, address: int) -> None:
        """Remove the one at ``address``."""

    @property
    def in_flash(self) -> dict[int, int]:
        """Where BKPT stands in flash, with what it replaced."""
        ...

    def wanted_in_flash(self) -> set[int]:
        """Where BKPT shall stand in flash."""
        ...

    @property
    def all_in_flash(self) -> bool:
        """Whether BKPT stands in flash wherever it shall."""
        ...

    def with_comparator(self) -> list[int]:
        """Hardware breakpoints."""
        ...

    def left_over(self, address: int) -> bool:
        """Whether BKPT stands in flash there that nobody wants."""
        ...


class WatchpointTable(Protocol):
    """The core's own table of watchpoints."""

    def add(self, address: int, length: int, kind: WatchKind) -> None:
        """Add one; raises TargetError when the comparators do not suffice."""

    def remove(self, address: int, length: int, kind: WatchKind) -> None:
        """Remove it."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What is to be done at a breakpoint before the client hears of it: agent expressions.

    With ``conditions`` it counts only when one of them is not 0. With ``commands`` those are carried out
    instead of a report.
    """

    conditions: tuple[bytes, ...] = ()
    commands: tuple[bytes, ...] = ()


class Points:
    """One client's breakpoints and watchpoints. ``kind_at`` says how a breakpoint is made that need not be hardware."""

    def __init__(
        self, breakpoints: BreakpointTable, watchpoints: WatchpointTable, kind_at: Callable[[int], BreakpointKind]
    ) -> None:
        self._core_breakpoints = breakpoints
        self._core_watchpoints = watchpoints
        self._kind_at = kind_at
        # By address, then by type: True is hardware.
        self._breakpoints: dict[int, dict[bool, Orders]] = {}
        self._watches: set[tuple[WatchKind, int, int]] = set()

    def __len__(self) -> int:
        return len(self._breakpoints) + len(self._watches)

    def clear(self) -> None:
        """The client is gone; core control takes everything out when it detaches."""
        self._breakpoints.clear()
        self._watches.clear()

    # Breakpoints

    def insert(
        self, address: int, *, hardware: bool, orders: Orders = Orders(), kind: BreakpointKind | None = None
    ) -> None:
        """Insert; one of that type that is there gets the new ``orders``. ``kind``: how it is made, if not as usual.

        Raises TargetError when the core has no comparator left or none that reaches ``address``.
        """
        address &= ~1
        types = self._breakpoints.get(address, {})
        if not types:
            usual = BreakpointKind.HARDWARE if hardware else self._kind_at(address)
            self._core_breakpoints.add(address, kind or usual)
        self._breakpoints[address] = {**types, hardware: orders}

    def remove(self, address: int, *, hardware: bool) -> None:
        """Remove; nothing happens if it is not there. The last one at an address takes the core's with it.

        A client that removes by another type than it inserted means the one there is.
        """
        address &= ~1
        types = self._breakpoints.get(address)
        if types is None:
            return
        types.pop(hardware if len(types) > 1 else next(iter(types)))
        if not types:
            del self._breakpoints[address]
            self._core_breakpoints.remove(address)

    def only_hardware(self, address: int) -> bool:
        """Whether all that the client holds at ``address`` are hardware breakpoints, and there is one."""
        return list(self._breakpoints.get(address, ())) == [True]

    def orders(self, address: int) -> tuple[Orders, ...]:
        """What is to be done at ``address``, one for each breakpoint the client holds there."""
        return tuple(self._breakpoints.get(address, {}).values())

    # Watchpoints

    def watch(self, kind: WatchKind, address: int, length: int) -> None:
        """Insert, or do nothing if it is there; TargetError when the comparators do not suffice."""
        self._core_watchpoints.add(address, length, kind)
        self._watches.add((kind, address, length))

    def unwatch(self, kind: WatchKind, address: int, length: int) -> None:
        """Remove; nothing happens if it is not there."""
        self._core_watchpoints.remove(address, length, kind)
        self._watches.discard((kind, address, length))

    def watches(self, hit: WatchHit) -> bool:
        """Whether the watch that was hit is still there."""
        return any(
            kind is hit.kind and address <= hit.address < address + length for kind, address, length in self._watches
        )
