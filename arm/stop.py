"""Why the core stopped, and everything worth knowing about that moment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from .dwt import WatchHit
from .registers_core import Regsel
from .registers_debug import DFSR

__all__ = ["Stop", "StopReason", "classify"]


class StopReason(Enum):
    """What made the core enter debug state."""

    HALT_REQUEST = "halt request"
    BREAKPOINT = "breakpoint"
    WATCHPOINT = "watchpoint"
    STEP = "step"
    VECTOR_CATCH = "vector catch"
    EXTERNAL = "external debug request"
    LOCKUP = "lockup"
    RESET = "reset"


@dataclass(frozen=True)
class Stop:
    """The snapshot of a halted core.

    ``dhcsr`` and ``dfsr`` are the words as read when the halt was seen. ``registers`` maps REGSEL
    numbers to values: 0 to 15, 16 xPSR, 17 MSP, 18 PSP. The fault registers are read only when
    ``reason`` is VECTOR_CATCH or LOCKUP, and are 0 otherwise and on Armv6-M, which has none.
    ``bkpt`` is the number in the BKPT instruction at ``pc`` that stopped the core when it is the program's
    own (0xAB asks for semihosting), None at one of the debugger's breakpoints and at any other stop.
    ``watched`` are the watchpoints that were hit; the access is done and ``pc`` behind it, by an instruction or more.
    """

    reason: StopReason
    dhcsr: int
    dfsr: int
    registers: Mapping[int, int]
    cfsr: int = 0
    hfsr: int = 0
    mmfar: int = 0
    bfar: int = 0
    bkpt: int | None = None
    watched: tuple[WatchHit, ...] = ()

    @property
    def pc(self) -> int:
        """Address of the next instruction."""
        return self.registers[Regsel.PC]

    @property
    def sp(self) -> int:
        """The active stack pointer."""
        return self.registers[Regsel.SP]

    @property
    def lr(self) -> int:
        """Link register; an EXC_RETURN value in a handler that has not called anything."""
        return self.registers[Regsel.LR]

    @property
    def xpsr(self) -> int:
        """Program status."""
        return self.registers[Regsel.XPSR]


# DDI0403E C1.6.1: several bits may be set at once. The most telling one comes first; HALTED comes last
# because it accompanies others when a halt was asked for as well.
_REASONS = (
    (DFSR.VCATCH, StopReason.VECTOR_CATCH),
    (DFSR.BKPT, StopReason.BREAKPOINT),
    (DFSR.DWTTRAP, StopReason.WATCHPOINT),
    (DFSR.EXTERNAL, StopReason.EXTERNAL),
)


def classify(dfsr: int, expected: StopReason) -> StopReason:
    """The reason ``dfsr`` gives; ``expected`` when it says no more than HALTED."""
    for field, reason in _REASONS:
        if dfsr & field.mask:
            return reason
    return expected
