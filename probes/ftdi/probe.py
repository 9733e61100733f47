"""An FTDI adapter as a DebugPort: opening, choosing the wire, speed, reset lines. See ``..debug_port``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, Self

from ..debug_port import Transaction
from ..errors import HaltpointError, LinkError, NoTargetError, ProbeError
from ..probe import ProbeInfo
from ..usb import UsbDevice
from .adapters import AUTO, JTAG, NRST, NTRST, PRODUCTS, SWD, SWD_EN, SWDIO_OE, Adapter
from .engine import Engine
from .jtag import Jtag
from .mpsse import Stream, divisor_for, frequency_of
from .pins import Level, Pins
from .swd import Swd
from .usb import Channel
from .wire import Wire

__all__ = ["FtdiProbe"]

log = logging.getLogger(__name__)

DEFAULT_KHZ: Final = 4000
SLOWEST_HZ: Final = 50_000
CAREFUL_IDLE: Final = 16


class FtdiProbe:
    """An opened FTDI adapter."""

    def __init__(
        self, channel: Channel, adapter: Adapter, device: UsbDevice, serial: str, sleep: Callable[[float], None]
    ) -> None:
        self._channel = channel
        self._adapter = adapter
        self._pins = Pins(adapter)
        self._sleep = sleep
        self._divisor = divisor_for(1000 * DEFAULT_KHZ)
        self._engine: Engine | None = None
        self._closed = False
        name = PRODUCTS.get(device.product_id, "FTDI")
        kind = name if adapter.wire == AUTO else f"{adapter.name} ({name})"
        selector = ":".join(filter(None, ("ftdi", adapter.name, serial)))
        self._info = ProbeInfo(kind, serial, "-", selector)

    @classmethod
    def open(cls, device: UsbDevice, adapter: Adapter, serial: str, sleep: Callable[[float], None]) -> Self:
        """Claim the adapter's channel and give its pins their levels; the target is not touched.

        Raises ProbeBusyError, ProbePermissionError, ProbeGoneError, ProbeTimeoutError, ProbeProtocolError.
        """
        channel = Channel.open(device, adapter.channel)
        probe = cls(channel, adapter, device, serial, sleep)
        try:
            probe._set_up()
        except BaseException:
            channel.close()
            raise
        return probe

    # ------------------------------------------------------------------------------------ what it is
    @property
    def info(self) -> ProbeInfo:
        """See DebugPort."""
        return self._info

    @property
    def wire(self) -> str:
        """See DebugPort."""
        return self._engine.wire.name if self._engine else ""

    @property
    def refuses_at_once(self) -> bool:
        """See DebugPort."""
        return self._connected.wire.refuses_at_once

    def sleep(self, seconds: float) -> None:
        """See DebugPort."""
        self._sleep(seconds)

    def voltage(self) -> float | None:
        """See DebugPort: no FTDI adapter measures it."""
        return None

    @property
    def _connected(self) -> Engine:
        if self._engine is None:
            raise NoTargetError("Accessing the target", "the probe is not connected to it", "Connect first.")
        return self._engine

    # ------------------------------------------------------------------------------------ pins and clock
    def _set_up(self) -> None:
        stream = Stream()
        stream.plain()
        stream.clock(self._divisor)
        self._pins.add_to(stream)
        self._channel.set_up(stream)
        self._channel.hertz = frequency_of(self._divisor)

    def set_speed(self, khz: int) -> int:
        """See DebugPort."""
        self._divisor = divisor_for(1000 * khz)
        self._set_up()
        return int(frequency_of(self._divisor) / 1000)

    def slow_down(self) -> str:
        """See DebugPort."""
        wire = self._connected.wire
        if wire.idle < CAREFUL_IDLE:
            wire.idle = CAREFUL_IDLE
            return f"{wire.idle} idle clocks"
        hertz = int(frequency_of(self._divisor) / 2)
        if hertz < SLOWEST_HZ:
            return ""
        self._divisor = divisor_for(hertz)
        self._set_up()
        return f"{frequency_of(self._divisor) / 1000:.0f} kHz and {wire.idle} idle clocks"

    def set_reset(self, asserted: bool) -> None:
        """See DebugPort."""
        if not self._pins.has(NRST):
            log.debug("! the adapter %s has no reset line", self._adapter.name)
            return
        self._pins.set(NRST, Level.LOW if asserted else Level.FLOATING)
        self._set_up()

    # ------------------------------------------------------------------------------------ connecting
    def connect(self) -> None:
        """See DebugPort. With an adapter that can be wired either way, SWD is tried before JTAG."""
        self._engine = None
        if self._pins.has(NTRST):
            self._pins.set(NTRST, Level.FLOATING)
        first: HaltpointError | None = None
        for wire in (SWD, JTAG) if self._adapter.wire == AUTO else (self._adapter.wire,):
            engine = Engine(self._make_wire(wire), self._sleep)
            try:
                identity = engine.enter()
            except NoTargetError as error:
                first = first or error
                failure = error
                continue
            log.info("Debug port 0x%08X by %s", identity, engine.wire.name)
            self._engine = engine
            return
        if first is failure:
            raise first
        raise NoTargetError(
            "Connecting by SWD and by JTAG",
            f"by SWD {first.seen if first else ''}; by JTAG {failure.seen}",
            f"{failure.advice} Name the wiring with ftdi:{self._adapter.name}-swd or ftdi:{self._adapter.name}-jtag.",
        )

    def _make_wire(self, wire: str) -> Wire:
        if wire == JTAG:
            return Jtag(self)
        for name in (SWD_EN, SWDIO_OE):
            if self._pins.has(name):
                self._pins.set(name, Level.HIGH)
        self._set_up()
        turn = (lambda stream, drive: self._pins.turn(stream, drive=drive)) if self._pins.has(SWDIO_OE) else None
        return Swd(self, turn, self._adapter.target)

    # ------------------------------------------------------------------------------------ for the wires
    def new_stream(self) -> Stream:
        """See jtag.Lines."""
        return Stream(sample_falling=self._adapter.sample_falling)

    def exchange(self, stream: Stream) -> bytes:
        """See jtag.Lines."""
        return self._channel.exchange(stream)

    # ------------------------------------------------------------------------------------ batches, end
    def transact(self, batch: Sequence[Transaction]) -> list[int | None]:
        """See DebugPort."""
        return self._connected.transact(batch)

    def close(self) -> None:
        """See DebugPort."""
        engine, self._engine = self._engine, None
        if self._closed:
            return
        self._closed = True
        try:
            if engine is not None:
                engine.leave()
            if self._pins.has(NRST):
                self.set_reset(asserted=False)
        except (ProbeError, LinkError) as error:
            log.debug("! closing: %s", error)
        finally:
            self._channel.close()
