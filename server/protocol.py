"""The remote serial protocol's framing, as a sans-I/O object.

GDB manual, appendix "Remote Protocol", nodes Overview, Packet Acknowledgment, Interrupts, Binary Data.
Bytes go in by ``receive_data``, typed events come out of ``events_received``; replies go in by
``send_packet``, bytes for the wire come out of ``data_to_send``. There is no stream, no clock and no
event loop in here, and no input raises: a frame that cannot be understood is an event or a ``-``.

The rules this file obeys:

- ``+`` and ``-`` may come at any time between packets, also in no-ack mode; they never do harm.
- 0x03 is an interrupt only between packets; inside one it is data.
- Requests are unescaped but never run-length decoded: a client may send a raw ``*``.
- Everything else between packets is dropped: telnet BREAK (ff f3), line ends, garbage.
- A frame is acknowledged when it has been read, before it is carried out.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

__all__ = ["PACKET_SIZE", "Defect", "Event", "Interrupt", "Malformed", "Protocol", "Request", "encode", "frame"]

PACKET_SIZE = 0x4000
"""Bytes between ``$`` and ``#`` that a client may send, as qSupported tells it."""

UNACKNOWLEDGED_FRAMES = 16
"""Frames kept for a retransmission; a client that never acknowledges costs no more memory than this."""

_ESCAPE = 0x7D
_SPECIAL = re.compile(rb"[#$}*]")
_ESCAPED = re.compile(rb"\}(.)", re.DOTALL)
_RUN = re.compile(rb"(.)\1{3,}", re.DOTALL)
_BETWEEN = re.compile(rb"[$+\-\x03]")
_END_OR_START = re.compile(rb"[#$]")
_HEX = b"0123456789abcdefABCDEF"


class Defect(Enum):
    """Why a frame could not be taken."""

    CHECKSUM = "checksum"
    OVERSIZE = "oversize"
    ESCAPE = "escape"


@dataclass(frozen=True, slots=True)
class Request:
    """A packet whose frame was good; ``data`` is unescaped."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The byte 0x03 between two packets."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A frame the client believes delivered but that cannot be carried out: answer it with an error."""

    defect: Defect


Event: TypeAlias = Request | Interrupt | Malformed


class State(Enum):
    """Where in a frame the next byte belongs."""

    BETWEEN = "between packets"
    BODY = "body"
    CHECKSUM = "checksum"


