"""A JTAG-DP in a chain: scans that all keep their acknowledge (IHI0031F B3).

Every scan ends in Run-Test/Idle and stays there for some clocks: the access port moves with TCK only, and a
scan that begins too early is answered with WAIT. The instruction is remembered and shifted only when it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from ..debug_port import CTRL_STAT, RDBUFF, Transaction
from ..errors import NoTargetError
from .chain import IDENTIFY_BITS, IDENTIFY_STREAM, IR_BITS, IR_STREAM, Tap, ir_lengths, taps_of
from .mpsse import Stream, bits_of
from .sequences import DORMANT_TO_JTAG, SWD_TO_JTAG
from .tap import TapState, path
from .wire import FLAGS, Ack, Entry, Outcome

__all__ = ["Jtag", "Lines"]

# IHI0031F B3.3.1.
IR_ABORT: Final = 0b1000
IR_DPACC: Final = 0b1010
IR_APACC: Final = 0b1011
DAPABORT: Final = 1
ACKS: Final = {0b010: Ack.OK, 0b100: Ack.OK, 0b001: Ack.WAIT}  # B3.4.3; ADIv6 has 100 for OK

CAPTURE_REACH: Final = 8
"""After a read, so many scans capture all bits: the first that is not told to wait brings its value."""

FIRST_IDLE: Final = 3
IDLE_BY_TMS: Final = 3

_TO_SHIFT_DR = path(TapState.RUN_TEST_IDLE, TapState.SHIFT_DR)
_TO_SHIFT_IR = path(TapState.RUN_TEST_IDLE, TapState.SHIFT_IR)
_LEAVE_SHIFT = (0b011, 3)  # with the last bit to Exit1, then Update, then Run-Test/Idle
_RESET_AND_IDLE = (0b0111_1111, 8)

_NO_DEBUG_PORT = (
    "Its debug port may be switched to SWD only (STM32F0, G0, L0, C0 have no JTAG), or its firmware uses the "
    "JTAG pins: connect under reset, or use SWD."
)


class Lines(Protocol):
    """Where streams go; raises ProbeError."""

    def new_stream(self) -> Stream:
        """An empty stream that samples at the adapter's edge."""
        ...

    def exchange(self, stream: Stream) -> bytes:
        """Send it and return all its replies."""
        ...


