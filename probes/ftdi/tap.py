"""The TAP controller as a table (IEEE 1149.1 figure 6-1)."""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import Final

__all__ = ["NEXT", "RESET_CLOCKS", "TapState", "after", "path"]


class TapState(Enum):
    """The sixteen states."""

    TEST_LOGIC_RESET = "Test-Logic-Reset"
    RUN_TEST_IDLE = "Run-Test/Idle"
    SELECT_DR = "Select-DR-Scan"
    CAPTURE_DR = "Capture-DR"
    SHIFT_DR = "Shift-DR"
    EXIT1_DR = "Exit1-DR"
    PAUSE_DR = "Pause-DR"
    EXIT2_DR = "Exit2-DR"
    UPDATE_DR = "Update-DR"
    SELECT_IR = "Select-IR-Scan"
    CAPTURE_IR = "Capture-IR"
    SHIFT_IR = "Shift-IR"
    EXIT1_IR = "Exit1-IR"
    PAUSE_IR = "Pause-IR"
    EXIT2_IR = "Exit2-IR"
    UPDATE_IR = "Update-IR"


_S = TapState
NEXT: Final[dict[TapState, tuple[TapState, TapState]]] = {
    # state: (with TMS 0, with TMS 1)
    _S.TEST_LOGIC_RESET: (_S.RUN_TEST_IDLE, _S.TEST_LOGIC_RESET),
    _S.RUN_TEST_IDLE: (_S.RUN_TEST_IDLE, _S.SELECT_DR),
    _S.SELECT_DR: (_S.CAPTURE_DR, _S.SELECT_IR),
    _S.CAPTURE_DR: (_S.SHIFT_DR, _S.EXIT1_DR),
    _S.SHIFT_DR: (_S.SHIFT_DR, _S.EXIT1_DR),
    _S.EXIT1_DR: (_S.PAUSE_DR, _S.UPDATE_DR),
    _S.PAUSE_DR: (_S.PAUSE_DR, _S.EXIT2_DR),
    _S.EXIT2_DR: (_S.SHIFT_DR, _S.UPDATE_DR),
    _S.UPDATE_DR: (_S.RUN_TEST_IDLE, _S.SELECT_DR),
    _S.SELECT_IR: (_S.CAPTURE_IR, _S.TEST_LOGIC_RESET),
    _S.CAPTURE_IR: (_S.SHIFT_IR, _S.EXIT1_IR),
    _S.SHIFT_IR: (_S.SHIFT_IR, _S.EXIT1_IR),
    _S.EXIT1_IR: (_S.PAUSE_IR, _S.UPDATE_IR),
    _S.PAUSE_IR: (_S.PAUSE_IR, _S.EXIT2_IR),
    _S.EXIT2_IR: (_S.SHIFT_IR, _S.UPDATE_IR),
    _S.UPDATE_IR: (_S.RUN_TEST_IDLE, _S.SELECT_DR),
}

RESET_CLOCKS: Final = 5
"""So many clocks with TMS 1 lead to Test-Logic-Reset from anywhere."""


def after(state: TapState, value: int, count: int) -> TapState:
    """The state after ``count`` clocks with the bits of ``value`` on TMS, lowest first."""
    for index in range(count):
        state = NEXT[state][value >> index & 1]
    return state


@cache
def path(start: TapState, goal: TapState) -> tuple[int, int]:
    """The shortest way as TMS bits (lowest first) and their number."""
    reached = {start: (0, 0)}
    frontier = [start]
    while goal not in reached:
        following = []
        for state in frontier:
            value, count = reached[state]
            for tms, state_after in enumerate(NEXT[state]):
                if state_after not in reached:
                    reached[state_after] = (value | tms << count, count + 1)
                    following.append(state_after)
        frontier = following
    return reached[goal]
