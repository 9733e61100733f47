"""Simulated USB devices for programs of other processes: the USB/IP server's trio side.

One importer per device at a time. A client that goes away, in whatever manner, releases its device: transfers that
wait and data that nobody fetched are dropped, as Linux's own server resets a device then; the target is not touched.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import trio

from .bus import Unmodelled
from .clock import PS_PER_SECOND
from .errors import SimulationError
from .pacing import IdleTime, Pacing
from .transfers import Carrier
from .usb import UsbDevice
from .usbip import (
    Decoder,
    DeviceRecord,
    Import,
    ListDevices,
    Malformed,
    OpStatus,
    Request,
    Submit,
    Unlink,
    device_list,
    import_reply,
)

__all__ = ["Export", "Server"]

log = logging.getLogger(__name__)

BUS = 1
CHUNK = 65536
SLICE = PS_PER_SECOND // 100  # virtual time between two looks at other clients while time passes
TURN = 32  # transfers of a client between two looks at other clients
MAX_WAITING = 4096  # transfers of a client that wait for data
TICK = 0.02  # seconds between two looks at a device whose data somebody waits for


class Export:
    """A device on the server's bus, at port ``port`` (from 1).

    ``settle`` brings the board up to its clock, ``pacing`` says when time passes, and ``idle`` is stopped while the
    board works.
    """

    def __init__(
        self, port: int, device: UsbDevice, settle: Callable[[], None], name: str, *, pacing: Pacing, idle: IdleTime
    ) -> None:
        self.port = port
        self.device = device
        self.settle = settle
        self.name = name
        self.carrier = Carrier(device)
        self.problem = ""  # a sentence when the simulation could not go on
        self.holder: trio.CancelScope | None = None
        self.imports = 0
        self.pacing = pacing
        self.idle = idle
        self._time = trio.Lock()
        device.on_unplug = self._unplugged

    @property
    def busid(self) -> str:
        """How clients name the device."""
        return f"{BUS}-{self.port}"

    @property
    def seconds(self) -> float:
        """The board's time."""
        return self.device.clock.horizon / PS_PER_SECOND

    def record(self, devnum: int) -> DeviceRecord:
        """Return what the device list says."""
        one = self.device.descriptor
        return DeviceRecord(
            path=f"/sys/devices/haltpoint/usb{BUS}/{self.busid}",
            busid=self.busid,
            busnum=BUS,
            devnum=devnum,
            speed=3 if one.high_speed else 2,
            vendor=one.vendor,
            product=one.product,
            version=one.version,
            code=one.code,
            configuration=one.configuration.value,
            interfaces=tuple(interface.code for interface in one.configuration.interfaces),
        )

    async def pass_time(self) -> None:
        """Let pass on the board what is due by the wall, in slices between which other clients are served."""
        if self._time.locked():
            await self._time.acquire()
            due = self._due()
        else:
            if (due := self._due()) <= 0:  # the usual case, without a detour through the scheduler
                return
            self._time.acquire_nowait()
        try:
            while due > 0 and not self.problem:
                step = min(due, SLICE)
                with self.idle.working():
                    self.device.clock.advance(step)
                    self.settle()
                due -= step
                await trio.lowlevel.checkpoint()
        finally:
            self._time.release()

    def _due(self) -> int:
        """Return the picoseconds that are to pass now."""
        return round(self.pacing.due(self.seconds) * PS_PER_SECOND)

    async def keep_pace(self) -> None:
        """Let time pass even while nobody looks. Runs until cancelled or until the simulation cannot go on."""
        while not self.problem:
            with self.guarded():
                await self.pass_time()
            await trio.sleep(TICK)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Let what the simulation cannot carry out cost this board, not the server."""
        try:
            yield
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            raise
        except (Unmodelled, SimulationError) as gap:
            self._give_up(str(gap))
        except Exception as error:
            log.exception("A defect in Haltpoint; please report it")
            self._give_up(f"{type(error).__name__}: {error}")

    def _give_up(self, problem: str) -> None:
        self.problem = problem
        log.error("%s (%s) cannot be simulated any further and is unplugged: %s", self.busid, self.name, problem)
        self.device.unplug()

    @contextmanager
    def held(self) -> Iterator[trio.CancelScope]:
        """Hold the device for one client; the scope is cancelled when the device is unplugged."""
        address = self.device.address
        with trio.CancelScope() as scope:
            self.holder = scope
            self.imports += 1
            try:
                yield scope
            finally:
                if self.holder is scope:
                    self.holder = None
                if self.device.plugged and self.device.address == address:
                    self.carrier.release()

    def _unplugged(self) -> None:
        holder, self.holder = self.holder, None
        self.carrier.forget()
        if holder is not None:
            holder.cancel()


class Server:
    """The devices of one USB/IP server, and the handler of its connections."""

    def __init__(self, exports: Sequence[Export]) -> None:
        self.exports = list(exports)
        self.malformed = 0
        self.clients = 0
        self._devnums: dict[tuple[int, int], int] = {}

    def devnum(self, export: Export) -> int:
        """Return the device's number on the bus: a new one each time it is plugged in."""
        key = export.port, export.device.address
        return self._devnums.setdefault(key, len(self._devnums) + 2)  # 1 is the root hub

    def devices(self) -> list[DeviceRecord]:
        """Return what is plugged in."""
        return [export.record(self.devnum(export)) for export in self.exports if export.device.plugged]

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end. Raises nothing but what cancels it."""
        self.clients += 1
        _keep_alive(stream)
        async with stream:
            try:
                await Connection(self, stream).run()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                log.debug("a client left without a farewell")
            except Exception:
                log.exception("A connection ended by a defect in Haltpoint; please report it. The server goes on.")


def _keep_alive(stream: trio.abc.Stream) -> None:
    """A client whose machine is gone must not hold a device for ever. TCP_NODELAY is trio's default."""
    if isinstance(stream, trio.SocketStream):
        try:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except OSError:
            log.debug("a client left before it was received")


