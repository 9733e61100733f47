"""The USB/IP protocol 1.1.1 as data: bytes in, requests out; replies to bytes. No I/O, no clock.

Layout after the Linux kernel's Documentation/usb/usbip_protocol.rst. All numbers are big-endian, a setup packet is
as on the bus. A connection begins with operations (device list, import); a successful import turns it into a stream
of transfers, see :meth:`Decoder.carry_transfers`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = [
    "MAX_TRANSFER",
    "VERSION",
    "Decoder",
    "DeviceRecord",
    "Import",
    "ListDevices",
    "Malformed",
    "OpStatus",
    "Request",
    "Submit",
    "Unlink",
    "device_list",
    "import_reply",
    "submit_reply",
    "unlink_reply",
]

VERSION = 0x0111

MAX_TRANSFER = 1 << 24
"""Bytes of a transfer. Linux lends user programs 16 MiB for all their transfers, so none is longer."""

OP_REQUEST = 0x8000
OP_IMPORT, OP_DEVLIST = 0x0003, 0x0005
CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4

OP_HEADER = struct.Struct(">HHI")  # version, code, status
BUSID = 32
DEVICE = struct.Struct(">256s32sIII HHH BBBBBB")
INTERFACE = struct.Struct(">BBBx")
BASIC = struct.Struct(">IIIII")  # command, seqnum, devid, direction, endpoint
SUBMIT = struct.Struct(">IiIII8s")  # flags, length, start frame, packets, interval, setup
RETURN = struct.Struct(">IIIII iiIIi 8x")
UNLINK_RETURN = struct.Struct(">IIIII i 24x")
URB = 48  # bytes of every transfer's header

SHORT_NOT_OK = 1  # transfer flag
DIRECTION_IN = 1
HIGHEST_ENDPOINT = 15


class OpStatus:
    """Status of an operation's reply."""

    OK = 0
    BUSY = 1
    NO_DEVICE = 4


@dataclass(frozen=True)
class ListDevices:
    """OP_REQ_DEVLIST."""


@dataclass(frozen=True)
class Import:
    """OP_REQ_IMPORT: the client wants the device ``busid``."""

    busid: str


@dataclass(frozen=True)
class Submit:
    """CMD_SUBMIT. ``endpoint`` is an address (bit 7: IN); ``length`` is the room for IN, ``data`` what goes out.

    ``exact``: a transfer IN that ends early is an error (Linux's URB_SHORT_NOT_OK).
    """

    seqnum: int
    devid: int
    endpoint: int
    length: int
    setup: bytes
    data: bytes
    exact: bool = False


@dataclass(frozen=True)
class Unlink:
    """CMD_UNLINK: give up the transfer ``victim``."""

    seqnum: int
    devid: int
    victim: int


@dataclass(frozen=True)
class Malformed:
    """Something that is not USB/IP; the stream cannot be followed any further. ``problem`` is a sentence."""

    problem: str


Request = ListDevices | Import | Submit | Unlink | Malformed