class Jtag:
    """The JTAG-DP of a chain. See Wire."""

    name = "JTAG"
    refuses_at_once = False
    has_abort_bits = False

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.idle = FIRST_IDLE
        self.taps: list[Tap] = []
        self._instruction: int | None = None
        self._position = 0

    # ------------------------------------------------------------------------------------ the chain
    def enter(self) -> int:
        """See Wire: leave SWD or the dormant state, reset the TAPs, scan the chain, find the debug port.

        Raises NoTargetError (nobody there, or no debug port among them), LinkError (damaged bits).
        """
        try:
            self._scan_chain(SWD_TO_JTAG)
        except NoTargetError:
            self._scan_chain(DORMANT_TO_JTAG)
        for position, tap in enumerate(self.taps):
            if tap.is_debug_port and tap.idcode is not None:
                self._position = position
                return tap.idcode
        found = ", ".join(map(str, self.taps)) or "none"
        seen = f"there is no Arm debug port in the chain (found: {found})"
        raise NoTargetError("Connecting by JTAG", seen, _NO_DEBUG_PORT)

    def _scan_chain(self, switch: tuple[int, int]) -> None:
        attempt = "Scanning the JTAG chain"
        stream = self._lines.new_stream()
        stream.tms(*switch)
        stream.tms(*_RESET_AND_IDLE)
        identity = self._shift(stream, _TO_SHIFT_DR, IDENTIFY_STREAM, IDENTIFY_BITS)
        stream.tms(*_RESET_AND_IDLE)
        instruction = self._shift(stream, _TO_SHIFT_IR, IR_STREAM, IR_BITS)
        reply = self._lines.exchange(stream)
        self._instruction = None
        self.taps = taps_of(_joined(reply, identity, IDENTIFY_BITS), attempt)
        self.taps = ir_lengths(self.taps, _joined(reply, instruction, IR_BITS), attempt)

    def _shift(self, stream: Stream, way: tuple[int, int], value: int, count: int) -> list[int]:
        """Shift ``count`` bits from Run-Test/Idle and back, capturing all; where the reply bytes are."""
        stream.tms(*way)
        whole, rest = divmod(count - 1, 8)
        places: list[int] = []
        if whole:
            first = stream.bytes_both((value & (1 << 8 * whole) - 1).to_bytes(whole, "little"))
            places += range(first, first + whole)
        if rest:
            places.append(stream.bits_both(value >> 8 * whole & 0xFF, rest))
        places.append(stream.tms_both(*_LEAVE_SHIFT, tdi=value >> count - 1 & 1))
        return places

    # ------------------------------------------------------------------------------------ scans
    def journal(self, batch: Sequence[Transaction], start: int) -> list[Entry]:
        """See Wire: what a scan captures is the result of the one before it."""
        entries = []
        pending: int | None = None
        for position, transaction in enumerate(batch, start):
            entries.append(Entry(transaction, position, pending))
            pending = position if transaction.read else None
        collect = Transaction(ap=False, read=True, address=RDBUFF)
        entries += [
            Entry(collect, None, pending),
            Entry(Transaction(ap=False, read=True, address=CTRL_STAT), None, None),
            Entry(collect, None, FLAGS),
        ]
        return entries

    def exchange(self, entries: Sequence[Entry]) -> list[Outcome]:
        """See Wire."""
        stream = self._lines.new_stream()
        places: list[tuple[int, bool]] = []
        since_read = CAPTURE_REACH
        for entry in entries:
            transaction = entry.transaction
            self._select(stream, IR_APACC if transaction.ap else IR_DPACC)
            since_read += 1
            if entry.delivers is not None:
                since_read = 0
            capture = transaction.read or since_read < CAPTURE_REACH
            head = transaction.address >> 1 & 0b110 | transaction.read
            places.append((self._scan(stream, head, transaction.value, capture=capture), capture))
            stream.mark()
        # A cut stream leaves the TAPs in between: the instruction is known again once all went well.
        instruction, self._instruction = self._instruction, None
        reply = self._lines.exchange(stream)
        self._instruction = instruction
        post = len(self.taps) - 1 - self._position
        return [self._outcome(reply, place, captured=captured, last=post == 0) for place, captured in places]

    def _select(self, stream: Stream, instruction: int) -> None:
        """Shift an instruction into the debug port and BYPASS into all others."""
        if instruction == self._instruction:
            return
        before = sum(tap.ir_length for tap in self.taps[: self._position])
        total = sum(tap.ir_length for tap in self.taps)
        length = self.taps[self._position].ir_length
        value = (1 << total) - 1 & ~((1 << length) - 1 << before) | instruction << before
        stream.tms(*_TO_SHIFT_IR)
        stream.out(value, total - 1)
        stream.tms(*_LEAVE_SHIFT, tdi=value >> total - 1)
        self._instruction = instruction

    def _scan(self, stream: Stream, head: int, value: int, *, capture: bool) -> int:
        """One 35-bit scan and its idle clocks; where its reply begins."""
        stream.tms(*_TO_SHIFT_DR)
        if self._position:
            stream.out((1 << self._position) - 1, self._position)
        place = stream.bits_both(head, 3)
        leave, clocks = _LEAVE_SHIFT[0], _LEAVE_SHIFT[1] + min(self.idle, IDLE_BY_TMS)
        post = len(self.taps) - 1 - self._position
        if post:
            data = value.to_bytes(4, "little")
            if capture:
                stream.bytes_both(data)
            else:
                stream.bytes_out(data)
            stream.idle(post - 1)
            stream.tms(leave, clocks)
        else:
            # The last bit of the debug port goes with the clock that leaves Shift-DR.
            stream.bytes_both((value & 0xFF_FFFF).to_bytes(3, "little"))
            stream.bits_both(value >> 24 & 0x7F, 7)
            stream.tms_both(leave, clocks, tdi=value >> 31)
        stream.idle(max(self.idle - IDLE_BY_TMS, 0))
        return place

    def _outcome(self, reply: bytes, place: int, *, captured: bool, last: bool) -> Outcome:
        seen = reply[place] >> 5
        data: int | None = None
        if last:
            low = int.from_bytes(reply[place + 1 : place + 4], "little")
            clocks = _LEAVE_SHIFT[1] + min(self.idle, IDLE_BY_TMS)
            top = bits_of(reply[place + 5], clocks) & 1
            data = low | bits_of(reply[place + 4], 7) << 24 | top << 31
        elif captured:
            data = int.from_bytes(reply[place + 1 : place + 5], "little")
        return Outcome(ACKS.get(seen, Ack.NONE), data, seen=seen)

    def abort(self) -> None:
        """See Wire. DAPABORT is the only thing a JTAG-DPv0 knows in ABORT (B2.2.1)."""
        stream = self._lines.new_stream()
        self._select(stream, IR_ABORT)
        self._scan(stream, 0, DAPABORT, capture=False)
        self._lines.exchange(stream)


def _joined(reply: bytes, places: list[int], count: int) -> int:
    """The value of ``count`` bits that ``_shift`` captured."""
    *whole, last = places
    value = position = 0
    for place in whole[: (count - 1) // 8]:
        value |= reply[place] << position
        position += 8
    if rest := (count - 1) % 8:
        value |= bits_of(reply[whole[-1]], rest) << position
        position += rest
    return value | (bits_of(reply[last], _LEAVE_SHIFT[1]) & 1) << position
