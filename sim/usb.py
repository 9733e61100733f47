"""USB devices as a host controller sees them: descriptors, control requests, bulk pipes, stalls, time and unplugging.

A device knows nothing of pyusb or USB/IP; whoever carries its transfers catches :class:`UsbFailure`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from .clock import VirtualClock
from .descriptors import BULK, INTERRUPT, Configuration, DeviceDescriptor, Endpoint, Interface
from .errors import SimulationError

__all__ = [
    "BULK",
    "INTERRUPT",
    "UNTIMED",
    "Configuration",
    "DeviceDescriptor",
    "Endpoint",
    "Interface",
    "PendingIn",
    "Setup",
    "UsbCosts",
    "UsbDevice",
    "UsbFailure",
    "UsbReason",
    "UsbStats",
]

US = 1_000_000
MS = 1_000_000_000

GET_STATUS, CLEAR_FEATURE, SET_FEATURE = 0, 1, 3  # USB 2.0 table 9-4
GET_DESCRIPTOR, GET_CONFIGURATION, SET_CONFIGURATION, GET_INTERFACE, SET_INTERFACE = 6, 8, 9, 10, 11
ENDPOINT_HALT = 0  # table 9-6
IN = 0x80
UNTIMED = -1
"""A timeout, in milliseconds, that is the business of whoever carries the transfer."""


class UsbReason(Enum):
    """Why a transfer or a call failed."""

    TIMEOUT = "the transfer timed out"
    STALL = "the endpoint stalled"
    GONE = "there is no such device any more"
    ACCESS = "the system does not let this user open the device"
    BUSY = "somebody else holds the interface"
    OVERFLOW = "the device sent more than was asked for"
    NOT_FOUND = "there is no such endpoint or interface"
    IO = "input/output error"


class UsbFailure(Exception):  # noqa: N818 - a transfer's outcome, not a program's error
    """A transfer or call that did not succeed."""

    def __init__(self, reason: UsbReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass
class UsbStats:
    """Exact counts of what crossed the bus since the last reset."""

    bulk_out: int = 0
    bulk_in: int = 0
    control: int = 0
    bytes_out: int = 0
    bytes_in: int = 0

    @property
    def bulk(self) -> int:
        """Bulk transfers in both directions."""
        return self.bulk_out + self.bulk_in

    def reset(self) -> None:
        """Count from 0 again."""
        self.bulk_out = self.bulk_in = self.control = self.bytes_out = self.bytes_in = 0


@dataclass(frozen=True)
class UsbCosts:
    """Picoseconds of virtual time per transfer, and per further packet of a long one."""

    bulk: int
    packet: int = 0
    control: int = 1 * MS


@dataclass(frozen=True)
class Setup:
    """A control transfer (USB 2.0 table 9-2): ``data`` goes out, up to ``length`` bytes come back."""

    request_type: int
    request: int
    value: int
    index: int
    data: bytes
    length: int


@dataclass
class _Pipe:
    endpoint: Endpoint
    packets: deque[bytes] = field(default_factory=deque)
    halted: bool = False


class PendingIn:
    """An IN transfer under way. Its carrier polls it after everything that may have brought data."""

    def __init__(self, device: UsbDevice, pipe: _Pipe, length: int) -> None:
        self._device = device
        self._pipe = pipe
        self._length = length
        self._data = bytearray()

    def poll(self) -> bytes | None:
        """Return the data when the transfer is complete, None before. Raises UsbFailure: STALL, OVERFLOW or GONE."""
        return self._device.poll_in(self._pipe, self._data, self._length)


class UsbDevice:
    """A device on the bus. Subclasses override :meth:`on_out` and, for class or vendor requests, :meth:`on_control`."""

    def __init__(self, descriptor: DeviceDescriptor, clock: VirtualClock, costs: UsbCosts) -> None:
        self.descriptor = descriptor
        self.clock = clock
        self.costs = costs
        self.stats = UsbStats()
        self.plugged = True
        self.permitted = True  # False: opening is refused with EACCES
        self.address = 1  # a re-plugged device gets a new one
        self.before_bulk: Callable[[int], None] = lambda _endpoint: None
        self.shorten: Callable[[bytes], bytes] = lambda packet: packet
        self.on_unplug: Callable[[], None] = lambda: None
        self._pipes: dict[int, _Pipe] = {}
        self._open_pipes()

    def _open_pipes(self) -> None:
        interfaces = self.descriptor.configuration.interfaces
        endpoints = [endpoint for interface in interfaces for endpoint in interface.endpoints]
        self._pipes = {endpoint.address: _Pipe(endpoint) for endpoint in endpoints}

    # --- for subclasses

    def on_out(self, endpoint: int, data: bytes) -> None:
        """Take one OUT transfer; :meth:`stall` refuses it."""
        raise NotImplementedError(f"{type(self).__name__} took {len(data)} bytes on endpoint 0x{endpoint:02X}")

    def on_control(self, setup: Setup) -> bytes:  # noqa: ARG002 - for subclasses
        """Answer a class or vendor request; the default refuses it."""
        raise UsbFailure(UsbReason.STALL)

    def on_in(self, endpoint: int, length: int, timeout_ms: int) -> None:
        """Be asked for up to ``length`` bytes: a device that makes its packets when it is asked sends them now."""

    def on_reset(self) -> None:
        """Be reset by the bus or plugged in again."""

    def send(self, endpoint: int, data: bytes) -> None:
        """Put one IN transfer into the pipe, cut into packets. No zero-length packet follows a full last one."""
        pipe = self._pipes[endpoint]
        size = pipe.endpoint.packet
        pipe.packets.extend(data[start : start + size] for start in range(0, len(data), size))

    def stall(self, endpoint: int) -> None:
        """Halt an endpoint until the host clears it."""
        self._pipes[endpoint].halted = True

    def pending(self, endpoint: int) -> int:
        """Bytes waiting in an IN pipe."""
        return sum(len(packet) for packet in self._pipes[endpoint].packets)

    # --- for whoever carries transfers

    def bulk_out(self, endpoint: int, data: bytes, timeout_ms: int) -> int:
        """Carry an OUT transfer of a bulk or interrupt pipe; return the bytes taken."""
        pipe = self._begin(endpoint, timeout_ms)
        self.stats.bulk_out += 1
        self._spend(pipe, len(data))
        self.stats.bytes_out += len(data)
        self.on_out(endpoint, data)
        if pipe.halted:
            raise UsbFailure(UsbReason.STALL)
        return len(data)

    def bulk_in(self, endpoint: int, length: int, timeout_ms: int) -> bytes:
        """Carry an IN transfer: until ``length`` bytes, a short packet, or the timeout.

        A packet that does not fit into what is left of ``length`` is lost and fails the transfer with OVERFLOW.
        Bytes that came before a timeout are returned.
        """
        pipe = self._begin(endpoint, timeout_ms)
        self.stats.bulk_in += 1
        out = bytearray()
        self.on_in(endpoint, length, timeout_ms)
        if not self._fill(pipe, out, length):
            self._wait_in_vain(timeout_ms)
        self._end_in(pipe, out)
        if length and not out:
            raise UsbFailure(UsbReason.TIMEOUT)
        return bytes(out)

    def submit_in(self, endpoint: int, length: int) -> PendingIn:
        """Begin an IN transfer that waits for its data without a timeout; see PendingIn."""
        pipe = self._begin(endpoint, UNTIMED)
        self.stats.bulk_in += 1
        return PendingIn(self, pipe, length)

    def poll_in(self, pipe: _Pipe, out: bytearray, length: int) -> bytes | None:
        """Let a PendingIn collect what has come."""
        self._require_plugged()
        if pipe.halted:
            raise UsbFailure(UsbReason.STALL)
        self.on_in(pipe.endpoint.address, length - len(out), UNTIMED)
        if not self._fill(pipe, out, length):
            return None
        self._end_in(pipe, out)
        return bytes(out)

    def _fill(self, pipe: _Pipe, out: bytearray, length: int) -> bool:
        """Move packets from the pipe; True when the transfer is complete: ``length`` bytes or a short packet."""
        while len(out) < length:
            if not pipe.packets:
                return False
            packet = self.shorten(pipe.packets.popleft())
            if len(packet) > length - len(out):
                raise UsbFailure(UsbReason.OVERFLOW)
            out += packet
            if len(packet) < pipe.endpoint.packet:
                break
        return True

    def _end_in(self, pipe: _Pipe, out: bytearray) -> None:
        self._spend(pipe, len(out))
        self.stats.bytes_in += len(out)

    def control(self, setup: Setup) -> bytes:
        """Carry a control transfer; return what comes back."""
        self._require_plugged()
        self.stats.control += 1
        self.clock.advance(self.costs.control)
        reply = self.on_control(setup) if setup.request_type & 0x60 else self._standard(setup)
        return reply[: setup.length]

    def clear_halt(self, endpoint: int) -> None:
        """CLEAR_FEATURE(ENDPOINT_HALT)."""
        self._require_plugged()
        self._pipe(endpoint).halted = False

    def bus_reset(self) -> None:
        """Reset the device: pipes are empty and not halted."""
        self._require_plugged()
        self._open_pipes()
        self.on_reset()

    def unplug(self) -> None:
        """Pull the plug; every later transfer fails with GONE."""
        self.plugged = False
        self.on_unplug()

    def plug(self) -> None:
        """Plug in again, as a device with a new address."""
        if not self.plugged:
            self.plugged = True
            self.address += 1
            self._open_pipes()
            self.on_reset()

    def _pipe(self, endpoint: int) -> _Pipe:
        try:
            return self._pipes[endpoint]
        except KeyError:
            raise UsbFailure(UsbReason.IO) from None

    def _begin(self, endpoint: int, timeout_ms: int) -> _Pipe:
        self._require_plugged()
        pipe = self._pipe(endpoint)
        self._timeout_ms = timeout_ms
        self.before_bulk(endpoint)
        self._require_plugged()
        if pipe.halted:
            self.clock.advance(self.costs.bulk)
            raise UsbFailure(UsbReason.STALL)
        return pipe

    def time_out(self) -> None:
        """Let the transfer under way time out."""
        if self._timeout_ms != UNTIMED:
            self._wait_in_vain(self._timeout_ms)
        raise UsbFailure(UsbReason.TIMEOUT)

    def _wait_in_vain(self, timeout_ms: int) -> None:
        if timeout_ms <= 0:
            raise SimulationError("A USB read without a timeout waits for data that will never come.")
        self.clock.advance(timeout_ms * MS)

    def _require_plugged(self) -> None:
        if not self.plugged:
            raise UsbFailure(UsbReason.GONE)

    def _spend(self, pipe: _Pipe, length: int) -> None:
        further = max(0, (length - 1) // pipe.endpoint.packet)
        self.clock.advance(self.costs.bulk + further * self.costs.packet)

    # --- standard requests (USB 2.0 section 9.4)

    def _standard(self, setup: Setup) -> bytes:
        to_endpoint = setup.request_type & 0x1F == 2
        configuration = self.descriptor.configuration
        if setup.request == GET_DESCRIPTOR:
            return self._descriptor(setup.value >> 8, setup.value & 0xFF)
        if setup.request == GET_CONFIGURATION:
            return bytes([configuration.value])
        if setup.request == GET_STATUS:
            return bytes([int(to_endpoint and self._addressed(setup).halted), 0])
        if setup.request == GET_INTERFACE:
            return b"\0"
        if setup.request in (CLEAR_FEATURE, SET_FEATURE) and to_endpoint and setup.value == ENDPOINT_HALT:
            self._addressed(setup).halted = setup.request == SET_FEATURE
            return b""
        if setup.request == SET_CONFIGURATION and setup.value in (0, configuration.value):
            return b""
        if setup.request == SET_INTERFACE and not setup.value and setup.index < len(configuration.interfaces):
            return b""
        raise UsbFailure(UsbReason.STALL)

    def _addressed(self, setup: Setup) -> _Pipe:
        """Return the pipe that a request to an endpoint names; the control endpoint has none of its own."""
        number = setup.index & 0x8F
        if number in (0x00, 0x80):
            return _Pipe(Endpoint(0, 64))
        if number not in self._pipes:
            raise UsbFailure(UsbReason.STALL)
        return self._pipes[number]

    def _descriptor(self, kind: int, number: int) -> bytes:
        if kind == 1:
            return self.descriptor.encode()
        if kind == 2 and number == 0:
            return self.descriptor.configuration.encode()
        if kind == 3 and number in self.descriptor.strings:
            return self.descriptor.strings[number]
        if kind == 6 and self.descriptor.high_speed:
            return bytes([10, 6, 0x00, 0x02, 0, 0, 0, 64, 1, 0])
        raise UsbFailure(UsbReason.STALL)
