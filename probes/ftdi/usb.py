"""The one module that imports pyftdi: an FTDI chip's channel as an MPSSE engine that takes streams and returns replies.

pyftdi opens the channel and makes the settings; its own JTAG engine is not used. What it raises becomes the
error tree here. Nothing in a reply says which command it answers, so after any trouble the channel is reset,
and put in step by an opcode that does not exist and that the chip must name.
"""

from __future__ import annotations

import logging
from typing import Any, Final, Self

from pyftdi.ftdi import Ftdi

from ..errors import HaltpointError, ProbeProtocolError, ProbeTimeoutError
from ..usb import StallError, UsbDevice
from .mpsse import BAD_OPCODE, SEND_IMMEDIATE, Stream

__all__ = ["Channel"]

log = logging.getLogger(__name__)

READ_CHUNK: Final = 16384
"""Bytes of one bulk IN; pyftdi's own choice of one packet would cost a transfer per 510 bytes."""
WRITE_CHUNK: Final = 16384
LATENCY_MS: Final = 16
"""The chip sends what it has after so long; SEND_IMMEDIATE makes it send at the end of a stream at once."""
OPEN_LATENCY_MS: Final = 1  # pyftdi waits for two answers that never come
PATIENCE_MS: Final = 1000
"""A reply may come so much later than its clocks take."""
USB_TIMEOUT_MS: Final = 5000
PAYLOAD: Final = 510
"""Bytes of a high-speed packet behind its two status bytes."""
RESERVE: Final = 64
FIRST_OUT: Final = 0x02
FIRST_IN: Final = 0x81
"""Endpoints of channel A; those of the others are two further on each."""
SYNC_OPCODES: Final = (0xAA, 0xAB)
SYNC_READS: Final = 64

_ADVICE = "Unplug the probe and plug it in again, without a USB hub where possible."


