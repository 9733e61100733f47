"""The transaction engine: batches of debug-port transactions, exact over JTAG and SWD.

Its contract stands in ``..debug_port``. Everything that is sent stands in a journal; what came back is
settled line by line. Overrun detection is always on: after the first access that is told to WAIT the debug
port drops all that follow (STICKYORUN), so that the batch can go on from exactly there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ..debug_port import ABORT, CTRL_STAT, RDBUFF, SELECT, DapFaultError, DapWaitError, Transaction
from ..errors import LinkError, NoTargetError, TargetPowerError, WaitError
from .wire import FLAGS, IDLE_LIMIT, Ack, Entry, Outcome, Wire

__all__ = ["Engine"]

log = logging.getLogger(__name__)

# CTRL/STAT (IHI0031F B2.2.2).
ORUNDETECT: Final = 1 << 0
STICKYORUN: Final = 1 << 1
STICKYCMP: Final = 1 << 4
STICKYERR: Final = 1 << 5
WDATAERR: Final = 1 << 7
POWER_REQUESTS: Final = 1 << 28 | 1 << 30
POWER_ACKNOWLEDGES: Final = 1 << 29 | 1 << 31
CONTROL: Final = POWER_REQUESTS | ORUNDETECT
STICKY: Final = STICKYORUN | STICKYCMP | STICKYERR | WDATAERR
# ABORT (B2.2.1).
CLEAR: Final = {STICKYORUN: 1 << 4, WDATAERR: 1 << 3, STICKYERR: 1 << 2, STICKYCMP: 1 << 1}

LONGEST: Final = 4096
"""Transactions that are sent before the acknowledges are looked at."""
FEW_IDLE: Final = 6
"""Up to here idle clocks are added one by one: each costs speed in every access."""
SHORTEST: Final = 16
"""So many after a WAIT, then ever more again."""
PAUSES: Final = (0.0, *(0.001 * 2**n for n in range(8)))
"""Seconds between looks at an access that waits; 0.255 in all."""
POWER_UP_PAUSES: Final = (0.0, 0.001, 0.01, 0.1, 0.2)
CLEARINGS: Final = 3
WRITE_ERRORS: Final = 8
"""Parity errors in written data that one batch may have."""


class Engine:
    """Carries out batches over one wire. ``sleep`` takes seconds."""

    def __init__(self, wire: Wire, sleep: Callable[[float], None]) -> None:
        self.wire = wire
        self._sleep = sleep
        self._select: int | None = None
        self._in_step = False
        self._waited = False

    # ------------------------------------------------------------------------------------ connecting
    def enter(self) -> int:
        """Find the debug port, power it up, clear its flags; its id. Raises LinkError and its kinds, ProbeError."""
        self._in_step = False
        self._select = None
        identity = self.wire.enter()
        self._send(self._clearing(STICKY))
        self._send([_write(SELECT, 0), _write(CTRL_STAT, CONTROL)])
        flags = 0
        for pause in POWER_UP_PAUSES:
            if pause:
                self._sleep(pause)
            flags = self._flags()
            if flags & POWER_ACKNOWLEDGES == POWER_ACKNOWLEDGES:
                break
        else:
            raise TargetPowerError(
                f"Powering up the debug port 0x{identity:08X}",
                f"it does not acknowledge the request (CTRL/STAT 0x{flags:08X})",
                "Check the target's supply and that nothing holds it in reset or standby; try connecting under reset.",
            )
        if flags & STICKY:
            self._send(self._clearing(STICKY))
        self._in_step = True
        return identity

    def leave(self) -> None:
        """Take back the power-up request. Raises what ``enter`` raises."""
        if self._in_step:
            self._in_step = False
            self._send([_write(CTRL_STAT, 0)])

    # ------------------------------------------------------------------------------------ batches
    def transact(self, batch: Sequence[Transaction]) -> list[int | None]:
        """See DebugPort."""
        if not self._in_step:
            self.enter()
        self._in_step = False
        try:
            results = _Run(self, batch).carry_out()
        except (DapFaultError, DapWaitError):
            self._select = None
            self._in_step = True
            raise
        self._in_step = True
        self._select = select_at(batch, len(batch), self._select)
        return results

    @property
    def select(self) -> int | None:
        """What SELECT holds before the batch; None while that is not known."""
        return self._select

    def slower(self) -> None:
        """After a WAIT: more idle clocks from now on."""
        if self.wire.idle >= IDLE_LIMIT:
            return
        few = self.wire.idle < FEW_IDLE
        self.wire.idle = self.wire.idle + 1 if few else min(2 * self.wire.idle, IDLE_LIMIT)
        if not self._waited:
            log.info("The target answered WAIT; from now on %d idle clocks follow each access.", self.wire.idle)
        self._waited = True

    # ------------------------------------------------------------------------------------ single steps
    def _send(self, transactions: Sequence[Transaction]) -> list[Outcome]:
        """Put transactions on the wire that are always accepted; raises LinkError when they are not."""
        acks: set[Ack] = set()
        for pause in PAUSES:
            if pause:
                self._sleep(pause)
            outcomes = self.wire.exchange([Entry(transaction, None, None) for transaction in transactions])
            for outcome in outcomes:
                self.check(outcome)
            acks = {outcome.ack for outcome in outcomes}
            if acks == {Ack.OK}:
                return outcomes
            if Ack.FAULT in acks:
                break
            # Only a JTAG-DP does this, while its access port is busy; these accesses may be repeated.
        if Ack.WAIT in acks:
            self.wire.abort()
            seen = "the access port does not finish what an earlier session began"
            raise WaitError(self._attempt, seen, "Connect again; connect under reset if it happens again.")
        seen = "it answered FAULT to an access that cannot fail"
        raise LinkError(self._attempt, seen, "Connect again; if it happens again, lower the speed (--speed 100).")

    @property
    def _attempt(self) -> str:
        return f"Accessing the target's debug port by {self.wire.name}"

    def check(self, outcome: Outcome) -> None:
        """Raise what silence, an acknowledge that does not exist, or damaged data mean."""
        if outcome.ack is Ack.NONE:
            stuck = {0b111: "the line stays high", 0b000: "the line stays low"}
            if outcome.seen in stuck:
                raise NoTargetError(
                    self._attempt,
                    f"it does not answer: {stuck[outcome.seen]} (acknowledge {outcome.seen:03b})",
                    "The target stopped answering: check its supply and wires, then connect again; a lower speed "
                    "may help.",
                )
            seen = f"it answered {outcome.seen:03b}, which is no acknowledge"
            raise LinkError(self._attempt, seen, _DAMAGED)
        if not outcome.intact:
            raise LinkError(self._attempt, "what it sent has wrong parity", _DAMAGED)

    def _flags(self) -> int:
        """CTRL/STAT, which an SW-DP always answers and a JTAG-DP once its access port is done."""
        if self.wire.refuses_at_once:
            data = self._send([_read(CTRL_STAT)])[0].data
        else:
            data = self._send([_read(CTRL_STAT), _read(RDBUFF)])[1].data
        assert data is not None
        return data

    def _clearing(self, flags: int) -> list[Transaction]:
        """What clears these sticky flags in this version of the debug port, and nothing else."""
        if self.wire.has_abort_bits:
            return [_write(ABORT, sum(bit for flag, bit in CLEAR.items() if flags & flag))]
        return [_write(CTRL_STAT, CONTROL | flags & ~WDATAERR)]

    def clear(self, flags: int) -> int:
        """Clear sticky flags; those that are set afterwards."""
        left = flags
        for _ in range(CLEARINGS):
            self._send(self._clearing(flags))
            left = self._flags() & STICKY
            if not left & flags:
                break
        return left

    def drain(self, patience: Patience, position: int) -> int | None:
        """Wait for the access that is under way; the result of the last read.

        On the way STICKYORUN is cleared; other sticky flags stay. Raises DapWaitError for ``position`` when
        patience runs out, with the access aborted.
        """
        while True:
            if self.wire.has_abort_bits:
                self._send(self._clearing(STICKYORUN))
            outcome = self.wire.exchange([Entry(_read(RDBUFF), None, None)])[0]
            self.check(outcome)
            if outcome.ack is Ack.OK:
                if not self.wire.has_abort_bits:
                    self._send(self._clearing(STICKYORUN))
                return outcome.data
            if outcome.ack is Ack.FAULT:
                return None  # another flag is set, and the caller looks at them
            self.pause(patience, position)

    def pause(self, patience: Patience, position: int) -> None:
        """Wait for a while, or abort the access and raise DapWaitError."""
        seconds = patience.take()
        if seconds is None:
            self.wire.abort()
            self._send(self._clearing(STICKY))
            raise DapWaitError(position)
        if seconds:
            self._sleep(seconds)


class Patience:
    """The pauses of one access that waits. ``used`` tells whether time had to pass, not only clocks."""

    def __init__(self) -> None:
        self._pauses = iter(PAUSES)
        self.used = False

    def take(self) -> float | None:
        """Seconds of the next pause; None when there has been enough waiting."""
        seconds = next(self._pauses, None)
        self.used = self.used or bool(seconds)
        return seconds


_DAMAGED = "Bits were damaged on the wire: choose a lower speed (--speed 100), shorten the wires, check ground."


def _read(address: int) -> Transaction:
    return Transaction(ap=False, read=True, address=address)


def _write(address: int, value: int) -> Transaction:
    return Transaction(ap=False, read=False, address=address, value=value)


def select_at(batch: Sequence[Transaction], position: int, before: int | None) -> int | None:
    """What SELECT holds when the transaction at ``position`` is its turn."""
    for transaction in reversed(batch[:position]):
        if not transaction.ap and not transaction.read and transaction.address == SELECT:
            return transaction.value
    return before


class _Run:
    """One batch on its way. ``start`` is the first position that has not taken effect."""

    def __init__(self, engine: Engine, batch: Sequence[Transaction]) -> None:
        self._engine = engine
        self._wire = engine.wire
        self._batch = batch
        self._results: list[int | None] = [None] * len(batch)
        self._clean = 0  # no access below this position has failed
        self._write_errors = 0
        self._waited_at = -1
        self._patience = Patience()

    def carry_out(self) -> list[int | None]:
        """Return the results of all reads."""
        start, window, again = 0, LONGEST, False
        while True:
            end = min(start + window, len(self._batch))
            position = self._piece(start, end, again=again)
            again = position is not None
            if position is not None:
                start, window = position, SHORTEST
                continue
            if end == len(self._batch):
                return self._results
            start, window = end, min(2 * window, LONGEST)
            self._clean = start

    def _piece(self, start: int, end: int, *, again: bool) -> int | None:
        """Send a piece of the batch; None when all of it took effect, else the position to go on from."""
        entries = self._wire.journal(self._batch[start:end], start)
        select = select_at(self._batch, start, self._engine.select)
        if again and select is not None:
            # What followed the refused access may have changed SELECT.
            entries.insert(0, Entry(_write(SELECT, select), None, None))
        outcomes = self._wire.exchange(entries)
        flags: int | None = None
        for line, (entry, outcome) in enumerate(zip(entries, outcomes, strict=True)):
            if outcome.ack is not Ack.OK or not outcome.intact:
                self._engine.check(outcome)
                return self._refused(entries, outcomes, line, end)
            if entry.delivers == FLAGS:
                flags = outcome.data
            elif entry.delivers is not None:
                self._results[entry.delivers] = outcome.data
        assert flags is not None
        if flags & STICKY:
            self._engine.clear(STICKY)
            if not flags & STICKYERR:
                raise LinkError(
                    "Accessing the target's debug port",
                    f"it dropped accesses that it had acknowledged (CTRL/STAT 0x{flags:08X})",
                    _DAMAGED,
                )
            raise self._fault(entries, len(entries))
        return None

    def _refused(self, entries: list[Entry], outcomes: list[Outcome], line: int, end: int) -> int:
        """The position to go on from after the first WAIT or FAULT; raises DapFaultError, DapWaitError, LinkError."""
        engine = self._engine
        position = next((entry.origin for entry in entries[line:] if entry.origin is not None), end)
        if outcomes[line].ack is Ack.FAULT:
            engine.check(outcomes[-1])
            flags = outcomes[-1].data or 0
            if flags & WDATAERR and not flags & STICKYERR:
                self._write_errors += 1
                return self._written_damaged(entries, line, end)
            if not flags & STICKY:
                raise LinkError("Accessing the target's debug port", "it answered FAULT without a reason", _DAMAGED)
        if position == self._waited_at:
            engine.pause(self._patience, min(position, len(self._batch) - 1))
        else:
            self._waited_at, self._patience = position, Patience()
        last = engine.drain(self._patience, min(position, len(self._batch) - 1))
        flags = engine.clear(STICKYORUN)
        if flags & STICKYERR:
            engine.clear(STICKY)
            raise self._fault(entries, line)
        if flags & WDATAERR:
            # A write that was accepted stood in the buffer when the flag went up, and was dropped (B2.2.2).
            return self._written_damaged(entries, line, end)
        pending = entries[line].delivers
        if pending is not None and pending != FLAGS:
            self._results[pending] = self._late(outcomes, line, last)
        if not self._patience.used:  # otherwise the bus stood still for longer than clocks explain
            engine.slower()
        self._clean = max(self._clean, position)
        return position

    def _late(self, outcomes: list[Outcome], line: int, last: int | None) -> int | None:
        """The result of the read before a refused access.

        An SW-DP keeps it in RDBUFF. A JTAG-DP brings it with the next scan that is not told to wait, once; only
        when there was none has it come with the RDBUFF scan afterwards.
        """
        if not self._wire.refuses_at_once:
            for outcome in outcomes[line + 1 :]:
                if outcome.ack is Ack.OK and outcome.data is not None:
                    return outcome.data
        return last

    def _written_damaged(self, entries: list[Entry], line: int, end: int) -> int:
        """The debug port did not carry out the write before the first refusal: wrong parity, or dropped (WDATAERR)."""
        # Only CTRL/STAT is read on behind a damaged write.
        behind = (entry for entry in reversed(entries[:line]) if entry.transaction != _read(CTRL_STAT))
        culprit = next(behind, None)
        if culprit is None or culprit.transaction.read or self._write_errors > WRITE_ERRORS:
            raise LinkError("Writing to the target's debug port", "what arrives there has wrong parity", _DAMAGED)
        self._engine.clear(WDATAERR | STICKYORUN)
        if culprit.origin is None:
            return next((entry.origin for entry in entries if entry.origin is not None), end)
        return culprit.origin

    def _fault(self, entries: list[Entry], line: int) -> DapFaultError:
        """Which accesses the failed one may be, seen from the first line that was refused."""
        accesses = [entry.origin for entry in entries[:line] if entry.transaction.ap and entry.origin is not None]
        last = accesses[-1] if accesses else self._clean
        first = self._clean
        if self._wire.refuses_at_once:
            # One write may stand in the buffer behind the one that fails.
            first = accesses[-2] if len(accesses) > 1 else last
        for position in self._checkpoints():
            value = self._results[position]
            if value is None or first > last:
                break
            if value & STICKYERR:
                last = min(last, position)
                break
            if position <= last:
                first = max(first, position)
        return DapFaultError(min(first, last), last, self._results)

    def _checkpoints(self) -> Iterator[int]:
        for position, transaction in enumerate(self._batch):
            if not transaction.ap and transaction.read and transaction.address == CTRL_STAT:
                yield position
