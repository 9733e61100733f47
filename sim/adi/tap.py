"""TAPs and their chain (IEEE 1149.1), fast: whole scans are one operation on integers.

A chain's TDO is the low end of its register: ``taps[0]`` is nearest to TDO.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from ..bus import Unmodelled
from .wire_clock import WireClock

__all__ = ["BoundaryScanTap", "State", "Tap", "TapChain"]


class State(IntEnum):
    """The states of a TAP controller."""

    RESET = 0
    IDLE = 1
    SELECT_DR = 2
    CAPTURE_DR = 3
    SHIFT_DR = 4
    EXIT1_DR = 5
    PAUSE_DR = 6
    EXIT2_DR = 7
    UPDATE_DR = 8
    SELECT_IR = 9
    CAPTURE_IR = 10
    SHIFT_IR = 11
    EXIT1_IR = 12
    PAUSE_IR = 13
    EXIT2_IR = 14
    UPDATE_IR = 15


S = State
NEXT: dict[State, tuple[State, State]] = {
    S.RESET: (S.IDLE, S.RESET),
    S.IDLE: (S.IDLE, S.SELECT_DR),
    S.SELECT_DR: (S.CAPTURE_DR, S.SELECT_IR),
    S.CAPTURE_DR: (S.SHIFT_DR, S.EXIT1_DR),
    S.SHIFT_DR: (S.SHIFT_DR, S.EXIT1_DR),
    S.EXIT1_DR: (S.PAUSE_DR, S.UPDATE_DR),
    S.PAUSE_DR: (S.PAUSE_DR, S.EXIT2_DR),
    S.EXIT2_DR: (S.SHIFT_DR, S.UPDATE_DR),
    S.UPDATE_DR: (S.IDLE, S.SELECT_DR),
    S.SELECT_IR: (S.CAPTURE_IR, S.RESET),
    S.CAPTURE_IR: (S.SHIFT_IR, S.EXIT1_IR),
    S.SHIFT_IR: (S.SHIFT_IR, S.EXIT1_IR),
    S.EXIT1_IR: (S.PAUSE_IR, S.UPDATE_IR),
    S.PAUSE_IR: (S.PAUSE_IR, S.EXIT2_IR),
    S.EXIT2_IR: (S.SHIFT_IR, S.UPDATE_IR),
    S.UPDATE_IR: (S.IDLE, S.SELECT_DR),
}
"""State by TMS 0 and 1."""
_SHIFTS = (S.SHIFT_DR, S.SHIFT_IR)
_STAYS = {S.IDLE: 0, S.PAUSE_DR: 0, S.PAUSE_IR: 0, S.SHIFT_DR: 0, S.SHIFT_IR: 0, S.RESET: 1}
"""States that do not change while TMS keeps this level."""


class Tap(Protocol):
    """One TAP: what its registers capture and what an update does."""

    ir_length: int

    def reset(self) -> None:
        """Test-Logic-Reset."""

    def capture_ir(self) -> int:
        """Return what Capture-IR loads."""
        ...

    def update_ir(self, value: int) -> None:
        """Take an instruction."""

    def capture_dr(self) -> tuple[int, int]:
        """Return what Capture-DR loads, and the register's length."""
        ...

    def update_dr(self, value: int) -> None:
        """Take a data register."""


class BoundaryScanTap:
    """ST's boundary-scan TAP: 5-bit IR, IDCODE and BYPASS.

    Capture-IR loads the current instruction, not a constant: 00001 after Test-Logic-Reset and 11111 ever after, while
    BYPASS is loaded, in 2 095 scans of a real STM32F103.
    """

    ir_length = 5
    IDCODE, BYPASS = 0b00001, 0b11111
    _MODELLED_ELSEWHERE = (0b00000, 0b00010)  # EXTEST, SAMPLE/PRELOAD: the boundary register is not here

    def __init__(self, idcode: int) -> None:
        self.idcode = idcode
        self.instruction = self.IDCODE

    def reset(self) -> None:
        """Test-Logic-Reset selects IDCODE."""
        self.instruction = self.IDCODE

    def capture_ir(self) -> int:
        """Return the current instruction."""
        return self.instruction

    def update_ir(self, value: int) -> None:
        """Take an instruction."""
        self.instruction = value

    def capture_dr(self) -> tuple[int, int]:
        """Return IDCODE, or the bypass bit for every other instruction."""
        if self.instruction == self.IDCODE:
            return self.idcode, 32
        if self.instruction in self._MODELLED_ELSEWHERE:
            raise Unmodelled(f"boundary scan register of the ST TAP (instruction {self.instruction:05b})")
        return 0, 1

    def update_dr(self, value: int) -> None:
        """Nothing can be written here."""


class TapChain:
    """All TAPs of a chip behind one TMS; the state is common to all."""

    def __init__(self, taps: Sequence[Tap], wire: WireClock) -> None:
        self.taps = tuple(taps)
        self.wire = wire
        self.state = State.RESET
        self._register = 0
        self._length = 0
        self._lengths: list[int] = []

    def reset(self) -> None:
        """Test-Logic-Reset, by TMS, nTRST or power."""
        self.state = State.RESET
        for tap in self.taps:
            tap.reset()

    @property
    def tdo(self) -> int:
        """Level of TDO: the register's low bit while shifting, else nothing drives it and it is pulled up."""
        return self._register & 1 if self.state in _SHIFTS else 1

    def shift(self, n: int, tms: int, tdi: int) -> int:
        """Clock ``n`` times with TMS constant; return TDO as it is before each rising edge, LSB first."""
        tdo = done = 0
        while done < n:
            if _STAYS.get(self.state) == tms:
                rest = n - done
                tdo |= self._stay(rest, tdi >> done) << done
                return tdo
            tdo |= self.step(tms, tdi >> done & 1) << done
            done += 1
        return tdo

    def _stay(self, n: int, tdi: int) -> int:
        self.wire.tick(n)
        ones = (1 << n) - 1
        if self.state not in _SHIFTS:
            return ones
        line = self._register | (tdi & ones) << self._length
        self._register = line >> n
        return line & ones

    def step(self, tms: int, tdi: int) -> int:
        """Clock once; return TDO before the rising edge."""
        tdo = self.tdo
        state = self.state
        self.wire.tick(1)
        if state in _SHIFTS:
            self._register = (self._register | (tdi & 1) << self._length) >> 1
        elif state is State.CAPTURE_DR:
            self._load([tap.capture_dr() for tap in self.taps])
        elif state is State.CAPTURE_IR:
            self._load([(tap.capture_ir(), tap.ir_length) for tap in self.taps])
        self.state = NEXT[state][tms]
        if self.state is State.UPDATE_DR:
            for tap, value in self._parts():
                tap.update_dr(value)
        elif self.state is State.UPDATE_IR:
            for tap, value in self._parts():
                tap.update_ir(value)
        elif self.state is State.RESET and state is not State.RESET:
            self.reset()
        return tdo

    def _load(self, captured: list[tuple[int, int]]) -> None:
        self._register = self._length = 0
        self._lengths = [length for _, length in captured]
        for value, length in captured:
            self._register |= value << self._length
            self._length += length

    def _parts(self) -> list[tuple[Tap, int]]:
        parts, rest = [], self._register
        for tap, length in zip(self.taps, self._lengths, strict=True):
            parts.append((tap, rest & (1 << length) - 1))
            rest >>= length
        return parts
