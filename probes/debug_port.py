"""The wire seam: debug-port transactions as data, for probes that only move bits on JTAG or SWD wires.

What a driver of such a probe promises about a batch of transactions (ADIv5.2, IHI0031F, parts B2 to B4):

- ``OK`` for all: every transaction took effect, posted writes have reached the bus, no sticky flag is set,
  and every read has the value that belongs to it.
- ``WAIT`` at one: it and everything after it had no effect (overrun detection is on). The driver resumes
  from exactly that transaction; nobody above notices, unless patience runs out (``DapWaitError``).
- ``FAULT``: some access port access failed on the bus; see ``DapFaultError`` for what is known then.
- A parity error in what was read: the value is lost, whatever followed took effect: LinkError.
- A parity error in what was written: the debug port dropped that write and what followed; the driver resumes there.
- Silence or an acknowledge that does not exist: nothing is known of this transaction and of those that follow.
  NoTargetError or LinkError; the next batch enters the debug port anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .probe import ProbeInfo

__all__ = ["ABORT", "CTRL_STAT", "RDBUFF", "SELECT", "DapFaultError", "DapWaitError", "DebugPort", "Transaction"]

# Registers of the debug port, A[3:0] (IHI0031F B2.2).
ABORT = 0x0
CTRL_STAT = 0x4
SELECT = 0x8
RDBUFF = 0xC


class Transaction(NamedTuple):
    """One register access: of the access port that SELECT chose (``ap``), or of the debug port.

    ``address`` is A[3:2] as 0x0, 0x4, 0x8 or 0xC. Of the debug port, SELECT may be written (DPBANKSEL 0) and
    CTRL/STAT be read; everything else there belongs to the driver.
    """

    ap: bool
    read: bool
    address: int
    value: int = 0


class DapFaultError(Exception):
    """An access port access failed on the bus; the sticky flags have been cleared.

    It is one of those at the positions ``first`` to ``last`` of the batch: everything before it took effect,
    nothing after it did, except SELECT writes. ``results`` are the values that were read before it was
    noticed; those of positions below the failed one are true.
    """

    def __init__(self, first: int, last: int, results: Sequence[int | None]) -> None:
        super().__init__(first, last)
        self.first = first
        self.last = last
        self.results = results


class DapWaitError(Exception):
    """The debug port kept answering WAIT at ``position`` of the batch; the access was aborted."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class DebugPort(Protocol):
    """An opened probe at the height of the wire. Methods raise ProbeError or LinkError.

    ``info``, ``voltage``, ``set_speed``, ``set_reset`` and ``close`` mean what they mean in ``Probe``.
    """

    @property
    def info(self) -> ProbeInfo:
        """Who this probe is."""
        ...

    @property
    def wire(self) -> str:
        """How the target is reached: "JTAG" or "SWD"; "" before ``connect``."""
        ...

    @property
    def refuses_at_once(self) -> bool:
        """Whether a fault shows in the acknowledges (SWD), not only in CTRL/STAT (JTAG).

        Where it does not, a CTRL/STAT read inside a batch is a place that a fault lies before or after.
        """
        ...

    def sleep(self, seconds: float) -> None:
        """Wait on the board's own time."""
        ...

    def voltage(self) -> float | None:
        """Target supply in volts, None where the probe cannot measure it."""
        ...

    def set_speed(self, khz: int) -> int:
        """Choose the fastest wire clock not above ``khz``."""
        ...

    def slow_down(self) -> str:
        """Ask less of the wire: more idle clocks at first, then half the clock.

        What was changed, as words for a sentence; "" when there is nothing left to change.
        """
        ...

    def connect(self) -> None:
        """Find the debug port, power it up, clear its flags. Called again, it starts from the beginning."""
        ...

    def set_reset(self, asserted: bool) -> None:
        """Drive NRST low or release it; without effect where the adapter has no such signal."""
        ...

    def transact(self, batch: Sequence[Transaction]) -> list[int | None]:
        """Carry out a batch in order; for each read its value, for each write None.

        Raises DapFaultError, DapWaitError, LinkError, NoTargetError, ProbeError.
        """
        ...

    def close(self) -> None:
        """Leave the target alone and release the probe. Never raises for a probe that is gone."""
        ...
