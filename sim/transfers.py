"""Carries the transfers of one USB/IP client to a simulated device. No I/O.

OUT and control transfers are over at once, IN transfers wait until the device has data or until the client gives
them up: a timeout is the client's CMD_UNLINK, there are none here.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .usb import UNTIMED, PendingIn, Setup, UsbDevice, UsbFailure, UsbReason
from .usbip import Submit, Unlink, submit_reply, unlink_reply

__all__ = ["Carrier", "Counts", "Transfer"]

STATUS = {
    UsbReason.STALL: -errno.EPIPE,
    UsbReason.OVERFLOW: -errno.EOVERFLOW,
    UsbReason.GONE: -errno.ENODEV,
    UsbReason.IO: -errno.EPROTO,
}
GIVEN_UP = -errno.ECONNRESET
SHORT = -errno.EREMOTEIO

PORT_RESET = (0x23, 3, 4)  # SET_FEATURE(PORT_RESET) to the hub (USB 2.0 11.24.2.13), which is not there


@dataclass(frozen=True)
class Transfer:
    """A finished transfer, for observers; ``problem`` is "" or why it failed: STALL, OVERFLOW, GONE, IO."""

    endpoint: int
    data: bytes
    problem: str


@dataclass
class Counts:
    """What happened on one pipe."""

    transfers: int = 0
    bytes: int = 0
    stalls: int = 0
    errors: int = 0
    given_up: int = 0


@dataclass(eq=False)
class _Waiting:
    request: Submit
    pending: PendingIn | None  # None: lost on its way, only giving up ends it


class Carrier:
    """Transfers of the client that holds ``device``. Methods return the bytes to send to it."""

    def __init__(self, device: UsbDevice) -> None:
        self.device = device
        self.counts: dict[int, Counts] = {}
        self.observe: Callable[[Transfer], None] = _ignore
        self._queues: dict[int, deque[_Waiting]] = {}

    @property
    def waiting(self) -> int:
        """Number of transfers that have not been answered."""
        return sum(len(queue) for queue in self._queues.values())

    def submit(self, request: Submit) -> bytes:
        """Begin a transfer; the answers that it brings, to itself and to those that waited."""
        number = request.endpoint & 0x0F
        if not number:
            return self._control(request) + self.look()
        if request.endpoint & 0x80:
            return self._in(request)
        return self._out(request) + self.look()

    def unlink(self, request: Unlink) -> bytes:
        """Give a transfer up."""
        for endpoint, queue in self._queues.items():
            for one in queue:
                if one.request.seqnum == request.victim:
                    queue.remove(one)
                    self._counts(endpoint).given_up += 1
                    return unlink_reply(request, GIVEN_UP)
        return unlink_reply(request, 0)

    def look(self) -> bytes:
        """Answer the waiting transfers whose data has come."""
        out = bytearray()
        for endpoint in [endpoint for endpoint, queue in self._queues.items() if queue]:
            out += self._look(self._queues[endpoint])
        return bytes(out)

    def forget(self) -> None:
        """Drop what waits: the client or the device is gone."""
        self._queues.clear()

    def release(self) -> None:
        """Drop what waits and what the device still wanted to send; the target is not touched."""
        self.forget()
        self.device.bus_reset()

    def _look(self, queue: deque[_Waiting]) -> bytes:
        out = bytearray()
        while queue:
            head = queue[0]
            if head.pending is None:
                break
            try:
                data = head.pending.poll()
            except UsbFailure as failure:
                answer = self._failed(head.request, failure)
            else:
                if data is None:
                    break
                answer = self._done(head.request, data)
            if queue and queue[0] is head:
                queue.popleft()
            out += answer
        return bytes(out)

    def _end_all(self) -> bytes:
        """Reset the device; Linux ends the transfers that wait with ESHUTDOWN then."""
        waiting = [one.request for queue in self._queues.values() for one in queue]
        self.release()
        return b"".join(submit_reply(request, -errno.ESHUTDOWN) for request in waiting)

    # --- the three kinds

    def _in(self, request: Submit) -> bytes:
        queue = self._queues.setdefault(request.endpoint, deque())
        try:
            pending = self.device.submit_in(request.endpoint, request.length)
        except UsbFailure as failure:
            if failure.reason is not UsbReason.TIMEOUT:
                return self._failed(request, failure)
            pending = None
        queue.append(_Waiting(request, pending))
        return self._look(queue)

    def _out(self, request: Submit) -> bytes:
        try:
            taken = self.device.bulk_out(request.endpoint, request.data, UNTIMED)
        except UsbFailure as failure:
            if failure.reason is not UsbReason.TIMEOUT:
                return self._failed(request, failure)
            self._queues.setdefault(request.endpoint, deque()).append(_Waiting(request, None))
            return b""
        return self._done(request, request.data, taken)

    def _control(self, request: Submit) -> bytes:
        kind, code, value, index, length = (
            request.setup[0],
            request.setup[1],
            int.from_bytes(request.setup[2:4], "little"),
            int.from_bytes(request.setup[4:6], "little"),
            int.from_bytes(request.setup[6:8], "little"),
        )
        try:
            if (kind, code, value) == PORT_RESET:
                return self._end_all() + self._done(request, b"")
            reply = self.device.control(Setup(kind, code, value, index, request.data, min(length, request.length)))
        except UsbFailure as failure:
            return self._failed(request, failure)
        if request.endpoint & 0x80:
            return self._done(request, reply)
        return self._done(request, request.data, len(request.data))

    def _done(self, request: Submit, data: bytes, taken: int = 0) -> bytes:
        counts = self._counts(request.endpoint)
        counts.transfers += 1
        counts.bytes += len(data)
        self.observe(Transfer(request.endpoint, data, ""))
        if not request.endpoint & 0x80:
            return submit_reply(request, 0, taken=taken)
        return submit_reply(request, SHORT if request.exact and len(data) < request.length else 0, data)

    def _failed(self, request: Submit, failure: UsbFailure) -> bytes:
        counts = self._counts(request.endpoint)
        counts.transfers += 1
        if failure.reason is UsbReason.STALL:
            counts.stalls += 1
        else:
            counts.errors += 1
        self.observe(Transfer(request.endpoint, b"", failure.reason.name))
        return submit_reply(request, STATUS[failure.reason])

    def _counts(self, endpoint: int) -> Counts:
        return self.counts.setdefault(endpoint, Counts())


def _ignore(_transfer: Transfer) -> None:
    return
