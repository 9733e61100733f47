"""What the transaction engine needs of a wire: scans or packets in, acknowledges and data out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from ..debug_port import Transaction

__all__ = ["FLAGS", "IDLE_LIMIT", "Ack", "Entry", "Outcome", "Wire"]

FLAGS = -1
"""``Entry.delivers`` of the entry that brings the final CTRL/STAT."""

IDLE_LIMIT = 64
"""Beyond so many idle clocks after each access the target is not slow, it is stuck."""


class Ack(IntEnum):
    """What the debug port acknowledged, whatever the wire's code for it is."""

    OK = 1  # on JTAG: OK or FAULT, which share a code
    WAIT = 2
    FAULT = 4
    NONE = 7  # nobody drove the line, or not with an acknowledge


class Entry(NamedTuple):
    """One line of the journal: a transaction as it is put on the wire.

    ``origin`` is its position in the batch, None for one that the driver added. ``delivers`` is the position
    of the read whose value this one brings back (posted reads arrive later), or FLAGS, or None.
    """

    transaction: Transaction
    origin: int | None
    delivers: int | None


class Outcome(NamedTuple):
    """What came back for one entry. ``data`` is None where it was not captured; ``intact``: its parity is right."""

    ack: Ack
    data: int | None
    intact: bool = True
    seen: int = 0
    """The acknowledge's bits as they came."""


class Wire(Protocol):
    """JTAG or SWD. Methods raise ProbeError; ``enter`` also LinkError and NoTargetError."""

    name: str
    idle: int
    """Idle clocks after each access of the access port."""
    refuses_at_once: bool
    """A FAULT is acknowledged as such."""
    has_abort_bits: bool
    """Sticky flags are cleared through ABORT (SW-DP); else by writing 1 to them in CTRL/STAT (JTAG-DPv0)."""

    def journal(self, batch: Sequence[Transaction], start: int) -> list[Entry]:
        """Lay out a batch whose first transaction has the position ``start``.

        What collects posted results, flushes posted writes and reads CTRL/STAT is added.
        """
        ...

    def exchange(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Put the entries on the wire in one go; one outcome each."""
        ...

    def abort(self) -> None:
        """Make the access port give up its present access (DAPABORT)."""
        ...

    def enter(self) -> int:
        """Bring the debug port into a known state from any; its id (DPIDR, or the JTAG-DP's IDCODE)."""
        ...