class Decoder:
    """Cuts a client's bytes into requests.

    ``feed`` takes bytes as they come, ``next`` gives one request or None while it is incomplete. Nothing is raised
    for bad input: the last request is then a Malformed, again at each call.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._next: Callable[[], Request | None] = self._operation
        self._broken: Malformed | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._broken is None:
            self._bytes += data

    def next(self) -> Request | None:
        """Return the next request, or None until more bytes are there."""
        if self._broken is None:
            request = self._next()
            if not isinstance(request, Malformed):
                return request
            self._broken = request
            self._bytes.clear()
        return self._broken

    def carry_transfers(self) -> None:
        """Expect transfers from now on: the import succeeded."""
        self._next = self._transfer

    def _operation(self) -> Request | None:
        if len(self._bytes) < OP_HEADER.size:
            return None
        version, code, _status = OP_HEADER.unpack_from(self._bytes)
        if version != VERSION:
            return Malformed(f"The client speaks version 0x{version:04X} of USB/IP instead of 0x{VERSION:04X}.")
        if code == OP_REQUEST | OP_DEVLIST:
            del self._bytes[: OP_HEADER.size]
            return ListDevices()
        if code != OP_REQUEST | OP_IMPORT:
            return Malformed(f"0x{code:04X} is not an operation of USB/IP.")
        if len(self._bytes) < OP_HEADER.size + BUSID:
            return None
        busid = bytes(self._bytes[OP_HEADER.size : OP_HEADER.size + BUSID])
        del self._bytes[: OP_HEADER.size + BUSID]
        return Import(busid.split(b"\0", 1)[0].decode("ascii", "backslashreplace"))

    def _transfer(self) -> Request | None:
        if len(self._bytes) < URB:
            return None
        command, seqnum, devid, direction, endpoint = BASIC.unpack_from(self._bytes)
        if command == CMD_UNLINK:
            victim = int.from_bytes(self._bytes[BASIC.size : BASIC.size + 4], "big")
            del self._bytes[:URB]
            return Unlink(seqnum, devid, victim)
        if command != CMD_SUBMIT:
            return Malformed(f"0x{command:08X} is not a command of USB/IP.")
        if direction > DIRECTION_IN or endpoint > HIGHEST_ENDPOINT:
            return Malformed(f"There is no endpoint {endpoint} in direction {direction}.")
        return self._submit(seqnum, devid, direction << 7 | endpoint)

    def _submit(self, seqnum: int, devid: int, endpoint: int) -> Request | None:
        # The number of packets matters to isochronous transfers only, and clients disagree about it: 0 or 0xFFFFFFFF.
        flags, length, _start, _packets, _interval, setup = SUBMIT.unpack_from(self._bytes, BASIC.size)
        if not 0 <= length <= MAX_TRANSFER:
            return Malformed(f"A transfer of {length} bytes is out of bounds: 0 to {MAX_TRANSFER} are possible.")
        out = 0 if endpoint & 0x80 else length
        if len(self._bytes) < URB + out:
            return None
        data = bytes(self._bytes[URB : URB + out])
        del self._bytes[: URB + out]
        return Submit(seqnum, devid, endpoint, length, setup, data, exact=bool(flags & SHORT_NOT_OK))


# --- replies


@dataclass(frozen=True)
class DeviceRecord:
    """What the device list says about a device. ``speed``: 2 full, 3 high; ``code``: class, subclass, protocol."""

    path: str
    busid: str
    busnum: int
    devnum: int
    speed: int
    vendor: int
    product: int
    version: int
    code: tuple[int, int, int]
    configuration: int
    interfaces: tuple[tuple[int, int, int], ...]

    def encode(self) -> bytes:
        """Return the 312 bytes that the list and an import's reply share."""
        return DEVICE.pack(
            self.path.encode(),
            self.busid.encode(),
            self.busnum,
            self.devnum,
            self.speed,
            self.vendor,
            self.product,
            self.version,
            *self.code,
            self.configuration,
            1,
            len(self.interfaces),
        )


def device_list(devices: Sequence[DeviceRecord]) -> bytes:
    """OP_REP_DEVLIST."""
    reply = bytearray(OP_HEADER.pack(VERSION, OP_DEVLIST, OpStatus.OK))
    reply += len(devices).to_bytes(4, "big")
    for device in devices:
        reply += device.encode()
        reply += b"".join(INTERFACE.pack(*code) for code in device.interfaces)
    return bytes(reply)


def import_reply(device: DeviceRecord | None, status: int = OpStatus.OK) -> bytes:
    """OP_REP_IMPORT; ``device`` is None when ``status`` says why not."""
    return OP_HEADER.pack(VERSION, OP_IMPORT, status) + (device.encode() if device is not None else b"")


def submit_reply(request: Submit, status: int, data: bytes = b"", taken: int = 0) -> bytes:
    """RET_SUBMIT: ``status`` is 0 or a negative errno of Linux; ``data`` came in, or ``taken`` bytes went out."""
    header = RETURN.pack(RET_SUBMIT, request.seqnum, 0, 0, 0, status, len(data) or taken, 0, 0, 0)
    return header + data


def unlink_reply(request: Unlink, status: int) -> bytes:
    """RET_UNLINK: -104 when the transfer was given up, 0 when it had been answered already."""
    return UNLINK_RETURN.pack(RET_UNLINK, request.seqnum, 0, 0, 0, status)
