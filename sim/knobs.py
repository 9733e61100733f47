"""Fault knobs: things that go wrong at the n-th chance, counted from the moment the knob is set.

``board.faults.wait(3)`` lets the third memory command from now be answered WAIT; ``stall``, ``time_out``, ``short``,
``unplug`` and ``power_loss`` count bulk transfers. ``times`` repeats the fault at the following chances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["FaultKnobs"]


@dataclass
class _Knob:
    kind: str
    countdown: int
    times: int
    detail: int = 0


class FaultKnobs:
    """What is to go wrong. ``injected`` counts what did."""

    def __init__(self) -> None:
        self._access: list[_Knob] = []
        self._bulk: list[_Knob] = []
        self._read_data: list[_Knob] = []
        self.injected = 0
        self.actions: dict[str, Callable[[int], None]] = {}

    # --- knobs

    def wait(self, nth: int = 1, times: int = 1) -> None:
        """Answer the ``nth`` memory or register access from now with WAIT (status 0x10); nothing is done."""
        self._access.append(_Knob("wait", nth, times))

    def fault(self, nth: int = 1, times: int = 1) -> None:
        """Answer the ``nth`` memory or register access from now with an AP fault; nothing is done."""
        self._access.append(_Knob("fault", nth, times))

    def parity(self, nth: int = 1, times: int = 1) -> None:
        """Send the ``nth`` word read over SWD from now with a wrong parity bit. ST-Links see nothing of it."""
        self._read_data.append(_Knob("parity", nth, times))

    def stall(self, nth: int = 1, times: int = 1) -> None:
        """Stall the endpoint of the ``nth`` bulk transfer from now."""
        self._bulk.append(_Knob("stall", nth, times))

    def time_out(self, nth: int = 1, times: int = 1) -> None:
        """Let the ``nth`` bulk transfer from now time out."""
        self._bulk.append(_Knob("time_out", nth, times))

    def short(self, nth: int = 1, keep: int = 1) -> None:
        """Cut the first IN packet from the ``nth`` bulk transfer on down to ``keep`` bytes."""
        self._bulk.append(_Knob("short", nth, 1, keep))

    def unplug(self, nth: int = 1) -> None:
        """Pull the USB plug at the ``nth`` bulk transfer from now."""
        self._bulk.append(_Knob("unplug", nth, 1))

    def power_loss(self, nth: int = 1) -> None:
        """Cut the target's power at the ``nth`` bulk transfer from now."""
        self._bulk.append(_Knob("power_loss", nth, 1))

    def clear(self) -> None:
        """Forget all knobs that have not fired."""
        self._access.clear()
        self._bulk.clear()
        self._read_data.clear()

    # --- chances

    def at_access(self) -> str:
        """Take one chance at an access: "", "wait" or "fault"."""
        knob = self._due(self._access)
        return knob.kind if knob is not None else ""

    def at_read_data(self) -> bool:
        """Take one chance at a word that the target sends over SWD; True: with a wrong parity bit."""
        return bool(self._read_data) and self._due(self._read_data) is not None

    def at_bulk(self, endpoint: int) -> None:
        """Take one chance at a bulk transfer and carry out what is due."""
        knob = self._due(self._bulk)
        if knob is not None:
            self.actions[knob.kind](knob.detail if knob.kind == "short" else endpoint)

    def _due(self, knobs: list[_Knob]) -> _Knob | None:
        found = None
        for knob in list(knobs):
            knob.countdown -= 1
            if knob.countdown > 0 or found is not None:
                continue
            found = knob
            knob.times -= 1
            if not knob.times:
                knobs.remove(knob)
        if found is not None:
            self.injected += 1
        return found