class Protocol:
    """One connection's framing state; make a new one for each client."""

    def __init__(self, packet_size: int = PACKET_SIZE) -> None:
        # PacketSize counts escaped bytes; one that counts before escaping still fits.
        self._limit = 2 * packet_size
        self._state = State.BETWEEN
        self._input = bytearray()
        self._body = bytearray()
        self._sum = 0
        self._oversize = False
        self._events: list[Event] = []
        self._output = bytearray()
        self._no_ack = False
        self._client_acks = False
        self._last_request: bytes | None = None
        self._unacknowledged: deque[bytes] = deque(maxlen=UNACKNOWLEDGED_FRAMES)
        self._eof = False
        self._readers: dict[State, Callable[[], bool]] = {
            State.BETWEEN: self._read_between,
            State.BODY: self._read_body,
            State.CHECKSUM: self._read_checksum,
        }

    @property
    def no_ack(self) -> bool:
        """True once QStartNoAckMode has been answered."""
        return self._no_ack

    @property
    def closed(self) -> bool:
        """True once the client has said that nothing more will come."""
        return self._eof

    # Receiving

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the wire, in pieces of any size. Never raises."""
        if self._eof:
            return
        self._input += data
        while self._input and self._readers[self._state]():
            pass

    def receive_eof(self) -> None:
        """The client will send nothing more; a frame begun is forgotten."""
        self._eof = True
        self._input.clear()
        self._body.clear()

    def events_received(self) -> list[Event]:
        """What has come since the last call, in order."""
        events, self._events = self._events, []
        return events

    # Each reader consumes input and returns True, or returns False: it needs more bytes.

    def _read_between(self) -> bool:
        found = _BETWEEN.search(self._input)
        if found is None:
            self._input.clear()
            return False
        byte = found.group()
        del self._input[: found.end()]
        if byte == b"$":
            self._begin_frame()
        elif byte == b"\x03":
            self._events.append(Interrupt())
        else:
            self._receive_acknowledgment(good=byte == b"+")
        return True

    def _begin_frame(self) -> None:
        self._body.clear()
        self._sum = 0
        self._oversize = False
        self._state = State.BODY

    def _read_body(self) -> bool:
        found = _END_OR_START.search(self._input)
        end = len(self._input) if found is None else found.start()
        self._append_to_body(self._input[:end])
        if found is None:
            self._input.clear()
            return False
        ended = found.group() == b"#"  # read before the input moves beneath the match
        del self._input[: found.end()]
        if ended:
            self._state = State.CHECKSUM
        else:
            # A raw $ is never data: the frame before it was cut off and is being sent again.
            self._begin_frame()
        return True

    def _append_to_body(self, piece: bytearray) -> None:
        self._sum = (self._sum + sum(piece)) & 0xFF
        if self._oversize or len(self._body) + len(piece) > self._limit:
            self._oversize = True
            self._body.clear()
        else:
            self._body += piece

    def _read_checksum(self) -> bool:
        digits = bytes(self._input[:2])
        bad = next((index for index, byte in enumerate(digits) if byte not in _HEX), None)
        if bad is not None:
            # What stands there instead may be the start of the next frame: leave it where it is.
            del self._input[:bad]
            self._refuse_frame()
        elif len(digits) < 2:
            return False
        else:
            del self._input[:2]
            if int(digits, 16) == self._sum:
                self._accept_frame()
            else:
                self._refuse_frame()
        self._state = State.BETWEEN
        return True

    def _refuse_frame(self) -> None:
        if self._no_ack:
            self._events.append(Malformed(Defect.CHECKSUM))
        else:
            self._output += b"-"

    def _accept_frame(self) -> None:
        if not self._no_ack:
            self._output += b"+"
        body = bytes(self._body)
        self._body.clear()
        if self._oversize:
            self._events.append(Malformed(Defect.OVERSIZE))
        elif _ends_in_escape(body):
            self._events.append(Malformed(Defect.ESCAPE))
        elif self._is_retransmission(body):
            self._output += b"".join(self._unacknowledged)
        else:
            self._last_request = body
            self._unacknowledged.clear()
            self._events.append(Request(_ESCAPED.sub(lambda m: bytes([m[1][0] ^ 0x20]), body)))

    def _is_retransmission(self, body: bytes) -> bool:
        """The same request while its reply is still unacknowledged: the client did not see our ``+``."""
        return self._client_acks and bool(self._unacknowledged) and body == self._last_request

    def _receive_acknowledgment(self, *, good: bool) -> None:
        if self._no_ack:
            return
        if good:
            self._client_acks = True
            if self._unacknowledged:
                self._unacknowledged.popleft()
        elif self._unacknowledged:
            self._output += self._unacknowledged[0]
        # A - with nothing outstanding only says that the client grows impatient. The reply before
        # that one was acknowledged; sending it again would put the client one answer out of step.

    # Sending

    def send_packet(self, data: bytes) -> None:
        """Queue a packet, escaped and run-length encoded."""
        framed = frame(encode(data))
        if not self._no_ack:
            self._unacknowledged.append(framed)
        self._output += framed

    def send_notification(self, data: bytes) -> None:
        """Queue ``%data#cs``; it is not acknowledged and not sent again (manual, node Notification Packets)."""
        self._output += b"%" + frame(encode(data))[1:]

    def send_console(self, text: str) -> None:
        """Queue an O packet: text for the client's console. Legal only while it awaits a stop or qRcmd's end."""
        self.send_packet(b"O" + text.encode("utf-8", "replace").hex().encode())

    def start_no_ack_mode(self) -> None:
        """From here on neither side acknowledges; called after the OK has been queued."""
        self._no_ack = True
        self._unacknowledged.clear()

    def data_to_send(self) -> bytes:
        """Bytes for the wire, in order; they are handed out once."""
        data = bytes(self._output)
        self._output.clear()
        return data


def _ends_in_escape(body: bytes) -> bool:
    """True when the last byte is a ``}`` that escapes nothing."""
    index = 0
    while (index := body.find(b"}", index)) >= 0:
        if index == len(body) - 1:
            return True
        index += 2
    return False


def encode(data: bytes) -> bytes:
    """Escape ``# $ } *`` and shorten runs, as replies may (GDB manual, node Overview)."""
    escaped = _SPECIAL.sub(lambda m: bytes([_ESCAPE, m[0][0] ^ 0x20]), data)
    return _RUN.sub(lambda m: _shorten(m[1], len(m[0])), escaped)


def _shorten(byte: bytes, length: int) -> bytes:
    """``length`` times ``byte`` as groups of byte, ``*``, count of further copies + 29."""
    out = bytearray()
    while length:
        copies = min(length - 1, ord("~") - 29)
        if copies in (ord("#") - 29, ord("$") - 29):
            copies = ord("#") - 30
        if copies < 3:
            out += byte * length
            break
        out += byte + b"*" + bytes([copies + 29])
        length -= copies + 1
    return bytes(out)


def frame(encoded: bytes) -> bytes:
    """``$``, the encoded data, ``#`` and two lower-case checksum digits."""
    return b"$%b#%02x" % (encoded, sum(encoded) & 0xFF)