class Connection:
    """One client: operations first, transfers once a device is imported."""

    def __init__(self, server: Server, stream: trio.abc.Stream) -> None:
        self._server = server
        self._stream = stream
        self._decoder = Decoder()
        self._out = bytearray()
        self._closed = False

    async def run(self) -> None:
        """Answer operations until the client imports a device, then carry its transfers."""
        while await self._receive():
            while (request := self._decoder.next()) is not None:
                export = self._operate(request)
                await self._flush()
                if self._closed:
                    return
                if export is not None:
                    await self._hold(export)
                    return

    async def _receive(self) -> bool:
        data = await self._stream.receive_some(CHUNK)
        self._decoder.feed(bytes(data))
        return bool(data)

    async def _flush(self) -> None:
        if self._out:
            data, self._out = self._out, bytearray()
            await self._stream.send_all(data)

    def _operate(self, request: Request) -> Export | None:
        if isinstance(request, ListDevices):
            self._out += device_list(self._server.devices())
        elif isinstance(request, Import):
            return self._import(request.busid)
        else:
            self._refuse(request)
        return None

    def _import(self, busid: str) -> Export | None:
        found = [export for export in self._server.exports if export.busid == busid and export.device.plugged]
        if not found:
            self._out += import_reply(None, OpStatus.NO_DEVICE)
            return None
        if found[0].holder is not None:
            self._out += import_reply(None, OpStatus.BUSY)
            return None
        return found[0]

    def _refuse(self, request: Request) -> None:
        self._close(request.problem if isinstance(request, Malformed) else f"{request} came at the wrong time.")

    def _close(self, problem: str) -> None:
        self._closed = True
        self._server.malformed += 1
        log.warning("A client's connection is closed: %s", problem)

    # --- transfers

    async def _hold(self, export: Export) -> None:
        with export.held():
            record = export.record(self._server.devnum(export))
            devid = record.busnum << 16 | record.devnum
            log.debug("%s is imported", export.busid)
            self._decoder.carry_transfers()
            self._out += import_reply(record)
            with export.guarded():
                await self._flush()
                await self._carry(export, devid)
            log.debug("%s is released", export.busid)

    async def _carry(self, export: Export, devid: int) -> None:
        while await self._receive_or_look(export):
            await export.pass_time()
            with export.idle.working():
                self._out += export.carrier.look()
            if not await self._answer(export, devid):
                return

    async def _answer(self, export: Export, devid: int) -> bool:
        """Carry what has been received; False when the connection cannot go on."""
        carrier, pacing = export.carrier, export.pacing
        count = 0
        while (request := self._decoder.next()) is not None:
            if not isinstance(request, Submit | Unlink):
                self._refuse(request)
            elif request.devid != devid:
                self._close(f"It asks for device 0x{request.devid:08X}, but imported 0x{devid:08X}.")
            elif carrier.waiting >= MAX_WAITING and isinstance(request, Submit):
                self._close(f"It has {carrier.waiting} transfers waiting.")
            if self._closed:
                await self._flush()
                return False
            assert isinstance(request, Submit | Unlink)
            with export.idle.working():
                self._out += carrier.unlink(request) if isinstance(request, Unlink) else carrier.submit(request)
            if (early := pacing.ahead(export.seconds)) > 0:
                await trio.sleep(early)
            count += 1
            if not count % TURN:
                await self._flush()
                await trio.lowlevel.checkpoint()
        await self._flush()
        if count:
            pacing.answered()
        return True

    async def _receive_or_look(self, export: Export) -> bool:
        """Wait for bytes, or for a moment when a transfer waits whose data time may bring; False: the client left."""
        if not export.carrier.waiting or not export.pacing.goes_on:
            return await self._receive()
        with trio.move_on_after(TICK):
            return await self._receive()
        return True
