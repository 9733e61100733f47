"""A plain host for simulated FTDI probes: MPSSE bytes by hand through the real pyftdi, one access at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import usb.core
from pyftdi.ftdi import Ftdi

from haltpoint.sim.board import Board, open_board

OK, WAIT, FAULT = 0b001, 0b010, 0b100
JTAG_OK, JTAG_WAIT = 0b010, 0b001
ABORT, DPACC, APACC, IDCODE = 0b1000, 0b1010, 0b1011, 0b1110
CTRL_STAT, SELECT, RDBUFF = 4, 8, 12
CSW, TAR, DRW = 0, 4, 12
WORDS = 0x2300_0012
POWER_UP = 0x5000_0000


def open_probe(board: Board, *, interface: int = 1, hz: float = 1e6, initial: int = 0x08) -> Any:
    """The board's probe, opened and set up by pyftdi."""
    device = usb.core.find(backend=board.backend)
    assert device is not None
    ftdi = Ftdi()
    ftdi.open_mpsse_from_device(device, interface=interface, direction=0x0B, initial=initial, frequency=hz, latency=2)
    ftdi.read_data_set_chunksize(16384)
    return ftdi


class Mpsse:
    """Bytes out, bits back."""

    def __init__(self, ftdi: Any) -> None:
        self.ftdi = ftdi
        self._out = bytearray()
        self._parts: list[int] = []

    def raw(self, data: bytes, reply: int = 0) -> bytes:
        """Send bytes and read the reply."""
        self.ftdi.write_data(data + b"\x87")
        return bytes(self.ftdi.read_data_bytes(reply, 8)) if reply else b""

    def tms(self, n: int, tms: int, tdi: int = 0, *, read: bool = False) -> None:
        """Add clocks with TMS bits."""
        while n:
            take = min(n, 6)
            self._out += bytes([0x6B if read else 0x4B, take - 1, tms & (1 << take) - 1 | tdi << 7])
            if read:
                self._parts.append(-take)
            n, tms = n - take, tms >> take

    def data(self, n: int, bits: int, *, read: bool = False, write: bool = True) -> None:
        """Add clocks with TDI bits, whole bytes first."""
        base = 0x08 | (0x11 if write else 0) | (0x20 if read else 0)
        whole, rest = divmod(n, 8)
        if whole:
            self._out += bytes([base]) + (whole - 1).to_bytes(2, "little")
            if write:
                self._out += (bits & (1 << 8 * whole) - 1).to_bytes(whole, "little")
            if read:
                self._parts.append(8 * whole)
        if rest:
            self._out += bytes([base | 2, rest - 1])
            if write:
                self._out.append(bits >> 8 * whole & 0xFF)
            if read:
                self._parts.append(-rest)

    def pins(self, value: int, direction: int) -> None:
        """Set ADBUS."""
        self._out += bytes([0x80, value, direction])

    def flush(self) -> int:
        """Carry it all out; the bits that were read, first bit lowest."""
        out, self._out = bytes(self._out), bytearray()
        parts, self._parts = self._parts, []
        expected = sum(1 if part < 0 else part // 8 for part in parts)
        reply = self.raw(out, expected)
        assert len(reply) == expected, f"{len(reply)} of {expected} bytes came back"
        value = shift = at = 0
        for part in parts:
            if part < 0:
                value |= (reply[at] >> 8 + part) << shift
                at, shift = at + 1, shift - part
            else:
                value |= int.from_bytes(reply[at : at + part // 8], "little") << shift
                at, shift = at + part // 8, shift + part
        return value


@dataclass
class Scan:
    """What a DPACC or APACC scan captured: it belongs to the access before."""

    ack: int
    data: int


class JtagHost:
    """DP and AP accesses over an STM32's two TAPs; ``idle`` clocks follow every scan."""

    def __init__(self, board: Board | str, *, hz: float = 1e6, idle: int = 8) -> None:
        self.board = open_board(board) if isinstance(board, str) else board
        self.mpsse = Mpsse(open_probe(self.board, hz=hz))
        self.idle = idle
        self._instruction: int | None = None
        self.captured_ir = 0

    def reset(self) -> None:
        """Test-Logic-Reset, then Run-Test/Idle."""
        self.mpsse.tms(6, 0b011111)
        self._instruction = None

    def ids(self) -> tuple[int, int]:
        """Both identities, as a chain scan reads them."""
        self.reset()
        value = self._scan_dr(64, 0)
        return value & 0xFFFF_FFFF, value >> 32

    def _scan(self, enter: int, clocks: int, n: int, bits: int) -> int:
        mpsse = self.mpsse
        mpsse.tms(clocks, enter)
        mpsse.data(n - 1, bits, read=True)
        mpsse.tms(1, 1, bits >> n - 1 & 1, read=True)
        mpsse.tms(1, 1)
        if self.idle:
            mpsse.tms(1, 0)
            if self.idle > 1:
                mpsse.data(self.idle - 1, 0)
        return mpsse.flush()

    def _scan_dr(self, n: int, bits: int) -> int:
        """Scan DR; without idle clocks the scan before ended in Update-DR, whose way to Shift-DR is one shorter."""
        return self._scan(0b001, 3, n, bits)

    def ir(self, instruction: int) -> None:
        """Select a register of the JTAG-DP; the other TAP is in BYPASS."""
        if instruction != self._instruction:
            self.captured_ir = self._scan(0b0011, 4, 9, instruction | 0x1F0)
            self._instruction = instruction

    def access(self, instruction: int, address: int, value: int | None = None) -> Scan:
        """One scan of DPACC or APACC; ``value`` None reads."""
        self.ir(instruction)
        bits = (value or 0) << 3 | address >> 1 & 6 | (value is None)
        captured = self._scan_dr(36, bits)
        return Scan(captured & 7, captured >> 3 & 0xFFFF_FFFF)

    def abort(self, value: int) -> None:
        """Write ABORT."""
        self.access(ABORT, 0, value)

    def dp_read(self, address: int) -> int:
        """Read a DP register; the value comes with the next scan."""
        self.access(DPACC, address)
        scan = self.access(DPACC, RDBUFF)
        assert scan.ack == JTAG_OK, f"acknowledge {scan.ack:03b}"
        return scan.data

    def dp_write(self, address: int, value: int) -> None:
        """Write a DP register."""
        self.access(DPACC, address, value)

    def connect(self, settings: int = 0) -> None:
        """Reset the TAPs, power up the debug domain, clear the sticky flags."""
        self.reset()
        self.dp_write(CTRL_STAT, POWER_UP | 0x32 | settings)
        self.dp_write(SELECT, 0)

    def ap_write(self, address: int, value: int) -> None:
        """Write a register of bank 0."""
        self.access(APACC, address, value)

    def ap_read(self, address: int) -> int:
        """Read a register of bank 0."""
        self.access(APACC, address)
        return self.access(DPACC, RDBUFF).data


class SwdHost:
    """Packets over SWD with the resistor; ``idle`` clocks follow every packet."""

    def __init__(self, board: Board | str, *, hz: float = 1e6, idle: int = 8) -> None:
        self.board = open_board(board) if isinstance(board, str) else board
        self.mpsse = Mpsse(open_probe(self.board, hz=hz, initial=0))
        self.idle = idle
        self.turnaround = 1
        self.always_data = False
        self.float_for_reads = False

    def line_reset(self, ones: int = 56, zeros: int = 8) -> None:
        """A line reset."""
        self.mpsse.data(ones, (1 << ones) - 1)
        self.mpsse.data(zeros, 0)

    def switch(self, sequence: int = 0xE79E, bits: int = 16) -> None:
        """Line reset, a switching sequence, line reset."""
        self.mpsse.data(56, (1 << 56) - 1)
        self.mpsse.data(bits, sequence)
        self.line_reset()

    @staticmethod
    def request(ap: int, read: int, address: int) -> int:
        """The eight bits of a request."""
        fields = ap | read << 1 | address & 0xC
        return 0x81 | fields << 1 | (fields.bit_count() & 1) << 5

    def read(self, ap: int, address: int) -> tuple[int, int | None]:
        """A read packet: acknowledge, and the word if it came with it. AssertionError when its parity is wrong."""
        mpsse = self.mpsse
        mpsse.data(8, self.request(ap, 1, address))
        if self.float_for_reads:
            mpsse.pins(0, 0b1001)
        mpsse.data(self.turnaround + 3, 0, read=True, write=False)
        if self.float_for_reads:
            mpsse.pins(0, 0b1011)
        if self.always_data:
            mpsse.data(33 + self.turnaround, 0, read=True, write=False)
            mpsse.data(self.idle, 0)
            value = mpsse.flush() >> self.turnaround
            return value & 7, self._word(value >> 3) if value & 7 == OK else None
        ack = mpsse.flush() >> self.turnaround
        if ack != OK:
            mpsse.data(self.turnaround, 0)
            mpsse.data(self.idle, 0)
            mpsse.flush()
            return ack, None
        mpsse.data(33, 0, read=True, write=False)
        mpsse.data(self.turnaround, 0)
        mpsse.data(self.idle, 0)
        return ack, self._word(mpsse.flush())

    @staticmethod
    def _word(bits: int) -> int:
        assert (bits & 0x1_FFFF_FFFF).bit_count() & 1 == 0, "parity error"
        return bits & 0xFFFF_FFFF

    def write(self, ap: int, address: int, value: int, *, bad_parity: bool = False) -> int:
        """A write packet; its acknowledge."""
        mpsse = self.mpsse
        mpsse.data(8, self.request(ap, 0, address))
        mpsse.data(self.turnaround + 3, 0, read=True, write=False)
        mpsse.data(self.turnaround, 0)
        data = value | (value.bit_count() & 1 ^ bad_parity) << 32
        if self.always_data:
            mpsse.data(33, data)
            mpsse.data(self.idle, 0)
            return mpsse.flush() >> self.turnaround
        ack = mpsse.flush() >> self.turnaround
        if ack == OK:
            mpsse.data(33, data)
        mpsse.data(self.idle, 0)
        mpsse.flush()
        return ack

    def connect(self, settings: int = 0) -> int:
        """Switch to SWD, read DPIDR, power up; DPIDR."""
        self.switch()
        ack, dpidr = self.read(0, 0)
        assert ack == OK
        assert dpidr is not None
        assert self.write(0, 0, 0x1E) == OK
        assert self.write(0, SELECT, 0) == OK
        assert self.write(0, CTRL_STAT, POWER_UP | settings) == OK
        return dpidr

    def dp_read(self, address: int) -> int:
        """Read a DP register."""
        ack, value = self.read(0, address)
        assert ack == OK, f"acknowledge {ack:03b}"
        assert value is not None
        return value

    def dp_write(self, address: int, value: int) -> None:
        """Write a DP register."""
        ack = self.write(0, address, value)
        assert ack == OK, f"acknowledge {ack:03b}"

    def ap_write(self, address: int, value: int) -> None:
        """Write a register of bank 0."""
        ack = self.write(1, address, value)
        assert ack == OK, f"acknowledge {ack:03b}"

    def ap_read(self, address: int) -> int:
        """Read a register of bank 0."""
        ack, _ = self.read(1, address)
        assert ack == OK, f"acknowledge {ack:03b}"
        return self.dp_read(RDBUFF)
