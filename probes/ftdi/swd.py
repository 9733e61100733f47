"""An SW-DP: packets that all keep their acknowledge and parity (IHI0031F B4).

Packets are sent without looking: overrun detection is on, so that the data phase is there whatever the
acknowledge (B4.2.6), and the acknowledges are read afterwards. Host and target share one line; between a
host's phase and a target's there is one turnaround clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from ..debug_port import ABORT, CTRL_STAT, RDBUFF, Transaction
from ..errors import LinkError, NoTargetError
from .jtag import Lines
from .mpsse import Stream, bits_of
from .sequences import DORMANT_TO_SWD, JTAG_TO_SWD, LINE_RESET
from .wire import FLAGS, Ack, Entry, Outcome

__all__ = ["Swd", "request"]

log = logging.getLogger(__name__)

# B4.2.2, first bit on the wire in bit 0.
START: Final = 1 << 0
AP: Final = 1 << 1
READ: Final = 1 << 2
PARK: Final = 1 << 7
PARITY: Final = 1 << 5
ACKS: Final = {0b001: Ack.OK, 0b010: Ack.WAIT, 0b100: Ack.FAULT}  # B4.2.3

DAPABORT_AND_CLEAR: Final = 0x1F
TARGETSEL: Final = 0xC  # a DP write to this address, acknowledged by nobody (B2.2.12)

FIRST_IDLE: Final = 1
DRAIN: Final = 13
"""Clocks from an access port write until its buffer is empty, as a full SW-DP (STM32F4) was seen to need."""
AT_END: Final = 8
"""Idle clocks before the clock may stop (B4.1.1)."""

_ATTEMPT = "Connecting by SWD"
_WIRES = (
    "Check SWDIO, SWCLK, ground and the target's supply; if its firmware reuses the SWD pins or keeps the chip in "
    "standby, connect under reset (--connect under-reset), or, without a reset line, switch it on with BOOT0 high."
)
_WAYS = (JTAG_TO_SWD, DORMANT_TO_SWD, LINE_RESET, JTAG_TO_SWD, DORMANT_TO_SWD)


def request(*, ap: bool, read: bool, address: int) -> int:
    """The eight bits that begin a packet (B4.2.2); even parity over APnDP, RnW, A[2:3]."""
    bits = START | AP * ap | READ * read | (address & 0xC) << 1 | PARK
    return bits | PARITY * ((bits >> 1 & 0xF).bit_count() & 1)


class Swd:
    """The SW-DP at the end of two wires. See Wire.

    ``turn`` is told before (False) and after (True) the target's phases and adds what a buffered adapter
    needs to a stream; None for wiring with a resistor. ``target`` is TARGETSEL of a multidrop bus.
    """

    name = "SWD"
    refuses_at_once = True
    has_abort_bits = True

    def __init__(
        self, lines: Lines, turn: Callable[[Stream, bool], None] | None = None, target: int | None = None
    ) -> None:
        self._lines = lines
        self._turn = turn
        self._target = target
        self.idle = FIRST_IDLE

    # ------------------------------------------------------------------------------------ entering
    def enter(self) -> int:
        """See Wire: switch to SWD from JTAG or the dormant state, reset the line, read DPIDR.

        Raises NoTargetError where nothing answers, LinkError where something answers nonsense.
        """
        read_id = Entry(Transaction(ap=False, read=True, address=0), None, None)
        outcome = Outcome(Ack.NONE, None)
        for way in _WAYS:
            stream = self._lines.new_stream()
            stream.out(*way)
            if self._target is not None:
                self._select_target(stream, self._target)
            self._lines.exchange(stream)
            outcome = self.exchange([read_id])[0]
            if outcome.ack is Ack.OK and outcome.intact and outcome.data:
                return outcome.data
            log.debug("! DPIDR: %s", outcome)
        if outcome.ack is Ack.NONE and outcome.seen in (0b111, 0b000):
            level = "high: nobody answers" if outcome.seen else "low: it is shorted, or the target has no power"
            raise NoTargetError(_ATTEMPT, f"SWDIO stays {level} (acknowledge {outcome.seen:03b})", _WIRES)
        seen = f"reading DPIDR was answered with acknowledge {outcome.seen:03b}"
        if outcome.ack is Ack.OK:
            parity = "right" if outcome.intact else "wrong"
            seen = f"DPIDR reads 0x{outcome.data or 0:08X} with {parity} parity"
        raise LinkError(_ATTEMPT, seen, "Choose a lower speed (--speed 100), shorten the wires. " + _WIRES)

    def _select_target(self, stream: Stream, target: int) -> None:
        """Write TARGETSEL: no target acknowledges, the host keeps driving nothing meanwhile (B4.3.4)."""
        stream.bits_out(request(ap=False, read=False, address=TARGETSEL), 8)
        self._target_phase(stream, 5)
        stream.bytes_out(target.to_bytes(4, "little"))
        stream.bits_out(target.bit_count() & 1, 1)

    # ------------------------------------------------------------------------------------ packets
    def journal(self, batch: Sequence[Transaction], start: int) -> list[Entry]:
        """See Wire: an access port read brings the value of the one before; RDBUFF brings the last."""
        entries = []
        collect = Transaction(ap=False, read=True, address=RDBUFF)
        pending: int | None = None
        for position, transaction in enumerate(batch, start):
            posted = transaction.ap and transaction.read
            if pending is not None and not posted:
                entries.append(Entry(collect, None, pending))
                pending = None
            if posted:
                entries.append(Entry(transaction, position, pending))
                pending = position
            else:
                entries.append(Entry(transaction, position, position if transaction.read else None))
        entries += [
            Entry(collect, None, pending),
            Entry(Transaction(ap=False, read=True, address=CTRL_STAT), None, FLAGS),
        ]
        return entries

    def exchange(self, entries: Sequence[Entry]) -> list[Outcome]:
        """See Wire."""
        stream = self._lines.new_stream()
        places = []
        for entry, following in zip(entries, [*entries[1:], None], strict=True):
            transaction = entry.transaction
            idle = self._idle_between(transaction, following.transaction if following else None)
            stream.bits_out(request(ap=transaction.ap, read=transaction.read, address=transaction.address), 8)
            if transaction.read:
                places.append(self._read(stream, idle))
            else:
                places.append(self._write(stream, transaction.value, idle))
            stream.mark()
        stream.idle(AT_END)
        reply = self._lines.exchange(stream)
        return [
            _read_outcome(reply, place) if entry.transaction.read else _write_outcome(reply, place)
            for entry, place in zip(entries, places, strict=True)
        ]

    def _idle_between(self, transaction: Transaction, following: Transaction | None) -> int:
        """Clocks after a packet: more where a posted write must have left its buffer before the next one."""
        if not transaction.ap or following is None:
            return 0
        if transaction.read or (following.ap and not following.read) or following.address == CTRL_STAT:
            return self.idle
        return self.idle + DRAIN

    def _target_phase(self, stream: Stream, count: int) -> int:
        """Clock in up to 8 bits that end with a turnaround; where the reply is."""
        if self._turn is not None:
            self._turn(stream, False)
        place = stream.bits_in(count)
        if self._turn is not None:
            self._turn(stream, True)
        return place

    def _read(self, stream: Stream, idle: int) -> int:
        if self._turn is not None:
            self._turn(stream, False)
        place = stream.bits_in(4)  # turnaround, acknowledge
        stream.bytes_in(4)
        stream.bits_in(2)  # parity, turnaround
        if self._turn is not None:
            self._turn(stream, True)
        stream.idle(idle)
        return place

    def _write(self, stream: Stream, value: int, idle: int) -> int:
        place = self._target_phase(stream, 5)  # turnaround, acknowledge, turnaround
        stream.bytes_out(value.to_bytes(4, "little"))
        first = min(idle, 7)
        stream.bits_out(value.bit_count() & 1, 1 + first)
        stream.idle(idle - first)
        return place

    def abort(self) -> None:
        """See Wire. ABORT can always be written (B4.2.4)."""
        self.exchange([Entry(Transaction(ap=False, read=False, address=ABORT, value=DAPABORT_AND_CLEAR), None, None)])


def _read_outcome(reply: bytes, place: int) -> Outcome:
    seen = bits_of(reply[place], 4) >> 1
    data = int.from_bytes(reply[place + 1 : place + 5], "little")
    parity = bits_of(reply[place + 5], 2) & 1
    ack = ACKS.get(seen, Ack.NONE)
    return Outcome(ack, data, ack is not Ack.OK or data.bit_count() & 1 == parity, seen)


def _write_outcome(reply: bytes, place: int) -> Outcome:
    seen = bits_of(reply[place], 5) >> 1 & 0b111
    return Outcome(ACKS.get(seen, Ack.NONE), None, seen=seen)