class Channel:
    """One MPSSE engine. Methods raise ProbeError and its kinds."""

    def __init__(self, device: UsbDevice, interface: int) -> None:
        self._device = device
        self._interface = interface
        self._ftdi: Any = Ftdi()
        self._in_step = False
        self._stalled = False
        self._setup = b""
        self.hertz = 1e6
        """TCK as it is set; tells how long replies may take."""

    @classmethod
    def open(cls, device: UsbDevice, interface: int) -> Self:
        """Claim a channel (0 is A), switch it to MPSSE with all pins as inputs, check that it is in step."""
        channel = cls(device, interface)
        try:
            channel._open()
            channel._synchronise()
        except BaseException:
            channel.close()
            raise
        return channel

    def _open(self) -> None:
        ftdi = self._ftdi
        try:
            ftdi.timeouts = USB_TIMEOUT_MS, USB_TIMEOUT_MS
            ftdi.open_mpsse_from_device(self._device.handle, self._interface + 1, latency=OPEN_LATENCY_MS)
            ftdi.set_latency_timer(LATENCY_MS)
            ftdi.read_data_set_chunksize(READ_CHUNK)
            ftdi.write_data_set_chunksize(WRITE_CHUNK)
            _, self._fifo = ftdi.fifo_sizes
        except (OSError, ValueError) as error:
            raise self._device.failure(
                error, f"Opening channel {'ABCD'[self._interface]} of {self._device.name}"
            ) from error

    def close(self) -> None:
        """Make all pins inputs and release the channel. Never raises."""
        try:
            self._ftdi.close()
        except (OSError, ValueError) as error:
            log.debug("! closing: %s", error)
        finally:
            self._device.close()

    def set_up(self, stream: Stream) -> None:
        """Send what makes the pins and the clock as they must be; sent again whenever the channel was reset."""
        self._setup = bytes(stream.data)
        self._keep_step()
        self._guarded(bytes(self._setup), 0, 0)

    # ------------------------------------------------------------------------------------ streams
    def exchange(self, stream: Stream) -> bytes:
        """Send a stream and return all its replies.

        Raises ProbeTimeoutError when some do not come; the next stream then begins on a channel put in step.
        """
        self._keep_step()
        self._in_step = False
        replies = bytearray()
        sent = expected = 0
        for end, due in self._cuts(stream):
            piece = bytes(stream.data[sent:end])
            self._write(piece + bytes((SEND_IMMEDIATE,)))
            # While this piece is at work, the replies of the one before are fetched: at most two are in the FIFO.
            if expected > len(replies):
                replies += self._read(expected - len(replies), stream.clocks)
            sent, expected = end, due
        replies += self._read(expected - len(replies), stream.clocks)
        self._in_step = True
        return bytes(replies)

    def _cuts(self, stream: Stream) -> list[tuple[int, int]]:
        """Where to cut a stream, as (bytes sent, replies due) so far, so that no FIFO can block the other.

        All of it at once if its replies fit the chip's FIFO, else pieces of which two fit.
        """
        room = self._fifo - RESERVE
        if stream.replies <= room and len(stream.data) <= WRITE_CHUNK:
            # A reply of whole packets would not end its transfer before the latency timer does.
            if stream.replies and stream.replies % PAYLOAD == 0:
                stream.read_pins()
            return [(len(stream.data), stream.replies)]
        cuts: list[tuple[int, int]] = []
        start = begun = 0
        last = (0, 0)
        for mark in [*stream.marks, (len(stream.data), stream.replies)]:
            if (mark[1] - begun > room // 2 or mark[0] - start >= WRITE_CHUNK) and last[0] > start:
                cuts.append(last)
                start, begun = last
            last = mark
        return [*cuts, last]

    def _write(self, data: bytes) -> None:
        try:
            self._ftdi.write_data(data)
        except (OSError, ValueError) as error:
            raise self._failure(error, f"Sending {len(data)} bytes to {self._device.name}") from error

    def _read(self, count: int, clocks: int) -> bytes:
        """Read exactly ``count`` bytes; they may take as long as ``clocks`` TCK pulses do, and a second."""
        if not count:
            return b""
        attempts = 1 + int((PATIENCE_MS + 1000 * clocks / self.hertz) / LATENCY_MS)
        data = self._read_some(count, attempts)
        if len(data) < count:
            raise ProbeTimeoutError(
                f"Reading {count} bytes from {self._device.name}",
                f"only {len(data)} of them came",
                f"{_ADVICE} With adaptive clocking or a very slow clock, choose a higher speed.",
            )
        return data

    def _read_some(self, count: int, attempts: int) -> bytes:
        try:
            return bytes(self._ftdi.read_data_bytes(count, attempts))
        except (OSError, ValueError) as error:
            raise self._failure(error, f"Reading {count} bytes from {self._device.name}") from error

    def _failure(self, error: BaseException, attempt: str) -> HaltpointError:
        failure = self._device.failure(error, attempt)
        self._stalled = self._stalled or isinstance(failure, StallError)
        return failure

    def _guarded(self, data: bytes, replies: int, clocks: int) -> bytes:
        self._in_step = False
        self._write(data + bytes((SEND_IMMEDIATE,)))
        answer = self._read(replies, clocks)
        self._in_step = True
        return answer

    # ------------------------------------------------------------------------------------ staying in step
    def _keep_step(self) -> None:
        """After trouble: reset the engine, drop what it still had to say, prove that it is in step, set it up again."""
        if self._in_step:
            return
        ftdi = self._ftdi
        if self._stalled:
            for endpoint in (FIRST_OUT, FIRST_IN):
                self._device.clear_halt(endpoint + 2 * self._interface)
            self._stalled = False
        try:
            ftdi.set_bitmode(0, Ftdi.BitMode.RESET)
            ftdi.purge_buffers()
            ftdi.set_bitmode(0, Ftdi.BitMode.MPSSE)
            ftdi.purge_buffers()
            ftdi.read_data_set_chunksize(READ_CHUNK)  # drops what was read ahead
        except (OSError, ValueError) as error:
            raise self._device.failure(error, f"Resetting {self._device.name}") from error
        self._synchronise()
        if self._setup:
            self._guarded(self._setup, 0, 0)

    def _synchronise(self) -> None:
        """Send opcodes that do not exist; the chip names each, after whatever stale data came before."""
        for opcode in SYNC_OPCODES:
            self._write(bytes((opcode, SEND_IMMEDIATE)))
            seen = b""
            for _ in range(SYNC_READS):
                byte = self._read_some(1, 1 + PATIENCE_MS // LATENCY_MS)
                if not byte:
                    break
                seen += byte
                if seen.endswith(bytes((BAD_OPCODE, opcode))):
                    break
            else:
                seen = seen[:16]
            if not seen.endswith(bytes((BAD_OPCODE, opcode))):
                raise ProbeProtocolError(
                    f"Getting in step with {self._device.name}",
                    f"it answered the opcode 0x{opcode:02X} with '{seen.hex(' ')}' in place of "
                    f"'{BAD_OPCODE:02x} {opcode:02x}'",
                    _ADVICE,
                )
        self._in_step = True
