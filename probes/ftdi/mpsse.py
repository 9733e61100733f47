"""MPSSE command bytes (FTDI AN_108), built by pure functions and methods; nothing here knows USB.

All data is shifted least significant bit first, driven on the falling edge of TCK and sampled on the rising
one, or on the falling one for adapters that want that. A ``Stream`` also keeps count of the bytes that the
commands in it will answer with.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BAD_OPCODE", "HIGH_SPEED_CLOCK", "SEND_IMMEDIATE", "Stream", "bits_of", "divisor_for", "frequency_of"]

# AN_108 section 3.3 to 3.5: clock data in, out, both; bit 0 out on falling edges, bit 2 in on falling edges.
BYTES_OUT: Final = 0x19
BITS_OUT: Final = 0x1B
BYTES_IN: Final = 0x28
BITS_IN: Final = 0x2A
BYTES_BOTH: Final = 0x39
BITS_BOTH: Final = 0x3B
TMS_OUT: Final = 0x4B
TMS_BOTH: Final = 0x6B
SAMPLE_FALLING: Final = 0x04
# Sections 3.6 to 3.8.
SET_LOW: Final = 0x80
GET_LOW: Final = 0x81
SET_HIGH: Final = 0x82
LOOPBACK_ON: Final = 0x84
LOOPBACK_OFF: Final = 0x85
SET_DIVISOR: Final = 0x86
SEND_IMMEDIATE: Final = 0x87
DIVIDE_BY_5_OFF: Final = 0x8A
THREE_PHASE_OFF: Final = 0x8D
ADAPTIVE_OFF: Final = 0x97
BAD_OPCODE: Final = 0xFA
"""What the chip answers to an opcode it does not know, followed by that opcode (AN_108 section 3.1)."""

HIGH_SPEED_CLOCK: Final = 30_000_000
"""Hz at divisor 0 of FT2232H, FT4232H and FT232H."""

LONGEST_DIVISOR: Final = 0xFFFF
LONGEST_BYTES: Final = 0x10000
LONGEST_TMS: Final = 6
"""A TMS command could clock 7 bits, but FT2232 chips are said to get exactly 7 wrong."""


def divisor_for(hertz: int) -> int:
    """The divisor of the fastest clock not above ``hertz``, else of the slowest there is."""
    return min(max(-(-HIGH_SPEED_CLOCK // hertz) - 1, 0), LONGEST_DIVISOR)


def frequency_of(divisor: int) -> float:
    """Clock in Hz."""
    return HIGH_SPEED_CLOCK / (divisor + 1)


def bits_of(byte: int, count: int) -> int:
    """The value of ``count`` bits that were read: they arrive at the top of the byte, first bit lowest."""
    return byte >> (8 - count)


class Stream:
    """Commands in order. ``data`` is what is sent, ``replies`` how many bytes come back, ``clocks`` TCK pulses.

    Methods that read return the offset of their reply. ``mark`` sets a place where the stream may be cut.
    """

    __slots__ = ("clocks", "data", "marks", "replies", "sampling")

    def __init__(self, *, sample_falling: bool = False) -> None:
        self.data = bytearray()
        self.replies = 0
        self.clocks = 0
        self.marks: list[tuple[int, int]] = []
        self.sampling = SAMPLE_FALLING if sample_falling else 0

    def mark(self) -> None:
        """The stream may be cut here."""
        self.marks.append((len(self.data), self.replies))

    def _reply(self, length: int) -> int:
        offset = self.replies
        self.replies += length
        return offset

    # ------------------------------------------------------------------------------------ data
    def bits_out(self, value: int, count: int) -> None:
        """Clock out 1 to 8 bits."""
        self.data += bytes((BITS_OUT, count - 1, value))
        self.clocks += count

    def bits_in(self, count: int) -> int:
        """Clock in 1 to 8 bits; TDI keeps its level."""
        self.data += bytes((BITS_IN | self.sampling, count - 1))
        self.clocks += count
        return self._reply(1)

    def bits_both(self, value: int, count: int) -> int:
        """Clock 1 to 8 bits out and in."""
        self.data += bytes((BITS_BOTH | self.sampling, count - 1, value))
        self.clocks += count
        return self._reply(1)

    def bytes_out(self, data: bytes) -> None:
        """Clock out 1 to 65536 bytes."""
        self.data += bytes((BYTES_OUT, len(data) - 1 & 0xFF, len(data) - 1 >> 8)) + data
        self.clocks += 8 * len(data)

    def bytes_in(self, count: int) -> int:
        """Clock in 1 to 65536 bytes; TDI keeps its level."""
        self.data += bytes((BYTES_IN | self.sampling, count - 1 & 0xFF, count - 1 >> 8))
        self.clocks += 8 * count
        return self._reply(count)

    def bytes_both(self, data: bytes) -> int:
        """Clock 1 to 65536 bytes out and in."""
        self.data += bytes((BYTES_BOTH | self.sampling, len(data) - 1 & 0xFF, len(data) - 1 >> 8)) + data
        self.clocks += 8 * len(data)
        return self._reply(len(data))

    def out(self, value: int, count: int) -> None:
        """Clock out any number of bits."""
        whole, rest = divmod(count, 8)
        if whole:
            self.bytes_out((value & (1 << 8 * whole) - 1).to_bytes(whole, "little"))
        if rest:
            self.bits_out(value >> 8 * whole & 0xFF, rest)

    def idle(self, count: int) -> None:
        """Clock ``count`` times with TDI low (SWD: idle cycles; JTAG: TMS keeps its level)."""
        if count:
            self.out(0, count)

    # ------------------------------------------------------------------------------------ TMS
    def tms(self, value: int, count: int, tdi: int = 0) -> None:
        """Clock any number of TMS bits while TDI keeps the level ``tdi``."""
        while count > 0:
            length = min(count, LONGEST_TMS)
            self.data += bytes((TMS_OUT, length - 1, tdi << 7 | value & (1 << length) - 1))
            self.clocks += length
            value, count = value >> length, count - length

    def tms_both(self, value: int, count: int, tdi: int = 0) -> int:
        """Clock 1 to 6 TMS bits and read TDO at each."""
        self.data += bytes((TMS_BOTH | self.sampling, count - 1, tdi << 7 | value))
        self.clocks += count
        return self._reply(1)

    # ------------------------------------------------------------------------------------ settings
    def pins(self, value: int, direction: int) -> None:
        """Set ADBUS (low byte) and ACBUS (high byte); a 1 in ``direction`` is an output."""
        self.data += bytes((SET_LOW, value & 0xFF, direction & 0xFF, SET_HIGH, value >> 8, direction >> 8))

    def low_pins(self, value: int, direction: int) -> None:
        """Set ADBUS alone."""
        self.data += bytes((SET_LOW, value & 0xFF, direction & 0xFF))

    def high_pins(self, value: int, direction: int) -> None:
        """Set ACBUS alone."""
        self.data += bytes((SET_HIGH, value >> 8, direction >> 8))

    def read_pins(self) -> int:
        """Read ADBUS."""
        self.data.append(GET_LOW)
        return self._reply(1)

    def clock(self, divisor: int) -> None:
        """Set TCK to 30 MHz / (divisor + 1)."""
        self.data += bytes((DIVIDE_BY_5_OFF, SET_DIVISOR, divisor & 0xFF, divisor >> 8))

    def plain(self) -> None:
        """No loopback, no adaptive clocking, no three-phase clocking."""
        self.data += bytes((LOOPBACK_OFF, ADAPTIVE_OFF, THREE_PHASE_OFF))

    def loopback(self, *, on: bool) -> None:
        """Connect TDI to TDO inside the chip."""
        self.data.append(LOOPBACK_ON if on else LOOPBACK_OFF)
